"""
The packet: what an agent reads in twenty seconds before answering.

Everything in it is taken from the transcript, the facts, the ledger and the cases, and every
sentence names the messages it comes from. Nothing is guessed; what is unknown is left out or
said to be unknown. `PACKET_VERSION` rises when a field changes its meaning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from support.case import Case, CaseKind
from support.conversation import Author, Conversation, Message
from support.facts import LABELS, Fact, FactStatus
from support.feelings import Evidence, evidence
from support.handoff import Handoff, HandoffRequest, Trigger, Urgency, urgency_of
from support.procedure import LedgerEntry, Outcome
from support.purchase import Purchase

PACKET_VERSION = 1
QUOTE_CHARACTERS = 160
_PROBLEMS = ("symptom", "complaint", "return_reason", "error_code")  # facts, the best one first

_TRIGGER_TEXT: Mapping[Trigger, str] = {
    Trigger.CUSTOMER_ASKED: "The customer asked for a person.",
    Trigger.HAZARD: "The customer wrote about a danger.",
    Trigger.COMPLAINT: "The customer made a complaint.",
    Trigger.NO_ANSWER: "The knowledge base had no answer, twice running.",
    Trigger.OUT_OF_STEPS: "The troubleshooting steps did not help.",
    Trigger.INVALID_ANSWERS: "The bot could not use the customer's answers.",
    Trigger.REPEATED_QUESTION: "The customer had to ask the same question again.",
    Trigger.FRUSTRATION: "The customer is getting nowhere.",
    Trigger.POLICY_LIMIT: "A person has to decide: the bot may not.",
    Trigger.LEGAL_RIGHT: "The customer invoked a legal right.",
    Trigger.BOT_FAILED: "The bot could not answer at all.",
    Trigger.AGENT_TOOK: "An agent took over.",
}

_WISH: Mapping[str, str] = {
    "repair": "Wants a repair.",
    "replacement": "Wants a replacement.",
    "refund": "Wants the money back.",
    "apology": "Wants an apology.",
    "information": "Wants information.",
}

_OUTCOME_SENTENCE: Mapping[Outcome, str] = {
    Outcome.SHOWN: "was shown “{title}” and has not said how it went",
    Outcome.HELPED: "says “{title}” helped",
    Outcome.DID_NOT_HELP: "did “{title}” without success",
    Outcome.COULD_NOT: "could not do “{title}”",
    Outcome.ALREADY_TRIED: "had already tried “{title}”",
}


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known about a conversation when a person is asked for."""

    conversation: Conversation
    transcript: Sequence[Message]  # in order, without notes
    facts: Mapping[str, Fact] = field(default_factory=dict)
    ledger: Sequence[LedgerEntry] = ()
    cases: Sequence[Case] = ()
    purchase: Purchase | None = None  # only if ownership was proved
    warranty: str | None = None  # one sentence with its reason, if ownership was proved
    earlier: Sequence[Handoff] = ()
    customer_name: str | None = None
    release: Mapping[str, str] = field(default_factory=dict)


def make_packet(
    known: Known, request: HandoffRequest, message: Message | None, reference: str, at: datetime
) -> dict[str, Any]:
    """The packet of a handoff, as the console shows it and the store keeps it.

    Args:
        message: The customer's message that set it off; None if an agent simply took over.
        reference: The number the customer is told.
        at: Now, aware, UTC.
    """
    customer_messages = [m for m in known.transcript if m.author is Author.CUSTOMER]
    source = message or (customer_messages[-1] if customer_messages else None)
    fallback = [source.id] if source else []
    feelings = evidence(known.transcript)
    level, reason = _urgency(request, feelings, known.earlier)
    wish = _wish(known, request, fallback)
    return {
        "version": PACKET_VERSION,
        "reference": reference,
        "made_at": at.isoformat().replace("+00:00", "Z"),
        "headline": _headline(known, request, wish, fallback),
        "trigger": {
            "code": request.trigger.value,
            "text": _TRIGGER_TEXT[request.trigger],
            "rule": request.rule,
            "quote": _quoted(message.text) if message else "",
            "messages": fallback,
        },
        "urgency": {"level": level.value, "reason": reason},
        "incident": request.incident,
        "skill": _skill(known),
        "customer": {
            "channel": known.conversation.channel.value,
            "language": "en",
            "name": known.customer_name,
            "proof": f"proved for order {known.purchase.order_number}"
            if known.purchase
            else "not proved",
            "earlier_cases": [c.number for c in known.cases] + [h.reference for h in known.earlier],
        },
        "product": _product(known),
        "facts": [
            {
                "name": fact.name,
                "label": LABELS.get(fact.name, fact.name),
                "value": fact.value,
                "status": fact.status.value,
                "messages": [fact.message],
            }
            for fact in known.facts.values()
        ],
        "tried": [
            {
                "step": entry.title,
                "article": entry.article,
                "section": entry.step,
                "title": entry.article_title,
                "outcome": entry.outcome.value,
                "messages": _unique(entry.shown_by, entry.decided_by),
            }
            for entry in known.ledger
        ],
        "wish": wish,
        "promises": [
            {
                "text": f"{case.number} was opened ({case.kind}).",
                "due": None,
                "messages": [case.message],
            }
            for case in known.cases
        ],
        "feelings": [{"text": e.text, "quote": e.quote, "messages": [e.message]} for e in feelings],
        "open_questions": _open_questions(known, fallback),
        "summary": _summary(known, request, wish, fallback),
        "suggestions": {
            "steps": _next_steps(known, request),
            "articles": _articles(known),
            "reply": _suggested_reply(known, request),
        },
        "release": dict(known.release),
    }


