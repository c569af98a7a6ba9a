"""What brings a person whatever was asked: a right invoked, or patience gone without progress."""

from rasa_sdk.events import FollowupAction

from actions.turn import LISTEN, Turn
from store import ledger as ledger_store
from support.complaints import Category, category_of, says_complaint
from support.feelings import invokes_legal_right, strong_words
from support.handoff import Trigger
from support.procedure import Outcome

FAILURES = 2  # steps, unanswered questions and messages not understood that make no progress
# With these, strong words are about something else than the help given here.
_NOT_ABOUT_THIS = frozenset({
    "problem_solved", "thank", "give_praise", "request_human", "report_fault", "chase_promise",
})  # fmt: skip
_ABOUT_THIS = frozenset({Category.SERVICE, Category.PRODUCT})


async def person_due(turn: Turn) -> bool:
    """Ask for a person if the message alone is reason enough; whether it was.

    A form that is active ends without a trace.
    """
    if invokes_legal_right(turn.text):
        turn.hand_over(Trigger.LEGAL_RIGHT, "The customer speaks of using the law.")
    elif await _patience_is_gone(turn):
        turn.hand_over(
            Trigger.FRUSTRATION, f"Strong words after {FAILURES} or more attempts that failed."
        )
    else:
        return False
    if turn.loop is not None:
        turn.set("requested_slot", None)
        turn.events.append(FollowupAction(LISTEN))
    return True


async def _patience_is_gone(turn: Turn) -> bool:
    if turn.loop is not None or turn.intent in _NOT_ABOUT_THIS or not strong_words(turn.text):
        return False
    if turn.intent == "make_complaint" and (
        says_complaint(turn.text) or category_of(turn.text) not in _ABOUT_THIS
    ):
        return False  # a complaint gets its number
    entries = await ledger_store.entries(turn.tx, turn.conversation)
    failed = sum(entry.outcome is Outcome.DID_NOT_HELP for entry in entries)
    last = entries[-1] if entries else None
    if last is not None and last.outcome is Outcome.SHOWN and turn.intent == "problem_not_solved":
        failed += 1
    failed += sum(int(turn.slots.get(name) or 0) for name in ("abstentions", "misunderstood"))
    if failed < FAILURES:
        return False
    if last is not None and last.outcome is Outcome.SHOWN and turn.intent == "problem_not_solved":
        await ledger_store.decide(
            turn.tx, turn.conversation, last.article, last.step, Outcome.DID_NOT_HELP, turn.message
        )
    return True
