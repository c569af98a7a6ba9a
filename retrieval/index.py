"""Passages made searchable: their vectors in FAISS, their words in BM25.

A flat FAISS index compares with every vector: exact, and quick up to some 50,000 passages, far
beyond a help centre. `releases` keeps an index on disk.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import bm25s
import faiss
import numpy as np
from numpy.typing import NDArray

from retrieval.articles import ALL_PRODUCTS, Article
from retrieval.encoder import Encoder, text_key
from retrieval.files import write_bytes, write_json
from retrieval.passages import Passage, passages
from retrieval.words import terms

# bm25s attaches a handler of its own and reports every step of a build.
logging.getLogger("bm25s").setLevel(logging.WARNING)

_K1, _B = 1.5, 0.75  # BM25's usual values; Lucene's variant of the formula


@dataclass(frozen=True, slots=True)
class Index:
    """Everything that is searched and quoted. Reading it from several threads is safe."""

    articles: Mapping[str, Article]  # by id; a passage of an article that is not here is dead
    catalogue: Mapping[str, Sequence[str]]  # models by product
    passages: tuple[Passage, ...]
    encoder_fingerprint: str
    vectors: faiss.Index  # flat; row i belongs to passages[i]
    words: bm25s.BM25  # document i belongs to passages[i]
    said: Mapping[str, frozenset[str]]  # the `terms` of all passages of each article, by id

    @classmethod
    def build(
        cls,
        articles: Iterable[Article],
        encoder: Encoder,
        catalogue: Mapping[str, Sequence[str]] | None = None,
        known: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> Index:
        """Cut, encode and count.

        Args:
            articles: At least one.
            encoder: The one that will encode the questions.
            catalogue: Models by product, for `rows`.
            known: Vectors of this encoder by `text_key`, say of the release before: after a small
                edit only a few passages are encoded.
        """
        by_id = {article.id: article for article in articles}
        cut = tuple(passage for article in by_id.values() for passage in passages(article))
        matrix = np.empty((len(cut), encoder.dim), dtype=np.float32)
        new = []
        for row, passage in enumerate(cut):
            if known and (vector := known.get(text_key(passage.text))) is not None:
                matrix[row] = vector
            else:
                new.append(row)
        if new:
            matrix[new] = encoder.encode([cut[row].text for row in new])
        vectors = faiss.IndexFlatIP(encoder.dim)
        vectors.add(matrix)
        words = bm25s.BM25(k1=_K1, b=_B, method="lucene")  # type: ignore[no-untyped-call]
        words.index([terms(passage.text) or [""] for passage in cut], show_progress=False)
        return cls(
            by_id, dict(catalogue or {}), cut, encoder.fingerprint, vectors, words, _said(cut)
        )

    def rows(
        self, product: str | None, audience: str, kinds: frozenset[str] | None = None
    ) -> NDArray[np.intp]:
        """The passages that may be shown at all, in order.

        Args:
            product: A product or model in any capitals; None for any. Articles for every product
                stay, those of a model stay for its product, and those of a product for its models.
            audience: "agent" sees everything, "customer" what is meant for customers.
            kinds: Kinds of article; None for any.
        """
        family = {ALL_PRODUCTS}
        if product is not None:
            wanted = product.casefold()
            family |= {wanted}
            for name, models in self.catalogue.items():
                folded = {model.casefold() for model in models}
                if wanted == name.casefold():
                    family |= folded
                elif wanted in folded:
                    family.add(name.casefold())
        keep = {
            article.id
            for article in self.articles.values()
            if (audience == "agent" or article.audience == audience)
            and (kinds is None or article.kind in kinds)
            and (product is None or any(p.casefold() in family for p in article.products))
        }
        return np.array(
            [row for row, p in enumerate(self.passages) if p.article_id in keep], dtype=np.intp
        )

    def cosines(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Similarity of a unit vector, shape (dim,), to every passage: (passages,), -1 to 1."""
        scores, rows = self.vectors.search(vector.reshape(1, -1), len(self.passages))
        found = np.empty(len(self.passages), dtype=np.float32)
        found[rows[0]] = scores[0]
        return found

    def idf(self, term: str) -> float:
        """How much a word tells, in nats: near 0 in every passage, highest in none."""
        token = self.words.vocab_dict.get(term)
        pointers = self.words.scores["indptr"]
        frequency = 0 if token is None else int(pointers[token + 1] - pointers[token])
        total = len(self.passages)
        return math.log(1 + (total - frequency + 0.5) / (frequency + 0.5))

    def lexical(self, question: Sequence[str]) -> NDArray[np.float32]:
        """BM25 of every passage, divided by the most that the question's words could bring.

        Args:
            question: What `words.terms` made of it.

        Returns:
            Shape (passages,), from 0 (no word in common) to below 1. Words that stand nowhere
            count in the divisor: a question half unknown is half matched at best.
        """
        distinct = sorted(set(question))
        known = [self.words.vocab_dict[t] for t in distinct if t in self.words.vocab_dict]
        if not known:
            return np.zeros(len(self.passages), dtype=np.float32)
        scores = self.words.get_scores_from_ids(known)
        return np.asarray(scores / sum(map(self.idf, distinct)), dtype=np.float32)

    def known_vectors(self) -> dict[str, NDArray[np.float32]]:
        """Every passage's vector by `text_key`, for `build`."""
        matrix = self.vectors.reconstruct_n(0, len(self.passages))
        return {text_key(p.text): matrix[row] for row, p in enumerate(self.passages)}

    def write(self, folder: Path) -> None:
        """Write the index's files into an empty folder. No pickle among them."""
        write_json(folder / "articles.json", [a.to_json() for a in self.articles.values()])
        write_json(folder / "catalogue.json", {k: list(v) for k, v in self.catalogue.items()})
        write_json(folder / "passages.json", [asdict(passage) for passage in self.passages])
        write_bytes(folder / "vectors.faiss", faiss.serialize_index(self.vectors).tobytes())
        self.words.save(  # type: ignore[no-untyped-call]
            folder / "bm25", allow_pickle=False, show_progress=False
        )

    @classmethod
    def read(cls, folder: Path, encoder_fingerprint: str) -> Index:
        """The index that `write` put into a folder. Nothing is checked here: FAISS reads damaged
        files without a word, so `releases` compares every byte first.
        """
        articles = [
            Article.from_json(value)
            for value in json.loads((folder / "articles.json").read_text("utf-8"))
        ]
        cut = tuple(
            Passage(**value) for value in json.loads((folder / "passages.json").read_text("utf-8"))
        )
        catalogue = json.loads((folder / "catalogue.json").read_text("utf-8"))
        content = np.frombuffer((folder / "vectors.faiss").read_bytes(), dtype=np.uint8)
        words = bm25s.BM25.load(folder / "bm25", allow_pickle=False, show_progress=False)
        return cls(
            {article.id: article for article in articles},
            catalogue,
            cut,
            encoder_fingerprint,
            faiss.deserialize_index(content),
            words,
            _said(cut),
        )


def _said(cut: Sequence[Passage]) -> dict[str, frozenset[str]]:
    said: dict[str, set[str]] = {}
    for passage in cut:
        said.setdefault(passage.article_id, set()).update(terms(passage.text))
    return {article: frozenset(words) for article, words in said.items()}
