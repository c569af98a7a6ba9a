"""Who talks to customers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agent:
    """A person who answers when the bot cannot."""

    id: str
    email: str  # lower case
    name: str  # what customers are shown
