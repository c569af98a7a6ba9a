"""How much a collection wants words, and how much meaning.

No single weight is right: in manuals, whose sections differ by their terms, lexical search ranks
better; among frequently asked questions, which people ask in words of their own, the encoder does.
Each collection says itself which it is. Questions are made from it whose answer is known (a heading
for the text below it, a sentence for the rest of its section, a customers' question for the others
there), and both searches are held against them. What was measured is in
docs/decisions/0004-ranking.md.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.articles import Article
from retrieval.encoder import Encoder
from retrieval.lexical import Lexical
from retrieval.passages import windows
from retrieval.words import terms

WORDS, EVEN, MEANING = 0.35, 0.5, 0.75
"""The weight of meaning where words rank better, where nothing is known, and where meaning does."""

_FROM, _TO = 0.03, 0.11  # by how much, in reciprocal rank, the encoder leads: few words, many
_SECTIONS = 300  # that are looked at, at most; chosen by hash, so that an edit changes few
_LEAST = 30  # with fewer made-up questions than this, what they say counts for little
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_DEPTH = 10  # places that count


@dataclass(frozen=True, slots=True)
class _Piece:
    heading: str
    text: str
    questions: tuple[str, ...]  # the customers', for this section


def measured_balance(articles: Sequence[Article], encoder: Encoder) -> float:
    """The weight of meaning against words for a collection, from `WORDS` to `MEANING`."""
    pieces = _pieces(articles)
    if len(pieces) < 2:
        return EVEN
    leads = [
        _of_headings(pieces, encoder),
        _of_sentences(pieces, encoder),
        _of_questions(pieces, encoder),
    ]
    counted = sum(len(lead) for lead in leads)
    means = [float(np.mean(lead)) for lead in leads if len(lead)]
    if not means:
        return EVEN
    place = float(np.clip((np.mean(means) - _FROM) / (_TO - _FROM), 0, 1))
    trust = counted / (counted + _LEAST)
    return round(EVEN + trust * (WORDS + place * (MEANING - WORDS) - EVEN), 4)


def _pieces(articles: Sequence[Article]) -> list[_Piece]:
    found = []
    for article in articles:
        for section in article.sections:
            heading = ". ".join(filter(None, (article.title, section.title)))
            if section.text.strip():
                asked = article.questions.get(section.anchor, ())
                found.append(_Piece(heading, section.text, asked))
    return sorted(found, key=lambda piece: _hash(piece.heading + piece.text))[:_SECTIONS]


def _of_headings(pieces: Sequence[_Piece], encoder: Encoder) -> NDArray[np.float64]:
    """The encoder's lead on headings, each looking for the text that stands below it."""
    texts, owners = [], []
    for owner, piece in enumerate(pieces):
        for _, window in windows(piece.text):
            texts.append(window)
            owners.append(owner)
    asked = [(piece.heading, owner) for owner, piece in enumerate(pieces) if terms(piece.heading)]
    return _lead(asked, texts, np.array(owners), encoder)


def _of_sentences(pieces: Sequence[_Piece], encoder: Encoder) -> NDArray[np.float64]:
    """The encoder's lead on single sentences, each looking for another part of its section."""
    texts, owners = [], []
    for owner, piece in enumerate(pieces):
        for text in (piece.heading, *(f"{piece.heading}. {w}" for _, w in windows(piece.text))):
            texts.append(text)
            owners.append(owner)
    asked = []
    for owner, piece in enumerate(pieces):
        sentences = [s for s in _SENTENCE.split(piece.text) if 5 <= len(s.split()) <= 25]
        if len(sentences) > 2:
            asked.append((min(sentences, key=_hash), owner))
    return _lead(asked, texts, np.array(owners), encoder, leave_own_window_out=True)


def _of_questions(pieces: Sequence[_Piece], encoder: Encoder) -> NDArray[np.float64]:
    """The encoder's lead on one customers' question of each section, looking for the others."""
    texts, owners, asked = [], [], []
    for owner, piece in enumerate(pieces):
        if len(piece.questions) < 2:
            continue
        chosen = min(piece.questions, key=_hash)
        asked.append((chosen, owner))
        for question in piece.questions:
            if question != chosen:
                texts.append(question)
                owners.append(owner)
    return _lead(asked, texts, np.array(owners), encoder)


def _lead(
    asked: Sequence[tuple[str, int]],
    texts: Sequence[str],
    owners: NDArray[np.intp],
    encoder: Encoder,
    leave_own_window_out: bool = False,
) -> NDArray[np.float64]:
    """Reciprocal rank by meaning less that by words, for each question, shape (questions,)."""
    if not asked:
        return np.empty(0)
    cosines = encoder.encode([question for question, _ in asked]) @ encoder.encode(texts).T
    words = Lexical.build(texts)
    leads = []
    for (question, owner), cosine in zip(asked, cosines, strict=True):
        lexical = words.scores(terms(question)).copy()
        if leave_own_window_out:
            plain = " ".join(question.split())
            own = [row for row, text in enumerate(texts) if owners[row] == owner and plain in text]
            cosine[own] = lexical[own] = -1
        leads.append(
            _reciprocal_rank(cosine, owners, owner) - _reciprocal_rank(lexical, owners, owner)
        )
    return np.array(leads)


def _reciprocal_rank(scores: NDArray[np.float32], owners: NDArray[np.intp], owner: int) -> float:
    best = np.full(owners.max() + 1, -np.inf)
    np.maximum.at(best, owners, scores)
    # Equal scores share the middle of their places: with no word in common, nothing is known.
    rank = 1 + (best > best[owner]).sum() + ((best == best[owner]).sum() - 1) / 2
    return 1 / rank if rank <= _DEPTH else 0.0


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
