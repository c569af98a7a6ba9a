"""What shows only when all articles are known: ids, links, copies, values, questions, reviews."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from rapidfuzz import fuzz

from retrieval.article_body import Body
from retrieval.articles import ALL_PRODUCTS, Article
from retrieval.errors import Problem
from retrieval.front_matter import Front
from retrieval.policy_text import said_values
from retrieval.procedures import check_procedure

_ARTICLE_LINK = re.compile(r"(?P<id>[a-z0-9-]*)(?:#(?P<anchor>.*))?")
_REVIEW_SOON = timedelta(days=30)
_FEWEST_WORDS = 20  # of a text that can be called a copy; below it two drafts may well agree
_NEARLY_EQUAL = 90.0  # of 100. The closest two of 58 shipped articles reach 67; chosen by hand.


@dataclass(frozen=True, slots=True)
class ReadArticle:
    """An article with what only its checks need."""

    article: Article
    file: Path
    front: Front
    body: Body


def check_together(
    read: Sequence[ReadArticle], catalogue: Mapping[str, Sequence[str]]
) -> Iterator[Problem]:
    """Everything wrong between articles, and on the ways through each procedure."""
    by_id: dict[str, ReadArticle] = {}
    for one in read:
        if (first := by_id.setdefault(one.article.id.casefold(), one)) is not one:
            yield Problem(
                one.file,
                one.front.line("id"),
                f"the id `{one.article.id}` is taken by {first.file}",
                "give this article an id of its own",
            )
    yield from _check_states(read)
    yield from _check_questions(read)
    yield from _check_copies(read, catalogue)
    for one in read:
        yield from _check_links(one, by_id)
        if one.article.kind == "procedure":
            yield from check_procedure(one.article, one.file, one.body.branch_lines)


def warn_of_reviews(read: Sequence[ReadArticle], today: date) -> Iterator[Problem]:
    """Articles whose review is due within 30 days, with who has to do it."""
    for one in read:
        left = one.article.review_by - today
        if one.front.review_by is not None and timedelta(0) <= left <= _REVIEW_SOON:
            yield Problem(
                one.file,
                one.front.line("review_by"),
                f"{one.article.owner} has to review it by {one.article.review_by}, "
                f"{left.days} days from now; after that it is refused",
                "read the article again, correct it and set a later day",
            )


def warn_of_twins(
    read: Sequence[ReadArticle], catalogue: Mapping[str, Sequence[str]]
) -> Iterator[Problem]:
    """Pairs that say nearly the same about one product, of which a search shows either.

    Only those that share a whole sentence are compared, so that the work grows with the number of
    articles and not with its square.
    """
    words = {id(one): _words(one.article) for one in read}
    compared: set[tuple[int, int]] = set()
    latest: dict[tuple[str, str], ReadArticle] = {}
    for one in read:
        for sentence in _sentences(one.article):
            key = (one.article.language, sentence)
            other = latest.get(key)
            latest[key] = one
            if other is None or other is one or (id(other), id(one)) in compared:
                continue
            compared.add((id(other), id(one)))
            mine, theirs = words[id(one)], words[id(other)]
            if mine == theirs or not _share_a_product(one.article, other.article, catalogue):
                continue
            likeness = fuzz.ratio(mine, theirs, score_cutoff=_NEARLY_EQUAL)
            if likeness and len(mine) >= _FEWEST_WORDS:
                yield Problem(
                    one.file,
                    one.front.line("id"),
                    f"says nearly the same as {other.file} ({likeness:.0f} of 100 words agree)",
                    "merge them, or say in each what it alone is about",
                )


def _check_states(read: Sequence[ReadArticle]) -> Iterator[Problem]:
    """Values that differ between two articles, in the front matter or in a sentence."""
    stated: dict[str, tuple[int, ReadArticle]] = {}
    for one in read:
        for key, value in one.article.states.items():
            said, other = stated.setdefault(key, (value, one))
            if said != value:
                yield Problem(
                    one.file,
                    one.front.line("states"),
                    f"says `{key}` is {value}, but {other.file} says {said}",
                    "find out which is right and correct the other, in its text too",
                )
    for one in read:
        if one.article.language != "en":
            continue  # the sentences are recognised by English words
        for found in said_values(one.body.text):
            known = {key: stated[key] for key in found.keys if key in stated}
            if len(known) < len(found.keys):
                continue  # it may be about the value that no article states
            allowed = {value for value, _ in known.values()} | set(one.article.states.values())
            if found.value not in allowed:
                key, (value, other) = next(iter(known.items()))
                yield Problem(
                    one.file,
                    one.body.first_line + found.line,
                    f"says “{found.words}”, but `{key}` is {value} in {other.file}",
                    "correct the sentence, or the value if the sentence is right",
                )


def _check_questions(read: Sequence[ReadArticle]) -> Iterator[Problem]:
    asked: dict[tuple[str, str], ReadArticle] = {}
    for one in read:
        for question in dict.fromkeys(q for qs in one.article.questions.values() for q in qs):
            for product in one.article.products:
                other = asked.setdefault((product, " ".join(question.casefold().split())), one)
                if other is not one:
                    yield Problem(
                        one.file,
                        one.front.line("questions"),
                        f"the question `{question}` stands in {other.file} too",
                        "keep it in the article that answers it",
                    )


def _check_copies(
    read: Sequence[ReadArticle], catalogue: Mapping[str, Sequence[str]]
) -> Iterator[Problem]:
    """Two articles on one product with one text, or with one title to choose from."""
    texts: dict[tuple[object, ...], list[ReadArticle]] = {}
    titles: dict[tuple[object, ...], list[ReadArticle]] = {}
    for one in read:
        words, article = _words(one.article), one.article
        if len(words) >= _FEWEST_WORDS:
            alike = texts.setdefault((article.language, *words), [])
            if other := _first_on_same_product(one, alike, catalogue):
                yield Problem(
                    one.file,
                    one.body.first_line,
                    f"has the same text as {other.file}",
                    "keep one of them; `products` may name several",
                )
            alike.append(one)
        if not isinstance(one.front.values.get("title"), str):
            continue
        title = " ".join(article.title.casefold().split())
        alike = titles.setdefault((article.language, article.audience, title), [])
        if other := _first_on_same_product(one, alike, catalogue):
            yield Problem(
                one.file,
                one.front.line("title"),
                f"has the same title as {other.file}",
                "say in the title what this article alone is about",
            )
        alike.append(one)


def _first_on_same_product(
    one: ReadArticle, others: Sequence[ReadArticle], catalogue: Mapping[str, Sequence[str]]
) -> ReadArticle | None:
    return next(
        (o for o in others if _share_a_product(one.article, o.article, catalogue)),
        None,
    )


def _share_a_product(one: Article, other: Article, catalogue: Mapping[str, Sequence[str]]) -> bool:
    def covered(article: Article) -> set[str]:
        models = {model for product in article.products for model in catalogue.get(product, ())}
        return models | set(article.products)

    return (
        ALL_PRODUCTS in one.products
        or ALL_PRODUCTS in other.products
        or not covered(one).isdisjoint(covered(other))
    )


def _words(article: Article) -> list[str]:
    return [word for s in article.sections for word in f"{s.title} {s.text}".casefold().split()]


def _sentences(article: Article) -> set[str]:
    """Sentences of five words or more; shorter ones stand in many articles."""
    whole = " ".join(section.text for section in article.sections).casefold()
    found = (" ".join(one.split()) for one in re.split(r"[.?!]\s", whole))
    return {one for one in found if one.count(" ") >= 4}


def _check_links(one: ReadArticle, by_id: Mapping[str, ReadArticle]) -> Iterator[Problem]:
    for link in one.body.links:
        if re.match(r"(https|mailto|tel):", link.target):
            continue
        found = _ARTICLE_LINK.fullmatch(link.target)
        if found is None or link.target in ("", "#"):
            yield Problem(
                one.file,
                link.line,
                f"`{link.target}` cannot be followed",
                "link to `#anchor`, `article-id#anchor` or an https address",
            )
            continue
        goal = by_id.get(found["id"]) if found["id"] else one
        if goal is None:
            yield Problem(
                one.file,
                link.line,
                f"there is no article `{found['id']}`",
                "correct the id or remove the link",
            )
        elif found["anchor"] and goal.article.section(found["anchor"]) is None:
            yield Problem(
                one.file,
                link.line,
                f"`{goal.article.id}` has no section `{found['anchor']}`",
                "correct the anchor or add `{#" + found["anchor"] + "}` to a heading",
            )
