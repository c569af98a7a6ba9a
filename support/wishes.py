"""What customers want, and what they say they do not want."""

import re

REMEDIES = ("repair", "replacement", "refund", "apology", "information")

_NEGATION = re.compile(
    r"\b(?:no|not|never|without|instead of|rather than|nor|"
    r"(?:do|does|did|would|is|was|ca|wo)n'?t|cannot)\b[^.;,!?]*$"
)


def unwanted(text: str, start: int) -> bool:
    """Whether the word at that position is what somebody says they do not want.

    "I don't want a refund" and "a repair, not a refund" deny the refund; "I want a refund, not a
    repair" does not. Only the clause before the word is read.
    """
    return _NEGATION.search(text[:start].casefold().replace("’", "'")) is not None
