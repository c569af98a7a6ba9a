"""Conversations in the customers' words, held against the running assistant.

Each file in `conversations/` is a list of conversations. A turn is one of

    customer: text that is typed        press: the title of a button that was offered
    reset: true                         what happens when a person hands back to the bot

and what has to come of it, each part optional:

    bot: [parts]     texts that the reply contains, in this order
    not: [parts]     texts that it does not contain
    asks: slot       the slot that is asked for afterwards; none: no form is active
    step: number     the number of the step that is shown
    handoff: trigger; none: no person is asked for
    case: kind       of the case whose number is told; none: no case
    buttons: [titles]  that are among those offered

At the end `cases`, `facts` and `ledger` may say what the store has to hold.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from support.reply import Reply, read_reply
from support.tone import objections
from tests.dialogue.assistant import Assistant

FOLDER = Path(__file__).parent / "conversations"
_TURN_KEYS = {"customer", "press", "reset", "bot", "not", "asks", "step", "handoff", "case",
              "buttons"}  # fmt: skip


def _conversations() -> list[Any]:
    return [
        pytest.param(one, id=f"{file.stem}: {one['name']}")
        for file in sorted(FOLDER.glob("*.yml"))
        for one in yaml.safe_load(file.read_text("utf-8"))
    ]


@pytest.mark.parametrize("script", _conversations())
def test_conversation(assistant: Assistant, script: dict[str, Any]) -> None:
    """The bot says what the conversation expects, never the same twice running, in our tone."""
    conversation = assistant.open_conversation()
    reply, heard = Reply(()), [""]
    for number, turn in enumerate(script["turns"], 1):
        where = f"turn {number}: {turn}"
        assert not set(turn) - _TURN_KEYS, where
        if turn.get("reset"):
            assistant.reset(conversation)
            continue
        if "press" in turn:
            buttons = {b.title: b.payload for m in reply.messages for b in m.buttons}
            assert turn["press"] in buttons, (where, list(buttons))
            answer = assistant.take_turn(conversation, payload=buttons[turn["press"]])
        else:
            answer = assistant.take_turn(conversation, text=turn["customer"])
        reply = read_reply(answer["messages"])
        _check(turn, reply, answer, where)
        for message in reply.messages:
            if message.text:
                assert message.text != heard[-1], f"{where}: said twice running: {message.text}"
                heard.append(message.text)
            if not message.extras.citations:  # articles have their own editors
                assert objections(message.text) == [], where
    _check_kept(script, assistant.kept(conversation))


def _check(turn: dict[str, Any], reply: Reply, answer: dict[str, Any], where: str) -> None:
    said = "\n".join(m.text for m in reply.messages)
    context = f"{where}\nintent: {answer['intent']}\nsaid: {said}"
    position = 0
    for part in turn.get("bot", ()):
        position = said.find(part, position)
        assert position >= 0, f"{part!r} was not said\n{context}"
    for part in turn.get("not", ()):
        assert part not in said, context
    if "asks" in turn:
        expected = None if turn["asks"] == "none" else turn["asks"]
        assert answer["requested_slot"] == expected, context
        assert (answer["loop"] is None) == (expected is None), context
    if "step" in turn:
        numbers = [m.extras.step.number for m in reply.messages if m.extras.step]
        assert numbers == [turn["step"]], context
    if "handoff" in turn:
        trigger = reply.handoff.trigger if reply.handoff else "none"
        assert trigger == turn["handoff"], context
    if "case" in turn:
        kinds = [m.extras.case[1] for m in reply.messages if m.extras.case] or ["none"]
        assert kinds == [turn["case"]], context
    titles = [b.title for m in reply.messages for b in m.buttons]
    assert set(turn.get("buttons", ())) <= set(titles), (context, titles)


def _check_kept(script: dict[str, Any], kept: dict[str, Any]) -> None:
    if "cases" in script:
        assert [case.kind for case in kept["cases"]] == script["cases"]
    for name, value in script.get("facts", {}).items():
        assert kept["facts"][name].value == value, kept["facts"]
    if "ledger" in script:
        assert [{e.step: e.outcome.value} for e in kept["ledger"]] == script["ledger"]
