"""The packet: nothing in it without its message, nothing guessed, and never in the way."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.case import Case, CaseKind, CaseStatus
from support.conversation import Author, Channel, Conversation, Kind, Message, Status
from support.facts import LABELS, Fact, FactStatus
from support.handoff import Handoff, HandoffRequest, HandoffState, Trigger, Urgency
from support.procedure import LedgerEntry, Outcome
from support.purchase import Purchase
from support.summary import Known, make_packet, restated, without_notes

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
TALK = Conversation("c", Channel.WEB, "customer", Status.BOT, None, AT)
BOUGHT = Purchase(
    "A-10482",
    "dishwasher",
    "HM-D450",
    "HM-D450-2207-00318",
    "Anna Berg",
    "anna@example.org",
    "10115",
    None,
    "DE",
    date(2026, 10, 1),
    date(2026, 10, 9),
    64900,
    "EUR",
    "card",
)


def said(number: int, text: str, author: Author = Author.CUSTOMER, **payload: Any) -> Message:
    """A message; its id is "m" and its number."""
    at = AT + timedelta(minutes=number)
    return Message(f"m{number}", "c", number, author, None, Kind.TEXT, text, at, payload=payload)


def fact(name: str, value: str, status: FactStatus = FactStatus.CUSTOMER_SAYS) -> Fact:
    """A fact that the first message told."""
    return Fact(name, value, status, "m1", AT)


def tried(title: str, outcome: Outcome) -> LedgerEntry:
    """A line of the ledger."""
    decided = None if outcome is Outcome.SHOWN else "m3"
    return LedgerEntry(
        "drain", "1a2b", "It does not drain", title, title, outcome, "m1", decided, AT
    )


def request(trigger: Trigger = Trigger.CUSTOMER_ASKED) -> HandoffRequest:
    """What a turn says when it wants a person."""
    return HandoffRequest(trigger, "The rule that fired.")


FULL = Known(
    conversation=TALK,
    transcript=[
        said(1, "My dishwasher leaves water in the tub, this is the third time I write"),
        said(
            2,
            "Clean the filter.",
            Author.BOT,
            citations=[
                {
                    "article": "drain",
                    "title": "It does not drain",
                    "section": "filter",
                    "section_title": "Clean the filter",
                    "version": "1a2b",
                    "score": 0.9,
                }
            ],
        ),
        said(3, "still the same, I will talk to my lawyer"),
    ],
    facts={
        f.name: f
        for f in (
            fact("product_type", "dishwasher"),
            fact("symptom", "water left in the tub"),
            fact("order_number", "A-10482", FactStatus.VERIFIED),
            fact("remedy", "repair"),
            fact("serial_number", "", FactStatus.UNKNOWN),
        )
    },
    ledger=[
        tried("Clean the filter", Outcome.DID_NOT_HELP),
        tried("Check the hose", Outcome.SHOWN),
    ],
    cases=[Case("W-000005", CaseKind.WARRANTY, CaseStatus.OPEN, "c", "A-10482", {}, "m3", AT)],
    purchase=BOUGHT,
    warranty="HM-D450 covered until 9 October 2028, because it was delivered on 9 October 2026.",
    customer_name="Anna Berg",
    release={"knowledge": "2026-11-22"},
)


def every_list_of_messages(value: Any) -> list[list[str]]:
    """All values named "messages", however deep."""
    if isinstance(value, dict):
        own = [value["messages"]] if isinstance(value.get("messages"), list) else []
        return own + [found for v in value.values() for found in every_list_of_messages(v)]
    if isinstance(value, list):
        return [found for v in value for found in every_list_of_messages(v)]
    return []


def test_all_that_is_known_is_in_it() -> None:
    """What an agent needs before the first word, each part with where it comes from."""
    packet = make_packet(FULL, request(), FULL.transcript[2], "H-000012", AT)

    assert packet["headline"]["text"] == "Dishwasher: water left in the tub. Wants a repair."
    assert packet["trigger"]["quote"] == "still the same, I will talk to my lawyer"
    assert packet["customer"]["proof"] == "proved for order A-10482"
    assert packet["product"] == {
        "type": "dishwasher",
        "model": "HM-D450",
        "serial": "HM-D450-2207-00318",
        "delivered_on": "2026-10-09",
        "warranty": {"text": FULL.warranty},
    }
    assert [(t["step"], t["outcome"]) for t in packet["tried"]] == [
        ("Clean the filter", "did not help"),
        ("Check the hose", "shown"),
    ]
    assert packet["wish"]["remedy"] == "repair"
    assert {e["text"] for e in packet["feelings"]} == {"Repeated contact", "Speaks of legal rights"}
    assert [q["text"] for q in packet["open_questions"]] == [
        "Serial number: asked, the customer does not have it.",
        "Did “Check the hose” help?",
    ]
    assert packet["urgency"]["level"] == "high"
    assert packet["suggestions"]["articles"] == [
        {"title": "It does not drain › Clean the filter", "url": "/help/drain#filter", "score": 0.9}
    ]
    assert "You have already tried: Clean the filter" in packet["suggestions"]["reply"]
    assert json.loads(json.dumps(packet)) == packet


def test_it_reads_in_twenty_seconds() -> None:
    """At 250 words a minute."""
    packet = make_packet(FULL, request(), FULL.transcript[2], "H-000012", AT)
    words = sum(len(s["text"].split()) for s in packet["summary"])
    assert words + len(packet["headline"]["text"].split()) <= 90


def test_with_nothing_known_it_says_so() -> None:
    """An agent took over before a word was said: reduced, and no sentence without a source."""
    packet = make_packet(Known(TALK, []), request(Trigger.AGENT_TOOK), None, "H-000012", AT)

    assert packet["summary"] == []
    assert packet["facts"] == packet["tried"] == packet["feelings"] == []
    assert packet["customer"]["proof"] == "not proved"
    assert packet["product"]["model"] is None
    assert packet["wish"]["text"] == "The wish was not said."
    assert packet["headline"]["text"] == "An agent took over. The wish was not said."


def test_one_message_is_enough() -> None:
    """The first thing said opens the summary, in the customer's words."""
    known = Known(TALK, [said(1, "I want to talk to a person")])
    packet = make_packet(known, request(), known.transcript[0], "H-000012", AT)
    assert [s["messages"] for s in packet["summary"]] == [["m1"]] * 3
    assert packet["summary"][0]["text"] == ("The customer began with: “I want to talk to a person”")
    assert packet["open_questions"] == [{"text": "Which product is it?", "messages": ["m1"]}]


