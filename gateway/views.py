"""What pages get to see, as JSON."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.search import Found
from retrieval.articles import Article, reference
from support.case import Case
from support.conversation import Author, Conversation, Message, Status
from support.feedback import Finding
from support.handoff import Handoff

ASSISTANT = "Automated assistant"


def message_view(message: Message, agent_names: Mapping[str, str]) -> dict[str, Any]:
    """One message, without what only the server may know (payloads of buttons)."""
    name = None
    if message.agent is not None:
        name = agent_names.get(message.agent, "Support team")
    elif message.author is Author.BOT:
        name = ASSISTANT
    own = message.author is Author.CUSTOMER
    return {
        "id": message.id,
        "seq": message.seq,
        "author": message.author.value,
        "name": name,
        "text": message.text,
        "at": stamp(message.at),
        "kind": message.kind.value,
        "buttons": [{"title": b["title"]} for b in message.payload.get("buttons", ())],
        "citations": [
            {
                "article": c["article"],
                "title": c["title"],
                "section": c["section"],
                "section_title": c["section_title"],
                "version": c["version"],
                "url": f"/help/{c['article']}#{c['section']}",
            }
            for c in message.payload.get("citations", ())
        ],
        "step": message.payload.get("step"),
        "case": message.payload.get("case"),
        "in_reply_to": message.in_reply_to,
        "key": message.key if own else None,
        "state": "seen" if message.seen_at else "stored",
    }


def customer_view(
    messages: Sequence[Message], agent_names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """A transcript as its customer may see it: without notes."""
    return [message_view(m, agent_names) for m in messages if m.author is not Author.NOTE]


def status_view(
    conversation: Conversation, handoff: Handoff | None, agent_names: Mapping[str, str]
) -> dict[str, Any]:
    """Who answers now."""
    agent = conversation.agent if conversation.status is Status.AGENT else None
    return {
        "state": conversation.status.value,
        "agent": agent_names.get(agent, "Support team") if agent else None,
        "reference": handoff.reference if handoff else None,
    }


def handoff_view(handoff: Handoff, agent_id: str, agent_names: Mapping[str, str]) -> dict[str, Any]:
    """A handoff, as the console shows it."""
    return {
        "id": handoff.id,
        "reference": handoff.reference,
        "state": "agent" if handoff.agent else "queued",
        "trigger": handoff.trigger.value,
        "urgency": handoff.urgency.value,
        "incident": handoff.incident,
        "agent": agent_names.get(handoff.agent) if handoff.agent else None,
        "mine": handoff.agent == agent_id,
        "requested_at": stamp(handoff.requested_at),
    }


def queue_item(
    handoff: Handoff,
    last: Message,
    unread: int,
    agent_id: str,
    agent_names: Mapping[str, str],
    now: datetime,
) -> dict[str, Any]:
    """A line of the queue."""
    view = handoff_view(handoff, agent_id, agent_names)
    return view | {
        "conversation": handoff.conversation,
        "handoff": handoff.id,
        "headline": handoff.packet["headline"]["text"],
        "waiting_seconds": max(0, int((now - handoff.requested_at).total_seconds())),
        "last_message": last_message_view(last),
        "unread": unread,
    }


def last_message_view(message: Message) -> dict[str, Any]:
    """The beginning of a conversation's last message."""
    return {
        "author": message.author.value,
        "text": message.text[:120],
        "at": stamp(message.at),
    }


def case_view(case: Case) -> dict[str, Any]:
    """A case, as the console shows it."""
    return {
        "number": case.number,
        "kind": case.kind.value,
        "status": case.status.value,
        "opened_at": stamp(case.opened_at),
    }


def stamp(at: datetime) -> str:
    """A time on the wire, e.g. "2026-11-22T18:41:05.120000Z"."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def found_view(found: Found, article: Article, public_url: str) -> dict[str, Any]:
    """A section that may answer, for an agent; only customers' articles have an address."""
    for_customers = article.audience == "customer"
    url = f"/help/{reference(found.article, found.section)}"
    return {
        "article": found.article,
        "title": found.title,
        "section": found.section,
        "section_title": found.section_title,
        "audience": article.audience,
        "quote": found.quote,
        "score": found.probability,
        "matched": found.matched,
        "words": list(found.words),
        "url": url if for_customers else None,
        "address": public_url.rstrip("/") + url if for_customers else None,
    }


def finding_view(finding: Finding) -> dict[str, Any]:
    """A text that probably does not help, for those who look after it."""
    return {
        "article": finding.article,
        "title": finding.title,
        "owner": finding.owner,
        "section_title": finding.section_title,
        "is_step": finding.is_step,
        "helped": finding.helped,
        "did_not_help": finding.did_not_help,
        "bound": round(finding.bound, 3),
        "url": f"/help/{finding.reference}",
    }
