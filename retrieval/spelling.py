"""Mistyped words mended, where the articles leave no doubt what was meant.

"my dishwsher doesnt drian" shares no word with any article, and to the encoder it is a string of
fragments. Only words that neither the articles nor the encoder know are touched.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from rapidfuzz import process
from rapidfuzz.distance import OSA

_WORD = re.compile(r"[^\W\d_]+")
_SHORTEST = 5  # letters: among shorter words nearly everything is one letter from something
_LONG = 8  # from this length two mistakes are mended, else one
_MOST = 20  # unknown words that are looked up: a text of a thousand would keep a core busy


@dataclass(frozen=True, slots=True)
class Spelling:
    """The words of the articles."""

    counts: Mapping[str, int]  # how often each one stands in them, in small letters

    @classmethod
    def of(cls, texts: Iterable[str]) -> Spelling:
        """From the passages' texts."""
        return cls(Counter(word for text in texts for word in _WORD.findall(text.lower())))

    def mended(self, question: str, known: frozenset[str]) -> str:
        """The question with its mistyped words replaced; the same string when there are none.

        The nearest word of the articles takes a mistyped one's place if it begins with the same
        letter; among equally near ones the more frequent. Distance: optimal string alignment, so
        that two swapped letters are one mistake.

        Args:
            question: In the customer's words.
            known: Words that are right although no article has them: the encoder's `words`.
        """
        unknown = dict.fromkeys(
            word for word in _WORD.findall(question) if not self._is_right(word.lower(), known)
        )
        mended = {word: self._nearest(word) for word in islice(unknown, _MOST)}
        return _WORD.sub(lambda found: mended.get(found[0], found[0]), question)

    def _is_right(self, word: str, known: frozenset[str]) -> bool:
        return (
            len(word) < _SHORTEST
            or word in self.counts
            or word in known
            # An encoder is taught words, not every form of them.
            or any(word.endswith(end) and word[: -len(end)] in known for end in _ENDINGS)
        )

    def _nearest(self, written: str) -> str:
        word = written.lower()
        near = process.extract(
            word,
            [other for other in self.counts if other[0] == word[0] and len(other) >= _SHORTEST],
            scorer=OSA.distance,
            score_cutoff=2 if len(word) >= _LONG else 1,
            limit=None,
        )
        if not near:
            return written
        return str(min(near, key=lambda one: (one[1], -self.counts[one[0]], one[0]))[0])


_ENDINGS = ("s", "es", "ed", "d", "ing", "er", "ers", "ly", "y", "ness", "less")
