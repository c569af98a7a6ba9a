"""
What a turn of the bot produced, and its form on the wire.

Actions write it, Rasa carries it, the gateway reads it. An action utters one message like this:

    dispatcher.utter_message(
        response="utter_step", number=1, title="Clean the filter",
        buttons=[{"title": "Still the same", "payload": "/problem_not_solved"}],
        json_message=Extras(kind=Kind.STEP, step=..., citations=[...]).to_wire(),
    )

and the turn channel hands it on as `{"text": ..., "buttons": [...], "custom": {...}}`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from support.conversation import Kind
from support.errors import TurnFailed
from support.handoff import HandoffRequest, Trigger


@dataclass(frozen=True, slots=True)
class Button:
    """A quick reply: its words, and what pressing it means to Rasa, e.g. "/affirm"."""

    title: str
    payload: str


@dataclass(frozen=True, slots=True)
class Citation:
    """Where an answer is quoted from."""

    article: str  # article id
    title: str
    section: str  # anchor
    section_title: str
    version: str
    score: float | None = None  # the probability that it answers, for agents

    @property
    def url(self) -> str:
        """The address of the section on the shop's own help pages."""
        return f"/help/{self.article}#{self.section}"


@dataclass(frozen=True, slots=True)
class StepCard:
    """A troubleshooting step, as a card shows it."""

    number: int  # 1 for the first step proposed in this conversation for this article
    title: str
    article_title: str
    look_for: str | None = None


@dataclass(frozen=True, slots=True)
class Extras:
    """What a message carries besides its words and buttons."""

    kind: Kind = Kind.TEXT
    citations: Sequence[Citation] = ()
    step: StepCard | None = None
    case: tuple[str, str] | None = None  # (number, kind), e.g. ("RMA-000017", "return")
    handoff: HandoffRequest | None = None

    def to_wire(self) -> dict[str, Any]:
        """The `custom` part of an utterance."""
        wire: dict[str, Any] = {"kind": self.kind.value}
        if self.citations:
            wire["citations"] = [
                {
                    "article": c.article,
                    "title": c.title,
                    "section": c.section,
                    "section_title": c.section_title,
                    "version": c.version,
                    "score": c.score,
                }
                for c in self.citations
            ]
        if self.step is not None:
            wire["step"] = {
                "number": self.step.number,
                "title": self.step.title,
                "article_title": self.step.article_title,
                "look_for": self.step.look_for,
            }
        if self.case is not None:
            wire["case"] = {"number": self.case[0], "kind": self.case[1]}
        if self.handoff is not None:
            wire["handoff"] = {
                "trigger": self.handoff.trigger.value,
                "rule": self.handoff.rule,
                "restated": self.handoff.restated,
                "incident": self.handoff.incident,
            }
        return wire


@dataclass(frozen=True, slots=True)
class ReplyMessage:
    """One message of a reply."""

    text: str  # may be empty when the message only asks for a handoff
    buttons: Sequence[Button] = ()
    extras: Extras = field(default_factory=Extras)


@dataclass(frozen=True, slots=True)
class Reply:
    """What one turn of the bot produced."""

    messages: Sequence[ReplyMessage]

    @property
    def handoff(self) -> HandoffRequest | None:
        """The first request for a person in the reply, if there is one."""
        return next((m.extras.handoff for m in self.messages if m.extras.handoff), None)


def read_reply(wire: Sequence[Mapping[str, Any]]) -> Reply:
    """Read the messages that the turn channel returned.

    Raises:
        TurnFailed: They are not of this form, or there is nothing in them for the customer.
    """
    try:
        reply = Reply(tuple(_message(one) for one in wire))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TurnFailed(f"answered in a form that is not ours ({error!r})") from error
    if not any(m.text or m.extras.handoff for m in reply.messages):
        raise TurnFailed("said nothing")
    return reply


def _message(wire: Mapping[str, Any]) -> ReplyMessage:
    custom = wire.get("custom") or {}
    for words in (wire.get("text") or "", *(b["title"] for b in wire.get("buttons") or ())):
        if not isinstance(words, str):
            raise TypeError("words that are no text")
    step, case, handoff = custom.get("step"), custom.get("case"), custom.get("handoff")
    return ReplyMessage(
        text=wire.get("text") or "",
        buttons=tuple(Button(b["title"], b["payload"]) for b in wire.get("buttons") or ()),
        extras=Extras(
            kind=Kind(custom.get("kind", Kind.TEXT)),
            citations=tuple(Citation(**c) for c in custom.get("citations") or ()),
            step=StepCard(**step) if step else None,
            case=(case["number"], case["kind"]) if case else None,
            handoff=HandoffRequest(
                Trigger(handoff["trigger"]),
                handoff["rule"],
                handoff.get("restated", ""),
                bool(handoff.get("incident")),
            )
            if handoff
            else None,
        ),
    )
