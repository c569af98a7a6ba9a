"""Whose order it is: told to nobody else, and never believed because a slot says so."""

from actions.base import Tools
from actions.returns import SubmitReturn, ValidateReturn
from actions.warranty import SubmitWarranty, ValidateWarranty
from store import cases, purchases
from tests.actions.rasa import NOW, Talk, conversation

READY = {
    "order_number": "A-10482", "second_fact": "given", "return_reason": "damaged",
    "item_condition": "damaged", "confirmed": "yes", "return_wish": "return",
}  # fmt: skip


async def _ask(tools: Tools, order: str, detail: str) -> tuple[list[str], object, object]:
    talk = Talk(tools, await conversation(tools))
    talk.loop, talk.slots = "warranty_form", {"requested_slot": "order_number"}
    first = await talk.call(ValidateWarranty, order)
    second = await talk.call(ValidateWarranty, detail)
    said = [one["text"].replace(order, "<order>") for one in (*first, *second)]
    return said, talk.slots, talk.produced


async def test_no_such_order_and_a_wrong_detail_are_answered_alike(tools: Tools) -> None:
    """Word for word, slot for slot: else somebody learns which orders exist."""
    exists = await _ask(tools, "A-10555", "Lopez")
    unknown = await _ask(tools, "A-99999", "Lopez")
    assert exists == unknown
    assert len(exists[0]) == 3  # one question, one reply, one question


async def test_a_right_detail_proves_the_order(tools: Tools) -> None:
    talk = Talk(tools, await conversation(tools))
    talk.loop, talk.slots = "warranty_form", {"requested_slot": "order_number"}
    await talk.call(ValidateWarranty, "A-10482")
    await talk.call(ValidateWarranty, "my name is Maria Lopez")
    async with tools.database.read() as tx:
        proved = await purchases.proved(tx, talk.id)
    assert proved is not None
    assert proved.order_number == "A-10482"
    talk.loop = None
    said = await talk.call(SubmitWarranty, "")
    assert "covered until 10 November 2028" in said[0]["text"]


async def test_the_third_failed_attempt_brings_a_person(tools: Tools) -> None:
    talk = Talk(tools, await conversation(tools))
    talk.loop, talk.slots = "return_form", {"requested_slot": "order_number"}
    for _ in range(3):
        talk.slots["requested_slot"] = "order_number"
        await talk.call(ValidateReturn, "A-10482")
        said = await talk.call(ValidateReturn, "Becker")
    assert said[-1]["custom"]["handoff"]["trigger"] == "policy_limit"


async def test_slots_alone_open_no_return(tools: Tools) -> None:
    """Slots can be set by whoever finds a way to; the proof is in the store."""
    talk = Talk(tools, await conversation(tools))
    talk.slots = dict(READY)
    await talk.call(SubmitReturn, "yes", "affirm")
    async with tools.database.read() as tx:
        assert await cases.of_conversation(tx, talk.id) == []


async def test_a_proof_for_one_order_opens_no_return_of_another(tools: Tools) -> None:
    talk = Talk(tools, await conversation(tools))
    talk.slots = dict(READY)
    async with tools.database.begin() as tx:
        await purchases.note_proof(tx, talk.id, "A-10555", True, "m-1", NOW)
    await talk.call(SubmitReturn, "yes", "affirm")
    async with tools.database.read() as tx:
        assert await cases.of_conversation(tx, talk.id) == []


async def test_an_action_that_runs_twice_opens_one_return(tools: Tools) -> None:
    """Rasa repeats a turn whose process was killed."""
    talk = Talk(tools, await conversation(tools))
    async with tools.database.begin() as tx:
        await purchases.note_proof(tx, talk.id, "A-10482", True, "m-1", NOW)
    told = []
    for _ in range(2):
        talk.slots = dict(READY)
        said = await talk.call(SubmitReturn, "yes", "affirm", message="m-2")
        told.append(said[0]["custom"]["case"]["number"])
    async with tools.database.read() as tx:
        opened = await cases.of_conversation(tx, talk.id)
    assert told == [opened[0].number] * 2
    assert len(opened) == 1