def restated(known: Known) -> str:
    """What was understood, short enough to be said to the customer for correction; may be ""."""
    parts = []
    if product := _told(known, "product_type"):
        parts.append(_plain(product.value))
    for name in ("symptom", "complaint", "return_reason"):
        if fact := _told(known, name):
            parts.append(f"“{_shortened(fact.value, 60)}”")
            break
    tried = [e.title for e in known.ledger if e.outcome is not Outcome.SHOWN]
    if tried:
        more = f" and {len(tried) - 2} more" if len(tried) > 2 else ""
        parts.append(f"tried: {', '.join(tried[:2])}{more}")
    return "; ".join(parts)


def problem(facts: Mapping[str, Fact], transcript: Sequence[Message]) -> str:
    """What the articles are asked for an agent, in the customer's words; "" before the first one.

    The fault, or what else is wrong; without that the longest of the customer's messages, because
    "thank you" and "I want a person" are short.
    """
    told = [facts[name].value for name in _PROBLEMS if name in facts and _known(facts[name])]
    written = [m.text for m in transcript if m.author is Author.CUSTOMER]
    return next(iter(told), max(written, key=len, default=""))


def _headline(
    known: Known, request: HandoffRequest, wish: Mapping[str, Any], fallback: list[str]
) -> dict[str, Any]:
    product, problem = _told(known, "product_type"), _problem(known)
    messages = [f.message for f in (product, problem) if f is not None]
    name = _plain(product.value).capitalize() if product else ""
    if problem is not None:
        what = f"{name}: {_shortened(problem.value, 80)}" if name else _shortened(problem.value, 80)
    elif name:
        what = name
    else:
        what = _TRIGGER_TEXT[request.trigger].rstrip(".")
    return {
        "text": f"{what}. {wish['text']}".replace("..", "."),
        "messages": _unique(*messages, *wish["messages"]) or fallback,
    }


def _problem(known: Known) -> Fact | None:
    return next((fact for name in _PROBLEMS if (fact := _told(known, name))), None)


def _told(known: Known, name: str) -> Fact | None:
    """A fact, unless the customer was asked and does not know it."""
    fact = known.facts.get(name)
    return fact if fact is not None and _known(fact) else None


def _known(fact: Fact) -> bool:
    return fact.status is not FactStatus.UNKNOWN


def _wish(known: Known, request: HandoffRequest, fallback: list[str]) -> dict[str, Any]:
    remedy = known.facts.get("remedy")
    if remedy and remedy.value in _WISH:
        return {
            "text": _WISH[remedy.value],
            "remedy": remedy.value,
            "deadline": None,
            "messages": [remedy.message],
        }
    if request.trigger is Trigger.CUSTOMER_ASKED:
        text = "Wants to talk to a person."
    elif known.ledger:
        text = "Wants it to work again."
    else:
        text = "The wish was not said."
    return {"text": text, "remedy": None, "deadline": None, "messages": fallback}


def _urgency(
    request: HandoffRequest, feelings: Sequence[Evidence], earlier: Sequence[Handoff]
) -> tuple[Urgency, str]:
    level, reason = urgency_of(request.trigger)
    if level is Urgency.NORMAL:
        legal = next((e for e in feelings if e.text == "Speaks of legal rights"), None)
        if legal is not None:
            return Urgency.HIGH, f"The customer speaks of legal rights: “{legal.quote}”"
        if len(earlier) >= 2:
            return Urgency.HIGH, f"This is handoff number {len(earlier) + 1} of this customer."
    return level, reason


def _skill(known: Known) -> dict[str, str]:
    if product := _told(known, "product_type"):
        return {"name": _plain(product.value), "reason": "The product in this conversation."}
    return {"name": "general", "reason": "No product was named."}


def _product(known: Known) -> dict[str, Any]:
    bought = known.purchase

    def said(name: str) -> str | None:
        fact = _told(known, name)
        return fact.value if fact else None

    return {
        "type": bought.product if bought else said("product_type"),
        "model": bought.model if bought else said("product_model"),
        "serial": bought.serial_number if bought else said("serial_number"),
        "delivered_on": bought.delivered_on.isoformat() if bought and bought.delivered_on else None,
        "warranty": {"text": known.warranty} if known.warranty else None,
    }


