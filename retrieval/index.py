"""Passages made searchable: their vectors in FAISS, their words in BM25.

`vectors` says when the search by meaning is exact and when it is approximate; `releases` keeps an
index on disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.articles import ALL_PRODUCTS, Article
from retrieval.balance import measured_balance
from retrieval.encoder import Encoder
from retrieval.files import write_bytes, write_json
from retrieval.lexical import Lexical
from retrieval.passages import Passage, passages
from retrieval.spelling import Spelling
from retrieval.vectors import FLAT_UP_TO, Selection, Vectors

_Scope = tuple[str | None, str, frozenset[str] | None, str | None]
_NEAR = 200  # candidates from each of the two searches when the index is approximate


@dataclass(frozen=True, slots=True)
class Index:
    """Everything that is searched and quoted. Reading it from several threads is safe."""

    articles: Mapping[str, Article]  # by id; a passage of an article that is not here is dead
    catalogue: Mapping[str, Sequence[str]]  # models by product
    passages: tuple[Passage, ...]  # those of a section side by side, as are those of an article
    encoder_fingerprint: str
    vectors: Vectors  # row i belongs to passages[i]
    words: Lexical  # document i belongs to passages[i]
    spelling: Spelling
    balance: float  # the weight of meaning against words in this collection, 0 to 1
    section_of: NDArray[np.int32]  # (passages,): the number of each passage's section
    short: NDArray[np.bool_]  # (passages,): whether each is a phrase, not a window over the text
    spans: Mapping[
        str, tuple[int, int]
    ]  # first passage of each article, and the one after its last
    # Filled as questions come: there are only so many products, kinds and languages.
    _rows: dict[_Scope, NDArray[np.intp]] = field(init=False, default_factory=dict, repr=False)
    _selections: dict[_Scope, Selection] = field(init=False, default_factory=dict, repr=False)

    @classmethod
    def build(
        cls,
        articles: Iterable[Article],
        encoder: Encoder,
        catalogue: Mapping[str, Sequence[str]] | None = None,
        flat_up_to: int = FLAT_UP_TO,
    ) -> Index:
        """Cut, encode and count.

        Args:
            articles: At least one.
            encoder: The one that will encode the questions. One that remembers makes a build
                after a small edit quick, see `remembering`.
            catalogue: Models by product, for `rows`.
            flat_up_to: The most passages that are searched exactly.
        """
        by_id = {article.id: article for article in articles}
        cut = tuple(passage for article in by_id.values() for passage in passages(article))
        texts = [passage.text for passage in cut]
        return cls(
            articles=by_id,
            catalogue=dict(catalogue or {}),
            passages=cut,
            encoder_fingerprint=encoder.fingerprint,
            vectors=Vectors.build(encoder.encode(texts), flat_up_to),
            words=Lexical.build(texts),
            spelling=Spelling.of(texts),
            balance=measured_balance(list(by_id.values()), encoder),
            section_of=_section_numbers(cut),
            short=np.array([passage.short for passage in cut], dtype=bool),
            spans=_spans(cut),
        )

    def rows(
        self,
        product: str | None,
        audience: str,
        kinds: frozenset[str] | None = None,
        language: str | None = None,
    ) -> NDArray[np.intp]:
        """The passages that may be shown at all, in order.

        Args:
            product: A product or model in any capitals; None for any. Articles for every product
                stay, those of a model stay for its product, and those of a product for its models.
            audience: "agent" sees everything, "customer" what is meant for customers.
            kinds: Kinds of article; None for any.
            language: Of the article, "en"; None for any.
        """
        scope = self._scope(product, audience, kinds, language)
        if (known := self._rows.get(scope)) is None:
            keep = sorted(
                self.spans[article.id]
                for article in self.articles.values()
                if self._is_in(scope, article)
            )
            ranges = [np.arange(begin, end, dtype=np.intp) for begin, end in keep]
            known = np.concatenate(ranges) if ranges else np.empty(0, dtype=np.intp)
            self._rows[scope] = known
        return known

    def candidates(
        self, vector: NDArray[np.float32], lexical: NDArray[np.float32], rows: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """The rows worth comparing with a question: all of them in a flat index, else every
        passage of the sections that hold a near vector or a high lexical score.

        Args:
            vector: The question's, shape (dim,).
            lexical: From `Lexical.scores`, shape (passages,).
            rows: From `rows`.
        """
        if self.vectors.kind == "flat" or len(rows) <= _NEAR:
            return rows
        near, _ = self.vectors.nearest(vector, _NEAR, self._selection(rows))
        words = rows[np.argpartition(-lexical[rows], _NEAR)[:_NEAR]]
        sections = np.unique(self.section_of[np.concatenate([near, words])])
        starts = np.searchsorted(self.section_of, sections)
        ends = np.searchsorted(self.section_of, sections, side="right")
        return np.concatenate(
            [np.arange(begin, end, dtype=np.intp) for begin, end in zip(starts, ends, strict=True)]
        )

    def says(self, article: str, term: str) -> bool:
        """Whether a word stands in any passage of an article, as `words.terms` writes it."""
        begin, end = self.spans[article]
        saying = self.words.saying(term)
        place = int(np.searchsorted(saying, begin))
        return place < len(saying) and int(saying[place]) < end

    def write(self, folder: Path) -> None:
        """Write the index's files into an empty folder. No pickle among them."""
        write_json(folder / "articles.json", [a.to_json() for a in self.articles.values()])
        write_json(folder / "catalogue.json", {k: list(v) for k, v in self.catalogue.items()})
        cut = [asdict(passage) for passage in self.passages]
        write_json(folder / "passages.json", cut, indent=None)
        write_json(folder / "spelling.json", dict(self.spelling.counts))
        write_json(folder / "balance.json", self.balance)
        write_bytes(folder / "vectors.faiss", self.vectors.serialize())
        self.words.write(folder / "bm25")

    @classmethod
    def read(
        cls,
        folder: Path,
        encoder_fingerprint: str,
        content: Callable[[Path], bytes] = Path.read_bytes,
    ) -> Index:
        """The index that `write` put into a folder.

        Args:
            folder: Where it is.
            encoder_fingerprint: Of the encoder that built it.
            content: Gives the bytes of a file. FAISS makes something of damaged ones without a
                word, so `releases` hands in a function that compares what it has read.
        """

        def value(name: str) -> Any:
            return json.loads(content(folder / name))

        articles = [Article.from_json(one) for one in value("articles.json")]
        cut = tuple(Passage(**one) for one in value("passages.json"))
        return cls(
            articles={article.id: article for article in articles},
            catalogue=value("catalogue.json"),
            passages=cut,
            encoder_fingerprint=encoder_fingerprint,
            vectors=Vectors.deserialize(content(folder / "vectors.faiss")),
            words=Lexical.read(folder / "bm25", len(cut), content),
            spelling=Spelling(value("spelling.json")),
            balance=value("balance.json"),
            section_of=_section_numbers(cut),
            short=np.array([passage.short for passage in cut], dtype=bool),
            spans=_spans(cut),
        )

    def _scope(
        self, product: str | None, audience: str, kinds: frozenset[str] | None, language: str | None
    ) -> _Scope:
        if product is not None:
            product = product.casefold()
            named = {*self.catalogue, *(m for models in self.catalogue.values() for m in models)}
            if product not in {name.casefold() for name in named}:
                product = ""  # of which there are no articles
        return product, audience, kinds, language

    def _is_in(self, scope: _Scope, article: Article) -> bool:
        product, audience, kinds, language = scope
        return (
            audience in ("agent", article.audience)
            and (kinds is None or article.kind in kinds)
            and (language is None or article.language == language)
            and (
                product is None
                or not self._family(product).isdisjoint(p.casefold() for p in article.products)
            )
        )

    def _family(self, product: str) -> set[str]:
        """What articles for a product or model may be filed under."""
        family = {ALL_PRODUCTS, product}
        for name, models in self.catalogue.items():
            folded = {model.casefold() for model in models}
            if product == name.casefold():
                family |= folded
            elif product in folded:
                family.add(name.casefold())
        return family

    def _selection(self, rows: NDArray[np.intp]) -> Selection:
        # `rows` hands out the same array for the same scope.
        scope = next((s for s, known in self._rows.items() if known is rows), None)
        if scope is None:
            return self.vectors.selection(rows)
        if (known := self._selections.get(scope)) is None:
            known = self._selections[scope] = self.vectors.selection(rows)
        return known


def _section_numbers(cut: Sequence[Passage]) -> NDArray[np.int32]:
    """0 for the passages of the first section, 1 for those of the next, and so on."""
    numbers = np.zeros(len(cut), dtype=np.int32)
    for row in range(1, len(cut)):
        before, here = cut[row - 1], cut[row]
        same = (before.article_id, before.anchor) == (here.article_id, here.anchor)
        numbers[row] = numbers[row - 1] + (not same)
    return numbers


def _spans(cut: Sequence[Passage]) -> dict[str, tuple[int, int]]:
    spans: dict[str, tuple[int, int]] = {}
    for row, passage in enumerate(cut):
        begin, _ = spans.get(passage.article_id, (row, row))
        spans[passage.article_id] = begin, row + 1
    return spans
