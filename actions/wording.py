"""Which of several wordings to say, so that the same words never come twice running."""

import re
from collections.abc import Mapping, Sequence

_PLACE = re.compile(r"\{([a-z_]+)\}")


def filled(wording: str, values: Mapping[str, str]) -> str:
    """The wording with its places, such as {number}, filled.

    Raises:
        KeyError: A place has no value: better a failed turn than "{number}" before a customer.
    """
    return _PLACE.sub(lambda place: values[place[1]], wording)


def freshest(wordings: Sequence[str], said: Sequence[str]) -> str:
    """The wording that was not said for the longest time; the first of those never said.

    Args:
        wordings: At least one.
        said: What the bot said in this conversation, oldest first.
    """
    latest = {text: index for index, text in enumerate(said)}
    return min(wordings, key=lambda wording: latest.get(wording, -1))
