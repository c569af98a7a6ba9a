"""
Errors of this project. Catch the most specific one you can act on.

SupportError
├── Refused                   a rule said no; whoever asked may be told why
│   ├── BadRequest            what was sent cannot be understood
│   │   └── TooLong           it is longer than may be
│   ├── TransitionRefused     a conversation or case cannot go from that status to this one
│   ├── AlreadyClaimed        another agent has the conversation
│   ├── NotYours              the conversation is not this agent's
│   └── SlowDown              too many attempts; later is fine
├── NotSignedIn               no valid token or session
├── NotFound                  no such conversation, case or purchase
└── Unavailable               a neighbour did not answer; later may work
    └── TurnFailed            Rasa answered that this turn failed

Each keeps its facts as attributes and builds its own sentence. None knows HTTP:
`gateway/guards.py` holds the one table from error to status.
"""


class SupportError(Exception):
    """Any error of ours."""

    code = "error"


class Refused(SupportError):
    """A rule said no."""

    code = "refused"


class BadRequest(Refused):
    """What was sent cannot be understood; the sentence says why."""

    code = "bad_request"


class TooLong(BadRequest):
    """A text has more characters than may be."""

    code = "too_long"

    def __init__(self, characters: int, most: int) -> None:
        self.characters, self.most = characters, most
        super().__init__(f"Write at most {most} characters; this has {characters}.")


class TransitionRefused(Refused):
    """Something cannot go from its status to the wanted one."""

    code = "transition_refused"

    def __init__(self, what: str, now: str, wanted: str) -> None:
        self.what, self.now, self.wanted = what, now, wanted
        super().__init__(f"{what} is {now} and cannot become {wanted}.")


class AlreadyClaimed(Refused):
    """Another agent was quicker."""

    code = "already_claimed"

    def __init__(self, agent_name: str) -> None:
        self.agent_name = agent_name
        super().__init__(f"{agent_name} has this conversation.")


class NotYours(Refused):
    """Only the agent who holds a conversation may write in it."""

    code = "not_yours"

    def __init__(self) -> None:
        super().__init__("Claim this conversation before you write in it.")


class SlowDown(Refused):
    """Too many attempts in a short time."""

    code = "slow_down"

    def __init__(self, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"Too many attempts. Try again in {retry_after_seconds} seconds.")


class NotSignedIn(SupportError):
    """No valid token or session came with the request."""

    code = "unauthorised"

    def __init__(self, message: str = "Sign in first.") -> None:
        super().__init__(message)


class NotFound(SupportError):
    """What was asked for does not exist, or not for whoever asks."""

    code = "not_found"

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"There is no such {what}.")


class Unavailable(SupportError):
    """A neighbour did not answer; a later attempt may work."""

    code = "unavailable"

    def __init__(self, neighbour: str, reason: str = "did not answer") -> None:
        self.neighbour, self.reason = neighbour, reason
        super().__init__(f"{neighbour} {reason}.")


class TurnFailed(Unavailable):
    """Rasa answered that the turn failed: an action raised, or nothing was uttered."""

    code = "turn_failed"

    def __init__(self, reason: str) -> None:
        super().__init__("rasa", reason)
