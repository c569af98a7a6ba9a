"""What actions write is what the gateway reads; what it cannot read is a failed turn."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.conversation import Kind
from support.errors import TurnFailed
from support.handoff import HandoffRequest, Trigger
from support.reply import (
    Button,
    Citation,
    Extras,
    Reply,
    ReplyMessage,
    StepCard,
    read_reply,
)

words = st.text(min_size=1, max_size=40)
citations = st.builds(
    Citation, words, words, words, words, words, st.none() | st.floats(0, 1, allow_nan=False)
)
extras = st.builds(
    Extras,
    kind=st.sampled_from(Kind),
    citations=st.lists(citations, max_size=3).map(tuple),
    step=st.none() | st.builds(StepCard, st.integers(1, 20), words, words, st.none() | words),
    case=st.none() | st.tuples(words, words),
    handoff=st.none()
    | st.builds(HandoffRequest, st.sampled_from(Trigger), words, words, st.booleans()),
)
messages = st.builds(
    ReplyMessage, words, st.lists(st.builds(Button, words, words), max_size=3).map(tuple), extras
)


def on_the_wire(message: ReplyMessage) -> dict[str, Any]:
    """As Rasa carries it."""
    return {
        "text": message.text,
        "buttons": [{"title": b.title, "payload": b.payload} for b in message.buttons],
        "custom": message.extras.to_wire(),
    }


@given(st.lists(messages, min_size=1, max_size=4))
def test_what_is_written_is_read(said: list[ReplyMessage]) -> None:
    """Nothing is lost and nothing invented on the way through Rasa."""
    assert read_reply([on_the_wire(m) for m in said]) == Reply(tuple(said))


def test_a_plain_utterance_is_a_message() -> None:
    """Responses of the domain carry neither buttons nor extras."""
    assert read_reply([{"text": "Hello."}]).messages == (ReplyMessage("Hello."),)
    assert read_reply([{"text": "Hello.", "buttons": None, "custom": None}]).handoff is None


def test_the_first_request_for_a_person_counts() -> None:
    """One handoff is opened, whoever else asks in the same turn."""
    asks = [
        {"custom": {"handoff": {"trigger": trigger, "rule": "r"}}}
        for trigger in ("complaint", "no_answer")
    ]
    request = read_reply([{"text": "Noted."}, *asks]).handoff
    assert request == HandoffRequest(Trigger.COMPLAINT, "r", "", False)


@pytest.mark.parametrize(
    "wire",
    [
        [],
        [{}],
        [{"text": ""}],
        [{"text": None, "custom": {"kind": "text"}}],
        None,
        5,
        "text",
        [None],
        ["text"],
        [{"text": 5}],
        [{"text": ["a"]}],
        [{"text": "a", "buttons": [{"title": "Yes"}]}],
        [{"text": "a", "buttons": [{"title": 5, "payload": "/affirm"}]}],
        [{"text": "a", "buttons": ["Yes"]}],
        [{"text": "a", "custom": "kind"}],
        [{"text": "a", "custom": {"kind": "unheard of"}}],
        [{"text": "a", "custom": {"citations": [{"article": "x"}]}}],
        [{"text": "a", "custom": {"step": {"number": 1}}}],
        [{"text": "a", "custom": {"case": {"number": "RMA-1"}}}],
        [{"text": "a", "custom": {"handoff": {"trigger": "boredom", "rule": "r"}}}],
        [{"text": "a", "custom": {"handoff": {"trigger": "complaint"}}}],
    ],
    ids=range(21),
)
def test_what_cannot_be_read_is_a_failed_turn(wire: Any) -> None:
    """Half a reply is never shown as a whole one."""
    with pytest.raises(TurnFailed):
        read_reply(wire)