def _summary(
    known: Known, request: HandoffRequest, wish: Mapping[str, Any], fallback: list[str]
) -> list[dict[str, Any]]:
    sentences: list[dict[str, Any]] = []

    def add(text: str, *messages: str | None) -> None:
        sources = _unique(*messages) or fallback
        if sources:
            sentences.append({"text": text, "messages": sources})

    product, problem = _told(known, "product_type"), _problem(known)
    if problem is not None:
        about = f" about the {_plain(product.value)}" if product else ""
        add(
            f"The customer writes{about}: “{_shortened(problem.value, QUOTE_CHARACTERS)}”",
            problem.message,
            product.message if product else None,
        )
    elif product is not None:
        add(f"It is about the {_plain(product.value)}.", product.message)
    else:
        first = next((m for m in known.transcript if m.author is Author.CUSTOMER), None)
        if first is not None:
            add(f"The customer began with: “{_quoted(first.text)}”", first.id)
    for entry in known.ledger:
        what = _OUTCOME_SENTENCE[entry.outcome].format(title=entry.title)
        add(f"The customer {what}.", entry.shown_by, entry.decided_by)
    if known.purchase is not None:
        proof = known.facts.get("order_number")
        add(
            f"Ownership is proved: {known.purchase.model}, order {known.purchase.order_number}.",
            proof.message if proof else None,
        )
        if known.warranty:
            add(f"Warranty: {known.warranty}", proof.message if proof else None)
    for case in known.cases:
        name = {CaseKind.RETURN: "return", CaseKind.COMPLAINT: "complaint"}.get(
            case.kind, "warranty claim"
        )
        add(f"A {name} is open: {case.number}.", case.message)
    add(wish["text"], *wish["messages"])
    add(_TRIGGER_TEXT[request.trigger], *fallback)
    return sentences


def _open_questions(known: Known, fallback: list[str]) -> list[dict[str, Any]]:
    questions = []
    for fact in known.facts.values():
        if fact.status is FactStatus.UNKNOWN:
            label = LABELS.get(fact.name, fact.name)
            questions.append(
                {
                    "text": f"{label}: asked, the customer does not have it.",
                    "messages": [fact.message],
                }
            )
    if "product_type" not in known.facts and fallback:
        questions.append({"text": "Which product is it?", "messages": fallback})
    for entry in known.ledger:
        if entry.outcome is Outcome.SHOWN:
            questions.append(
                {"text": f"Did “{entry.title}” help?", "messages": _unique(entry.shown_by)}
            )
    return questions


def _next_steps(known: Known, request: HandoffRequest) -> list[str]:
    steps = {
        Trigger.HAZARD: ["Make sure that nobody is in danger.", "Record the incident."],
        Trigger.COMPLAINT: ["Confirm the restatement with the customer.", "Agree on a remedy."],
        Trigger.OUT_OF_STEPS: ["Check the warranty.", "Offer a repair."],
        Trigger.BOT_FAILED: ["Answer the customer's last message."],
    }.get(request.trigger, ["Answer the customer's last message."])
    if known.purchase is None and request.trigger is not Trigger.HAZARD:
        return [*steps, "Ask for the order number if the purchase matters: it is not proved."]
    return list(steps)


def _articles(known: Known, limit: int = 5) -> list[dict[str, Any]]:
    """The sections the bot quoted in this conversation, latest first."""
    seen: dict[str, dict[str, Any]] = {}
    for message in reversed(known.transcript):
        for citation in message.payload.get("citations", ()):
            url = f"/help/{citation['article']}#{citation['section']}"
            seen.setdefault(
                url,
                {
                    "title": f"{citation['title']} › {citation['section_title']}",
                    "url": url,
                    "score": citation.get("score"),
                },
            )
    return list(seen.values())[:limit]


def _suggested_reply(known: Known, request: HandoffRequest) -> str:
    tried = [e.title for e in known.ledger if e.outcome is not Outcome.SHOWN]
    lines = []
    if request.trigger is Trigger.HAZARD:
        lines.append("Is everybody all right, and is the appliance switched off?")
    elif (problem := _problem(known)) is not None:
        lines.append(f"I have read what you wrote: “{_shortened(problem.value, 100)}”.")
    else:
        lines.append("I have read your conversation with the assistant.")
    if tried:
        lines.append(f"You have already tried: {', '.join(tried)}; we will not repeat that.")
    if request.trigger is not Trigger.HAZARD:
        lines.append("Is that right, and is there anything I should know before I go on?")
    return " ".join(lines)


def _plain(value: str) -> str:
    return " ".join(value.replace("_", " ").split())


def _shortened(text: str, characters: int) -> str:
    text = " ".join(text.split())
    if len(text) <= characters:
        return text
    return text[: characters - 1].rsplit(" ", 1)[0] + "…"


def _quoted(text: str) -> str:
    return _shortened(text, QUOTE_CHARACTERS)


def _unique(*ids: str | None) -> list[str]:
    return list(dict.fromkeys(i for i in ids if i))


def without_notes(transcript: Sequence[Message]) -> list[Message]:
    """What the customer can see: everything but agents' notes."""
    return [m for m in transcript if m.author is not Author.NOTE]
