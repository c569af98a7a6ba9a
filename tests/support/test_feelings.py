"""Evidence of patience running out: what was written, by the customer alone."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.conversation import Author, Kind, Message
from support.feelings import evidence, invokes_legal_right


def said(text: str, author: Author = Author.CUSTOMER, number: int = 1) -> Message:
    """One message of a conversation."""
    at = datetime(2026, 11, 22, tzinfo=UTC)
    return Message(f"m{number}", "c", number, author, None, Kind.TEXT, text, at)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("This is ridiculous", ["Strong words"]),
        ("I am fed up with this", ["Strong words"]),
        ("This is the third time I write", ["Repeated contact"]),
        ("How many times do I have to say it", ["Repeated contact"]),
        ("I already told you the number", ["Repeated contact"]),
        ("I will talk to my lawyer", ["Speaks of legal rights"]),
        ("See you in court", ["Speaks of legal rights"]),
        ("I will sue you", ["Speaks of legal rights"]),
        ("What about my statutory guarantee", ["Speaks of legal rights"]),
        ("IT IS STILL BROKEN", ["Wrote in capitals"]),
        (
            "THIS IS USELESS, THE THIRD TIME",
            ["Strong words", "Repeated contact", "Wrote in capitals"],
        ),
        ("My name is Sue", []),
        ("Our tennis court is next to it", []),
        ("My dishwasher does not drain", []),
        ("HM-D450 E24", []),
        ("OK", []),
        ("", []),
    ],
)
def test_what_can_be_seen(text: str, seen: list[str]) -> None:
    """Words, repetition, rights, capitals; a name or a model number is none of them."""
    assert [e.text for e in evidence([said(text)])] == seen


def test_only_the_customers_own_words_count() -> None:
    """What the bot or an agent wrote says nothing about the customer."""
    others = [said("ridiculous", a) for a in Author if a is not Author.CUSTOMER]
    assert evidence(others) == []


@given(st.lists(st.text(max_size=300), max_size=5))
def test_every_quote_is_the_customers(texts: list[str]) -> None:
    """Each piece of evidence stands in the message that it names."""
    transcript = [said(f"{text} useless", number=n) for n, text in enumerate(texts)]
    found = evidence(transcript)
    assert len(found) >= len(texts)
    by_id = {m.id: m.text for m in transcript}
    assert all(e.quote.strip("…").strip() in by_id[e.message] for e in found)
    assert all(len(e.quote) <= 120 for e in found)


@pytest.mark.parametrize(
    "text",
    [
        "I want to talk to my lawyer",
        "You will hear from my solicitor",
        "If you don't fix it I will sue",
        "see you in court",
        "I'll take you to court",
        "I am taking legal action",
        "I know my consumer rights",
        "I will request a chargeback",
        "My lawyer says that you have to pay",
        "lawyer!",
    ],
)
def test_who_uses_the_law_invokes_a_right(text: str) -> None:
    assert invokes_legal_right(text)


@pytest.mark.parametrize(
    "text",
    [
        "What are my statutory rights?",
        "I don't want to go to court over this",
        "My name is Sue",
        "Our tennis court is next to it",
        "the address is info@my-lawyer.example",
        "It stands in a lawyer's office",
        "I want to send it back",
        "",
    ],
)
def test_who_only_mentions_the_law_invokes_nothing(text: str) -> None:
    assert not invokes_legal_right(text)
