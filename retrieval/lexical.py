"""The words of passages, counted: BM25 (Robertson and Zaragoza, 2009) by the library bm25s."""

from __future__ import annotations

import io
import json
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bm25s
import numpy as np
from numpy.typing import NDArray

from retrieval.words import terms

# bm25s attaches a handler of its own and reports every step of a build.
logging.getLogger("bm25s").setLevel(logging.WARNING)

_K1, _B = 1.5, 0.75  # BM25's usual values; Lucene's variant of the formula


@dataclass(frozen=True, slots=True)
class Lexical:
    """Which passage says what. Reading it from several threads is safe."""

    counted: bm25s.BM25  # document i is passage i
    size: int  # passages

    @classmethod
    def build(cls, texts: Sequence[str]) -> Lexical:
        """Count the words of at least one text."""
        counted = bm25s.BM25(k1=_K1, b=_B, method="lucene")  # type: ignore[no-untyped-call]
        counted.index([terms(text) or [""] for text in texts], show_progress=False)
        return cls(counted, len(texts))

    def scores(self, question: Sequence[str]) -> NDArray[np.float32]:
        """BM25 of every passage, divided by the most that the question's words could bring.

        Args:
            question: What `words.terms` made of it.

        Returns:
            Shape (passages,), from 0 (no word in common) to below 1. Words that stand nowhere
            count in the divisor: a question half unknown is half matched at best.
        """
        distinct = sorted(set(question))
        known = [token for term in distinct if (token := self._token(term)) is not None]
        if not known:
            return np.zeros(self.size, dtype=np.float32)
        scores = self.counted.get_scores_from_ids(known)
        return np.asarray(scores / sum(map(self.idf, distinct)), dtype=np.float32)

    def idf(self, term: str) -> float:
        """How much a word tells, in nats: near 0 in every passage, highest in none."""
        frequency = len(self.saying(term))
        return math.log(1 + (self.size - frequency + 0.5) / (frequency + 0.5))

    def saying(self, term: str) -> NDArray[np.int32]:
        """The passages in which a word stands, shape (found,)."""
        if (token := self._token(term)) is None:
            return np.empty(0, dtype=np.int32)
        begin, end = self.counted.scores["indptr"][token : token + 2]
        rows: NDArray[np.int32] = self.counted.scores["indices"][begin:end]
        return rows

    def write(self, folder: Path) -> None:
        """Write it into a new folder, without a pickle."""
        self.counted.save(folder, show_progress=False)  # type: ignore[no-untyped-call]

    @classmethod
    def read(
        cls, folder: Path, size: int, content: Callable[[Path], bytes] = Path.read_bytes
    ) -> Lexical:
        """What `write` wrote, for that many passages; `content` as in `Index.read`."""
        # As `bm25s.BM25.load` does it, which takes no bytes but only the names of files.
        settings = json.loads(content(folder / "params.index.json"))
        del settings["version"]
        scores = {
            name: np.load(io.BytesIO(content(folder / f"{name}.csc.index.npy")), allow_pickle=False)
            for name in ("data", "indices", "indptr")
        }
        scores["num_docs"] = settings.pop("num_docs")
        counted = bm25s.BM25(**settings)  # type: ignore[no-untyped-call]
        counted.vocab_dict = json.loads(content(folder / "vocab.index.json"))
        counted.unique_token_ids_set = set(counted.vocab_dict.values())
        counted.scores = scores
        counted.nonoccurrence_array = None  # type: ignore[assignment]  # Lucene's has none
        return cls(counted, size)

    def _token(self, term: str) -> int | None:
        token: int | None = self.counted.vocab_dict.get(term)
        return token