def test_what_the_customer_does_not_know_is_no_fact() -> None:
    """Asked and not known is said so, and never shown as a value."""
    unknown = {
        name: fact(name, "unknown", FactStatus.UNKNOWN) for name in LABELS if name != "remedy"
    }
    known = Known(TALK, [said(1, "I have no idea")], facts=unknown)
    packet = make_packet(known, request(), known.transcript[0], "H-000012", AT)

    told = json.dumps([packet["headline"], packet["summary"], packet["product"], packet["skill"]])
    assert "unknown" not in told
    assert restated(known) == ""
    assert len(packet["open_questions"]) == len(unknown)
    assert {f["status"] for f in packet["facts"]} == {"unknown"}


@pytest.mark.parametrize("trigger", Trigger)
def test_every_trigger_has_its_words(trigger: Trigger) -> None:
    """Also the ones that no test of a flow has met yet."""
    packet = make_packet(FULL, request(trigger), FULL.transcript[2], "H-000012", AT)
    assert packet["trigger"]["code"] == trigger.value
    assert packet["trigger"]["text"].endswith(".")
    assert packet["suggestions"]["steps"]


def test_the_third_handoff_is_urgent_for_that_reason() -> None:
    """Whoever is passed around is not put at the end of the line again."""
    ended = Handoff(
        "h",
        "H-000001",
        "c",
        HandoffState.COMPLETED,
        Trigger.CUSTOMER_ASKED,
        "r",
        Urgency.NORMAL,
        False,
        "m1",
        {},
        "a",
        AT,
        None,
        AT,
        AT,
        AT,
        "solved",
    )
    known = replace(FULL, transcript=[said(1, "Hello")], earlier=[ended, ended])
    urgency = make_packet(known, request(), None, "H-000003", AT)["urgency"]
    assert urgency == {"level": "high", "reason": "This is handoff number 3 of this customer."}


def test_notes_stay_with_the_agents() -> None:
    """What is made from the transcript for others is made without them."""
    talk = [said(1, "Hello"), said(2, "A difficult one", Author.NOTE)]
    assert without_notes(talk) == talk[:1]


def test_what_is_said_back_is_short_enough_to_check() -> None:
    """Product, problem in the customer's words, and what was tried."""
    assert restated(FULL) == "dishwasher; “water left in the tub”; tried: Clean the filter"
    assert restated(Known(TALK, [])) == ""


words = st.text(max_size=200)
some_facts = st.dictionaries(
    st.sampled_from(sorted(LABELS)), st.tuples(words, st.sampled_from(FactStatus))
)


@given(
    st.lists(st.tuples(words, st.sampled_from([Author.CUSTOMER, Author.BOT])), max_size=6),
    some_facts,
    st.lists(st.sampled_from(Outcome), max_size=4),
    st.sampled_from(Trigger),
    st.booleans(),
    st.booleans(),
)
def test_every_sentence_has_its_message(
    talk: list[tuple[str, Author]],
    told: dict[str, tuple[str, FactStatus]],
    outcomes: list[Outcome],
    trigger: Trigger,
    owner: bool,
    asked: bool,
) -> None:
    """Whatever was said: no error, no sentence without a source, no source that is not there."""
    transcript = [
        said(1, "Hello"),
        *(said(n, t, a) for n, (t, a) in enumerate(talk, 4)),
        said(3, "Bye"),
    ]
    known = Known(
        TALK,
        transcript,
        {n: fact(n, v, s) for n, (v, s) in told.items()},
        [tried(f"Step {n}", outcome) for n, outcome in enumerate(outcomes)],
        purchase=BOUGHT if owner else None,
        warranty=FULL.warranty if owner else None,
    )
    packet = make_packet(known, request(trigger), transcript[0] if asked else None, "H-1", AT)

    ids = {m.id for m in transcript}
    assert all(set(found) <= ids for found in every_list_of_messages(packet))
    for part in ("summary", "facts", "tried", "promises", "feelings", "open_questions"):
        assert all(item["messages"] for item in packet[part])
    assert packet["headline"]["messages"]
    assert packet["headline"]["text"].strip(". ")
    assert json.loads(json.dumps(packet)) == packet
    assert "\n" not in restated(known)
    assert len(restated(known)) < 400
