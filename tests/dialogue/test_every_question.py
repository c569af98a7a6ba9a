"""What holds at every question of every form, whatever was said before it.

Each path leads to one question; there a person, a way out, a digression or "I don't know" has to
work as everywhere else.
"""

import pytest

from support.reply import Reply, read_reply
from tests.dialogue.assistant import Assistant

# (form, the slot that is asked, what leads there)
PATHS = [
    ("fault_form", "fault_product", ["leaking??"]),
    ("warranty_form", "order_number", ["is it still under warranty"]),
    ("warranty_form", "second_fact", ["is it still under warranty", "A-10777"]),
    ("claim_form", "order_number", ["warranty claim"]),
    ("claim_form", "second_fact", ["warranty claim", "A-10777"]),
    ("claim_form", "claim_fault", ["warranty claim", "A-10777", "Yilmaz"]),
    ("claim_form", "wanted_remedy", ["warranty claim", "A-10777", "50667", "it does not spin"]),
    ("claim_form", "confirmed",
     ["warranty claim", "A-10777", "50667", "it does not spin", "repair"]),
    ("return_form", "order_number", ["I want to send it back"]),
    ("return_form", "second_fact", ["return please", "A-10633"]),
    ("return_form", "return_reason", ["return please", "A-10633", "Dubois"]),
    ("return_form", "item_condition", ["return please", "A-10633", "Dubois", "too loud"]),
    ("return_form", "confirmed",
     ["return please", "A-10633", "Dubois", "too loud", "unopened"]),
    ("complaint_form", "wanted_remedy", ["I want to make a complaint"]),
]  # fmt: skip
AT = pytest.mark.parametrize(
    ("form", "slot", "path"), PATHS, ids=[f"{form}.{slot}" for form, slot, _ in PATHS]
)


def _lead(assistant: Assistant, form: str, slot: str, path: list[str]) -> str:
    conversation = assistant.open_conversation()
    for text in path:
        answer = assistant.take_turn(conversation, text=text)
    assert (answer["loop"], answer["requested_slot"]) == (form, slot), answer
    return conversation


def _said(reply: Reply) -> list[str]:
    return [message.text for message in reply.messages if message.text]


@AT
def test_a_person_is_within_reach(
    assistant: Assistant, form: str, slot: str, path: list[str]
) -> None:
    """PRODUCT promise 1: asking for a person yields a handoff, and ends the form."""
    conversation = _lead(assistant, form, slot, path)
    answer = assistant.take_turn(conversation, text="I want to talk to a person")
    handoff = read_reply(answer["messages"]).handoff
    assert handoff is not None
    assert handoff.trigger == "customer_asked"
    assert (answer["loop"], answer["requested_slot"]) == (None, None)


@AT
def test_cancel_leaves_nothing_behind(
    assistant: Assistant, form: str, slot: str, path: list[str]
) -> None:
    """No case, and no question that a later "yes" would answer. A complaint keeps its number."""
    conversation = _lead(assistant, form, slot, path)
    before = len(assistant.kept(conversation)["cases"])
    assert assistant.take_turn(conversation, text="cancel")["loop"] is None
    assert assistant.take_turn(conversation, text="yes")["loop"] is None
    assert len(assistant.kept(conversation)["cases"]) == before


@AT
@pytest.mark.parametrize(
    "digression",
    ["are you a bot?", "what can you do?", "how do I descale the coffee machine?",
     "what's the weather tomorrow in Leeds?", "what was the question?", "thank you very much"],
)  # fmt: skip
def test_a_digression_is_answered_and_the_question_comes_back(
    assistant: Assistant, form: str, slot: str, path: list[str], digression: str
) -> None:
    """Answered first, then asked again in other words."""
    conversation = _lead(assistant, form, slot, path)
    answer = assistant.take_turn(conversation, text=digression)
    said = _said(read_reply(answer["messages"]))
    assert (answer["loop"], answer["requested_slot"]) == (form, slot), (answer["intent"], said)
    assert len(said) >= 2, said


@AT
def test_i_dont_know_is_an_answer(
    assistant: Assistant, form: str, slot: str, path: list[str]
) -> None:
    """It goes on without the answer, or says where to find it and offers a person."""
    conversation = _lead(assistant, form, slot, path)
    answer = assistant.take_turn(conversation, text="I don't know")
    reply = read_reply(answer["messages"])
    goes_on = (answer["loop"], answer["requested_slot"]) != (form, slot)
    offered = {b.payload for message in reply.messages for b in message.buttons}
    assert goes_on or {"/request_human", "/cancel"} <= offered, _said(reply)
    assert not any(message.extras.case for message in reply.messages)
