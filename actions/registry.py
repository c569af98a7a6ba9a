"""Every action there is, made with its neighbours."""

from rasa_sdk.executor import ActionExecutor

from actions.base import SupportAction, Tools
from actions.colleague import ERRANDS, CaseStatusAsked, PassOn, TakeFeedback
from actions.complaint import ChasePromise, OpenComplaint, SubmitComplaint, ValidateComplaint
from actions.conversation import (
    Affirm,
    Cancel,
    Correct,
    Deny,
    DontKnow,
    Inform,
    NotUnderstood,
    OffSubject,
    Repeat,
    Reply,
    RequestHuman,
    StartOver,
    Thank,
)
from actions.knowledge import AnswerQuestion
from actions.returns import StartExchange, StartReturn, SubmitReturn, ValidateReturn
from actions.troubleshooting import (
    AlreadyTried,
    CannotDoStep,
    ProblemNotSolved,
    ProblemSolved,
    ReportFault,
    SubmitFault,
    ValidateFault,
)
from actions.warranty import (
    CheckWarranty,
    StartClaim,
    SubmitClaim,
    SubmitWarranty,
    ValidateClaim,
    ValidateWarranty,
)

_CLASSES: tuple[type[SupportAction], ...] = (
    Affirm, AlreadyTried, AnswerQuestion, Cancel, CannotDoStep, CaseStatusAsked, ChasePromise,
    CheckWarranty, Correct, Deny, DontKnow, Inform, NotUnderstood, OpenComplaint, ProblemNotSolved,
    ProblemSolved, Repeat, ReportFault, RequestHuman, StartClaim, StartExchange, StartOver,
    StartReturn, SubmitClaim, SubmitComplaint, SubmitFault, SubmitReturn, SubmitWarranty, Thank,
    ValidateClaim, ValidateComplaint, ValidateFault, ValidateReturn, ValidateWarranty,
)  # fmt: skip
_REPLIES = (  # action, response, with the menu of what the bot can do
    ("action_greet", "utter_greet", True),
    ("action_goodbye", "utter_goodbye", False),
    ("action_what_i_can_do", "utter_what_i_can_do", True),
    ("action_bot_challenge", "utter_bot_challenge", True),
)


def all_actions(tools: Tools) -> list[SupportAction]:
    """An instance of every action that the domain names."""
    return [
        *(make(tools) for make in _CLASSES),
        *(Reply(tools, name, response, menu) for name, response, menu in _REPLIES),
        OffSubject(tools, "action_chitchat", "utter_chitchat", counting=False),
        OffSubject(tools, "action_out_of_scope", "utter_out_of_scope", counting=True),
        *(PassOn(tools, errand) for errand in ERRANDS),
        TakeFeedback(tools, "action_praise", "utter_praise"),
        TakeFeedback(tools, "action_feedback", "utter_feedback"),
    ]


def executor_of(actions: list[SupportAction]) -> ActionExecutor:
    """The SDK's executor, with those instances registered."""
    executor = ActionExecutor()
    for action in actions:
        executor.register_action(action)
    return executor
