"""An article cut into passages: what is searched. A passage is found, its section is returned."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retrieval.articles import Article, Section

WINDOW_WORDS = 60
_LEAST_WORDS = 20  # a shorter last window joins the one before it
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Passage:
    """Some words that a question is compared with, and the section they stand for."""

    article_id: str
    anchor: str
    text: str  # what is encoded and counted, titles in front
    start: int  # the word of the section's text at which the window begins; 0 for phrases
    short: bool = False  # a title, symptom or customer's question, not a window over the text


def passages(article: Article) -> Iterator[Passage]:
    """The passages of an article, those of a section side by side.

    The title, each symptom and each of the customers' questions are passages of their own:
    customers write in such short phrases, and a phrase inside 60 words is diluted. Title and
    symptoms stand for the article's first section. Every other passage is a window over one section
    with both titles in front, which says what "it" is.
    """
    for number, section in enumerate(article.sections):
        if number == 0:
            if article.title:
                yield Passage(article.id, section.anchor, article.title, 0, short=True)
            for symptom in article.symptoms:
                phrase = f"{article.title}: {symptom}"
                yield Passage(article.id, section.anchor, phrase, 0, short=True)
        for question in article.questions.get(section.anchor, ()):
            yield Passage(article.id, section.anchor, question, 0, short=True)
        heading = ". ".join(filter(None, (article.title, section.title)))
        if section.title:
            yield Passage(article.id, section.anchor, heading, 0, short=True)
        for start, window in windows(section.text):
            text = ". ".join(filter(None, (heading, window)))
            yield Passage(article.id, section.anchor, text, start)


def windows(text: str, words: int = WINDOW_WORDS) -> list[tuple[int, str]]:
    """Pieces of a text of at most about `words` words, cut between sentences where possible.

    Returns:
        (number of words before the piece, the piece), in order, nothing left out or repeated.
    """
    pieces: list[list[str]] = []
    for sentence in filter(None, _SENTENCE_END.split(text)):
        tokens = sentence.split()
        for begin in range(0, len(tokens), words):
            part = tokens[begin : begin + words]
            if pieces and len(pieces[-1]) + len(part) <= words:
                pieces[-1] += part
            else:
                pieces.append(list(part))
    if len(pieces) > 1 and len(pieces[-1]) < _LEAST_WORDS:
        last = pieces.pop()
        pieces[-1] += last
    found, before = [], 0
    for piece in pieces:
        found.append((before, " ".join(piece)))
        before += len(piece)
    return found


def quote(section: Section, start: int = 0, most_words: int = 130) -> str:
    """The part of a section to show: all of it when it is short enough, else whole blocks and
    sentences from the one that holds word `start`, with "…" where something was left out.
    """
    if len(section.text.split()) <= most_words:
        return section.text
    units = _units(section.text)
    begin, before = 0, 0
    for index, unit in enumerate(units):
        if before > start:
            break
        begin, before = index, before + len(unit.split())
    # What is left after `begin` may be less than there is room for: show more of what precedes.
    while begin > 0 and sum(len(u.split()) for u in units[begin - 1 :]) <= most_words:
        begin -= 1
    shown, room = "", most_words
    for index in range(begin, len(units)):
        if (length := len(units[index].split())) > room and shown:
            return _marked(shown, begin > 0, cut_after=True)
        shown, room = shown + units[index], room - length
    return _marked(shown, begin > 0, cut_after=False)


def _units(text: str) -> Sequence[str]:
    """Sentences with the blank or line break that follows them, so that they join to the text."""
    return [unit for unit in re.split(r"(?<=[.!?]\s)(?=\S)|(?<=\n)(?=\S)", text) if unit.strip()]


def _marked(shown: str, cut_before: bool, cut_after: bool) -> str:
    return ("… " if cut_before else "") + shown.strip() + (" …" if cut_after else "")
