"""The articles of the knowledge release in service, for the help pages."""

import re
from collections.abc import Mapping
from pathlib import Path

from gateway.search import Found
from retrieval.articles import ALL_PRODUCTS, Article, Section
from retrieval.errors import IndexDamaged
from retrieval.published import Pointer, published_articles, published_release

QUOTE_WORDS = 60
_ENDINGS = re.compile(r"(?:ing|ed|es|s)$")  # "descaling" and "descales" are said of "descale"


class Library:
    """Reads a release's articles when it changes; of a damaged one, the pages stay as they were."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._current: Pointer | None = None
        self._articles: dict[str, Article] = {}

    @property
    def release(self) -> str | None:
        """Id of the release that is shown; None before the first one is built."""
        self._refresh()
        return None if self._current is None else self._current.release

    def customer_articles(self) -> list[Article]:
        """What customers may read, by title."""
        self._refresh()
        readable = (a for a in self._articles.values() if a.audience == "customer")
        return sorted(readable, key=lambda article: article.title)

    def customer_article(self, article: str) -> Article | None:
        """One article, if there is one of that id and customers may read it."""
        self._refresh()
        found = self._articles.get(article)
        return found if found is not None and found.audience == "customer" else None

    def articles(self) -> Mapping[str, Article]:
        """Every article by id, those for agents among them."""
        self._refresh()
        return self._articles

    def with_words(self, question: str, product: str | None, limit: int) -> list[Found]:
        """The articles for customers that hold most of a question's words, best first.

        For while the index is out of reach: it knows words, and nothing of what they mean.

        Args:
            product: Only its articles, and those for every product; None for all.
            limit: The most articles.
        """
        asked = _words(question)
        ranked = []
        for article in self.customer_articles():
            if product is not None and not {product, ALL_PRODUCTS} & set(article.products):
                continue
            about = _words(" ".join((article.title, *article.symptoms)))
            scores = [
                (2 * len(asked & about) + len(asked & _words(f"{s.title} {s.text}")), s)
                for s in article.sections
            ]
            score, section = max(scores, key=lambda one: one[0])
            if score:
                ranked.append((score, article, section))
        ranked.sort(key=lambda one: -one[0])
        return [_found(article, section) for _, article, section in ranked[:limit]]

    def _refresh(self) -> None:
        try:
            current = published_release(self._folder)
            if current is None or current == self._current:
                return
            # What was deleted goes at once, though the rest of the new release be damaged.
            self._articles = {
                key: article for key, article in self._articles.items() if key in current.articles
            }
            self._articles = dict(published_articles(self._folder, current))
        except IndexDamaged:
            return  # the action server raises the alarm; the pages stay as they were
        self._current = current


def _words(text: str) -> set[str]:
    """The longer words and the codes of a text, without the commonest endings."""
    found = re.findall(r"[^\W_]+", text.casefold())
    return {
        _ENDINGS.sub("", word) if len(word) > 4 else word
        for word in found
        if len(word) > 3 or any(map(str.isdigit, word))
    }


def _found(article: Article, section: Section) -> Found:
    words = section.text.split()
    quote = " ".join(words[:QUOTE_WORDS]) + (" …" if len(words) > QUOTE_WORDS else "")
    return Found(article.id, article.title, section.anchor, section.title, quote)
