"""Whether a message answers the question asked."""

from typing import Any

import pytest
from rasa_sdk.interfaces import Tracker

from actions.forms import Heard, Question, any_words, hear, yes_or_no
from actions.proof import DETAIL, ORDER
from actions.returns import CONDITION, REASON
from actions.turn import Turn
from tests.actions.rasa import NOW

WORDS = Question(read=any_words, free_text=True)
YES = Question(read=yes_or_no)


def turn(text: str, intent: str, confidence: float, **entities: str) -> Turn:
    latest: dict[str, Any] = {
        "text": text, "entities": [{"entity": k, "value": v} for k, v in entities.items()],
    }  # fmt: skip
    tracker = Tracker("c", {}, latest, [], False, None, {}, None)
    return Turn(tracker, {}, "c", "m", text, intent, confidence, NOW)


@pytest.mark.parametrize(
    ("question", "text", "intent", "confidence", "heard"),
    [
        (ORDER, "A-10482", "inform", 1.0, (Heard.VALUE, "A-10482")),
        (ORDER, "sorry I meant a 10483", "correct_that", 0.99, (Heard.VALUE, "A-10483")),
        (ORDER, "I don't have it", "dont_know", 0.98, (Heard.UNKNOWN, "")),
        (ORDER, "can't find it", "cannot_do_step", 0.9, (Heard.UNKNOWN, "")),
        (ORDER, "blue", "inform", 0.9, (Heard.INVALID, "")),
        (ORDER, "why do you need that?", "ask_policy", 0.9, (Heard.ELSEWHERE, "")),
        (ORDER, "A-10482 but give me a human", "request_human", 0.9, (Heard.ELSEWHERE, "")),
        (ORDER, "it leaks", "report_fault", 0.9, (Heard.ELSEWHERE, "")),
        (DETAIL, "Rossi", "out_of_scope", 0.84, (Heard.VALUE, "Rossi")),
        (DETAIL, "what is the weather?", "out_of_scope", 0.9, (Heard.ELSEWHERE, "")),
        (DETAIL, "hello", "greet", 1.0, (Heard.ELSEWHERE, "")),
        (DETAIL, "cancel", "cancel", 0.99, (Heard.ELSEWHERE, "")),
        (WORDS, "it does not spin", "report_fault", 0.99, (Heard.VALUE, "it does not spin")),
        (WORDS, "I want to return it instead", "request_return", 0.97, (Heard.ELSEWHERE, "")),
        (REASON, "don't need it any more", "cancel", 0.6, (Heard.VALUE, "changed mind")),
        (REASON, "wrong model", "correct_that", 0.89, (Heard.VALUE, "wrong item")),
        (CONDITION, "opened but never used", "inform", 0.9, (Heard.VALUE, "opened")),
        (YES, "yes", "affirm", 1.0, (Heard.VALUE, "yes")),
        (YES, "hm ok maybe", "affirm", 0.45, (Heard.INVALID, "")),
        (YES, "A-10482", "inform", 1.0, (Heard.INVALID, "")),
    ],
)
def test_what_a_message_is_to_a_question(
    question: Question, text: str, intent: str, confidence: float, heard: tuple[Heard, str]
) -> None:
    assert hear(turn(text, intent, confidence), question) == heard
