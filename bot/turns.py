"""One turn of a conversation: taken once, stored whole or not at all, replayed when repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rasa.core.agent import Agent
from rasa.core.channels.channel import OutputChannel, UserMessage
from rasa.core.processor import MessageProcessor
from rasa.shared.core.constants import ACTION_LISTEN_NAME, REQUESTED_SLOT
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActiveLoop,
    BotUttered,
    Event,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker

from bot.errors import NotReady, Runaway, Silent


@dataclass(frozen=True)
class Turn:
    """What one turn produced, as it goes out."""

    turn: str
    replayed: bool
    messages: list[dict[str, Any]]  # each bot utterance: text, buttons, custom, metadata's keys
    intent: dict[str, Any]  # name, confidence
    entities: list[dict[str, Any]]
    loop: str | None  # the form that is active when the turn ends
    requested_slot: str | None


class Unsent(OutputChannel):
    """Sends nothing: a turn's messages are read from its events once it has succeeded."""

    @classmethod
    def name(cls) -> str:
        return "dialogue"

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Do nothing."""


async def take_turn(agent: Agent, message: UserMessage) -> Turn:
    """Run a turn, or answer from the store if it has been run before.

    A turn is known by its message id, for as long as Rasa keeps the conversation's session. The
    caller holds the conversation's lock. `Agent.handle_message` would read the tracker twice,
    and store turns that ended in silence.

    Raises:
        TurnAborted: Nothing was stored.
    """
    processor = ready(agent)
    tracker = await processor.get_tracker(message.sender_id)
    if (stored := _stored_turn(tracker, message.message_id, processor.domain)) is not None:
        return stored

    await processor._update_tracker_session(tracker, message.output_channel)
    await processor._handle_message_with_tracker(message, tracker)
    tracker = await processor.run_action_extract_slots(message.output_channel, tracker)
    await processor._run_prediction_loop(message.output_channel, tracker)

    if tracker.latest_action_name != ACTION_LISTEN_NAME and not tracker.is_paused():
        raise Runaway(str(tracker.latest_action_name))
    turn = _turn(message.message_id, list(tracker.events), tracker, replayed=False)
    await processor.save_tracker(tracker)
    return turn


async def reset(agent: Agent, conversation: str) -> None:
    """End the active form of a conversation; slots stay. Nothing happens where there is none.

    `action_listen` is recorded last, for else Rasa takes the next message for an answer that an
    action still waits for, and falls back.
    """
    processor = ready(agent)
    tracker = await processor.get_tracker(conversation)
    if tracker.active_loop_name is None and tracker.get_slot(REQUESTED_SLOT) is None:
        return
    tracker.update_with_events(
        [ActiveLoop(None), SlotSet(REQUESTED_SLOT, None), ActionExecuted(ACTION_LISTEN_NAME)],
        processor.domain,
    )
    await processor.save_tracker(tracker)


def ready(agent: Agent | None) -> MessageProcessor:
    """The agent's processor.

    Raises:
        NotReady: No model is loaded.
    """
    if agent is None or agent.processor is None:
        raise NotReady
    return agent.processor


def _stored_turn(tracker: DialogueStateTracker, turn: str, domain: Domain) -> Turn | None:
    events = list(tracker.events)
    for start in range(len(events) - 1, -1, -1):
        event = events[start]
        if isinstance(event, UserUttered) and event.message_id == turn:
            break
    else:
        return None
    end = next((i for i in range(start + 1, len(events)) if _listens(events[i])), len(events) - 1)
    then = DialogueStateTracker.from_events(tracker.sender_id, events[: end + 1], domain.slots)
    return _turn(turn, events[: end + 1], then, replayed=True)


def _listens(event: Event) -> bool:
    return isinstance(event, ActionExecuted) and event.action_name == ACTION_LISTEN_NAME


def _turn(turn: str, events: list[Event], then: DialogueStateTracker, replayed: bool) -> Turn:
    start = max(
        i for i, e in enumerate(events) if isinstance(e, UserUttered) and e.message_id == turn
    )
    said, uttered = events[start], events[start:]
    messages = [event.message() for event in uttered if isinstance(event, BotUttered)]
    if not messages:
        raise Silent
    return Turn(
        turn=turn,
        replayed=replayed,
        messages=messages,
        intent={key: said.intent.get(key) for key in ("name", "confidence")},
        entities=said.entities,
        loop=then.active_loop_name,
        requested_slot=then.get_slot(REQUESTED_SLOT),
    )
