"""
Why a turn was thrown away. Nothing of such a turn is stored, and the same turn may be sent again.

TurnAborted                 carries `code`, `status` (HTTP) and one plain sentence
├── NotReady                no model is loaded
├── ActionsUnreachable      the action server is down or did not answer in time
├── ActionFailed            an action raised, or answered what is no answer
├── Silent                  the turn uttered nothing
├── Runaway                 the rules went round in circles and never listened again
└── StoreUnavailable        the tracker database failed

They derive from `BaseException`, deliberately. Rasa 3.6 runs every action inside
`except Exception` and goes on with the next step of the rule, and wraps its tracker store in one
that answers any `Exception` with an empty memory. A failure must pass through both.
"""

from __future__ import annotations


class TurnAborted(BaseException):
    """A turn that did not happen."""

    code: str
    status: int


class NotReady(TurnAborted):
    code, status = "not_ready", 503

    def __init__(self) -> None:
        super().__init__("No trained model is loaded.")


class ActionsUnreachable(TurnAborted):
    code, status = "actions_unreachable", 503

    def __init__(self, action: str) -> None:
        super().__init__(f"The action server did not answer when {action} was called.")
        self.action = action


class ActionFailed(TurnAborted):
    code, status = "action_failed", 502

    def __init__(self, action: str) -> None:
        super().__init__(f"The action {action} failed.")
        self.action = action


class Silent(TurnAborted):
    code, status = "silent", 502

    def __init__(self) -> None:
        super().__init__("The turn uttered nothing.")


class Runaway(TurnAborted):
    code, status = "runaway", 502

    def __init__(self, action: str) -> None:
        super().__init__(f"The turn did not end: it kept on choosing actions, {action} at last.")
        self.action = action


class StoreUnavailable(TurnAborted):
    code, status = "store_unavailable", 503

    def __init__(self, operation: str) -> None:
        super().__init__(f"The tracker database failed ({operation}).")
        self.operation = operation
