"""The articles of the knowledge release in service, for the help pages."""

from pathlib import Path

from retrieval.articles import Article
from retrieval.errors import IndexDamaged
from retrieval.published import published_articles, published_release


class Library:
    """Reads a release's articles when it changes; of a damaged one, the pages stay as they were."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._release: str | None = None
        self._articles: dict[str, Article] = {}

    @property
    def release(self) -> str | None:
        """Id of the release that is shown; None before the first one is built."""
        self._refresh()
        return self._release

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

    def _refresh(self) -> None:
        try:
            release = published_release(self._folder)
            if release is None or release == self._release:
                return
            self._articles = dict(published_articles(self._folder, release))
        except IndexDamaged:
            return  # the action server raises the alarm; the pages stay as they were
        self._release = release
