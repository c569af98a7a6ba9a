"""What comes in: typed text made harmless, pressed buttons understood.

Rasa obeys `/intent{"slot": "value"}` from anybody who types it, after blanks of any kind. Typed
text therefore never starts with a slash when it reaches Rasa, and a button's payload never
reaches Rasa's parser: it is read here, strictly, and handed over as understood.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from rasa.shared.core.domain import Domain

# Rasa's own: they restart, rewind or reopen a conversation. No button of ours does.
_RESERVED_INTENTS = frozenset({"restart", "back", "session_start", "nlu_fallback"})
_PAYLOAD = re.compile(r"/(?P<intent>[a-z_]+)(?P<entities>\{.*\})?", re.DOTALL)

# Controls (but tab and line feed) and lone surrogates, which no tokenizer can encode.
_UNSPEAKABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class PayloadRefused(ValueError):
    """A button's payload that this assistant does not have. Says what is wrong with it."""


def neutralised(text: str) -> str:
    """Typed text that Rasa can only read as text.

    Removes control characters anywhere, and at the beginning every slash, blank and invisible
    character (zero-width ones, byte order mark). "…" stands for a text of which nothing is left.
    """
    text = _UNSPEAKABLE.sub("", text)
    start = 0
    while start < len(text) and (
        text[start] == "/"
        or text[start].isspace()
        or unicodedata.category(text[start]) in ("Cf", "Zs", "Zl", "Zp")
    ):
        start += 1
    return text[start:].rstrip() or "…"


def understood(payload: str, domain: Domain) -> dict[str, Any]:
    """A button's payload as Rasa's parse data, without asking Rasa's parser.

    Args:
        payload: `/intent` or `/intent{"entity": "value"}`; a value may be a list.
        domain: Says which intents and entities there are.

    Returns:
        Parse data of `UserMessage`: text, intent with confidence 1.0, intent_ranking, entities.

    Raises:
        PayloadRefused: Not of that form, or an intent or entity that the domain does not have.
    """
    match = _PAYLOAD.fullmatch(payload)
    if match is None:
        raise PayloadRefused('payload must be /intent or /intent{"entity": "value"}')
    intent = match["intent"]
    if intent in _RESERVED_INTENTS or intent not in domain.intent_properties:
        raise PayloadRefused("payload names an intent that the domain does not have")
    found = {"name": intent, "confidence": 1.0}
    return {
        "text": payload,
        "intent": found,
        "intent_ranking": [found],
        "entities": [
            {
                "entity": name,
                "value": value,
                "start": match.start("entities"),
                "end": match.end("entities"),
                "extractor": "button",
            }
            for name, values in _named_values(match["entities"], domain)
            for value in (values if isinstance(values, list) else [values])
        ],
    }


def _named_values(text: str | None, domain: Domain) -> list[tuple[str, Any]]:
    try:
        values = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise PayloadRefused("payload's braces do not hold JSON") from error
    for name, value in values.items():
        if name not in domain.entities:
            raise PayloadRefused("payload names an entity that the domain does not have")
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, (str, int, float)):
                raise PayloadRefused("payload's values must be texts, numbers or lists of them")
    return list(values.items())
