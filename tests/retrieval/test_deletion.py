"""A deleted article is gone: from the index, from what is served after damage, from the pages."""

from __future__ import annotations

import hashlib
import re
import threading
from datetime import timedelta
from pathlib import Path

import faiss
import numpy as np
import pytest

from gateway.library import Library
from retrieval.articles import Article
from retrieval.building import Sources, build
from retrieval.encoder import HashingEncoder
from retrieval.errors import IndexDamaged
from retrieval.index import Index
from retrieval.knowledge_base import KnowledgeBase
from retrieval.passages import passages
from retrieval.releases import current_id, load_current, prune, roll_back
from tests.retrieval.conftest import NOW, Write

GONE = "dishwasher-does-not-drain"
PRODUCT = "dishwasher"


class Deleted:
    """One article that is served, and then deleted."""

    def __init__(self, sources: Sources, target: Path, encoder: HashingEncoder) -> None:
        self.sources, self.target, self.encoder = sources, target, encoder
        self.first = build(sources, target, encoder, NOW).release
        self.file = sources.articles / f"{GONE}.md"
        self.text = self.file.read_text()
        self.article = load_current(target).index.articles[GONE]
        self.passages = [passage.text for passage in passages(self.article)]
        self.base = KnowledgeBase(target, encoder)
        self.library = Library(target)
        assert self.told(self.base)
        assert self.library.customer_article(GONE) is not None
        self.file.unlink()
        # The article that linked to it goes on without the link.
        salt = sources.articles / "dishwasher-add-salt.md"
        salt.write_text(salt.read_text().replace(f"({GONE}#filter)", "(#fill)"))
        self.second = self.build(1)

    def build(self, minutes: int) -> str:
        now = NOW + timedelta(minutes=minutes)
        return build(self.sources, self.target, self.encoder, now, force=True).release

    @property
    def asked(self) -> list[str]:
        """Everything that the article itself says about what it answers, and all that it says."""
        article = self.article
        sections = [text for s in article.sections for text in (s.title, s.text) if text]
        return [article.title, *article.symptoms, *sections, *self.passages]

    def told(self, base: KnowledgeBase) -> list[str]:
        """The ways in which a knowledge base still knows of it."""
        ways = []
        if base.article(GONE) is not None:
            ways.append("article")
        if GONE in {article.id for article in base.articles()}:
            ways.append("articles")
        for question in self.asked:
            for audience in ("customer", "agent"):
                for product in (PRODUCT, None):
                    answer = base.answer(question, product, audience, limit=100)
                    if any(s.article_id == GONE for s in answer.sources):
                        ways.append(f"answer to {question!r}")
                    found = base.find(question, product, audience, limit=100)
                    if any(s.article_id == GONE for s in found):
                        ways.append(f"find {question!r}")
            procedure = base.procedure_for(question, PRODUCT)
            if procedure is not None and procedure.id == GONE:
                ways.append(f"procedure for {question!r}")
        return ways


@pytest.fixture
def deleted(sources: Sources, tmp_path: Path, hashing: HashingEncoder) -> Deleted:
    return Deleted(sources, tmp_path / "var" / "knowledge", hashing)


def sentences(article: Article) -> list[str]:
    """What only this article says, in pieces of at least four words."""
    texts = [article.title, *article.symptoms, *(s.text for s in article.sections)]
    pieces = [piece.strip() for text in texts for piece in re.split(r"[.\n]", text)]
    return [piece for piece in pieces if len(piece.split()) > 3]


def test_no_file_of_the_release_holds_its_sentences(deleted: Deleted) -> None:
    assert len(sentences(deleted.article)) > 5
    folder = deleted.target / "releases" / deleted.second
    for file in [*folder.rglob("*"), deleted.target / "current", deleted.target / "vectors.npz"]:
        if not file.is_file():
            continue
        content = file.read_bytes().decode("utf-8", "replace")
        assert GONE not in content, file.name
        for sentence in sentences(deleted.article):
            assert sentence not in content, (file.name, sentence)


def test_no_index_holds_its_vectors(deleted: Deleted) -> None:
    """Those that it shares with another article, word for word, are the other's."""
    index = load_current(deleted.target).index
    own = [text for text in deleted.passages if text not in {p.text for p in index.passages}]
    vectors = deleted.encoder.encode(own)
    everything = np.arange(len(index.passages))
    assert len(index.vectors) == len(everything)
    assert max(index.vectors.cosines(vector, everything).max() for vector in vectors) < 0.999
    stored = faiss.deserialize_index(
        np.fromfile(deleted.target / "releases" / deleted.second / "vectors.faiss", dtype=np.uint8)
    )
    assert stored.ntotal == len(index.passages)
    assert (stored.search(vectors, 1)[0] < 0.999).all()


def test_no_memory_holds_its_key(deleted: Deleted) -> None:
    content = (deleted.target / "vectors.npz").read_bytes()
    left = {passage.text for passage in load_current(deleted.target).index.passages}
    known = 0
    for text in [*deleted.passages, *left]:
        key = hashlib.blake2b(text.encode(), digest_size=16).digest()
        assert (key in content) == (text in left), text
        known += text in left
    assert known > 5  # the way of looking does find what is there


def test_nothing_of_it_is_answered(deleted: Deleted) -> None:
    assert deleted.base.reload_if_changed()
    assert deleted.told(deleted.base) == []
    assert deleted.told(KnowledgeBase(deleted.target, deleted.encoder)) == []


def test_the_help_pages_drop_it(deleted: Deleted) -> None:
    for library in (deleted.library, Library(deleted.target)):
        assert library.customer_article(GONE) is None
        assert GONE not in library.articles()
        assert all(
            found.article != GONE
            for question in deleted.asked
            for found in library.with_words(question, None, 100)
        )


@pytest.mark.parametrize("damaged", ["articles.json", "vectors.faiss", "manifest.json"])
def test_damage_does_not_bring_it_back(deleted: Deleted, damaged: str) -> None:
    """Neither to a new process, nor to one that had loaded the release before."""
    (deleted.target / "releases" / deleted.second / damaged).write_bytes(b"x")

    base = KnowledgeBase(deleted.target, deleted.encoder)
    assert base.release == deleted.first
    assert base.degraded is not None
    assert deleted.told(base) == []
    assert base.article("returns") is not None
    deleted.base.reload_if_changed()
    assert deleted.base.degraded is not None
    assert deleted.told(deleted.base) == []
    assert deleted.library.customer_article(GONE) is None
    assert deleted.library.customer_article("returns") is not None


def test_it_is_dropped_though_no_release_on_disk_is_sound(deleted: Deleted) -> None:
    """What was loaded goes on without it."""
    for release in (deleted.first, deleted.second):
        (deleted.target / "releases" / release / "passages.json").write_bytes(b"x")
    with pytest.raises(IndexDamaged):
        load_current(deleted.target)
    deleted.base.reload_if_changed()
    assert deleted.base.release == deleted.first
    assert deleted.told(deleted.base) == []
    assert deleted.base.article("returns") is not None


def test_damage_to_the_pointer_and_the_release_does_not_bring_it_back(deleted: Deleted) -> None:
    """The newest manifest still tells what was there at the last build."""
    (deleted.target / "current").write_bytes(b"{}")
    (deleted.target / "releases" / deleted.second / "vectors.faiss").unlink()

    base = KnowledgeBase(deleted.target, deleted.encoder)
    assert base.release == deleted.first
    assert deleted.told(base) == []


def test_rolling_back_does_not_bring_it_back(deleted: Deleted) -> None:
    """Only its file does, with the next build; then the older release may say it again."""
    assert roll_back(deleted.target) == deleted.first
    deleted.base.reload_if_changed()
    base = KnowledgeBase(deleted.target, deleted.encoder)
    assert base.release == deleted.first
    assert base.degraded is None
    assert base.article("returns") is not None
    for one in (base, deleted.base):
        assert deleted.told(one) == []
    assert Library(deleted.target).customer_article(GONE) is None
    assert deleted.library.customer_article(GONE) is None

    # And forward again, where nothing is missing.
    roll_back(deleted.target, deleted.second)
    ids = load_current(deleted.target).index.articles
    assert set(ids) == {"returns", "goodwill", "dishwasher-add-salt", "coffee-machine-descale"}

    deleted.file.write_text(deleted.text)
    deleted.build(2)
    roll_back(deleted.target, deleted.first)
    assert deleted.told(KnowledgeBase(deleted.target, deleted.encoder))


def test_its_texts_leave_the_disk(deleted: Deleted) -> None:
    """With the third build, or at once when older releases are removed."""

    def holding() -> list[str]:
        sentence = sentences(deleted.article)[0].encode()
        files = (deleted.target / "releases").rglob("*")
        return sorted({f.parent.name for f in files if f.is_file() and sentence in f.read_bytes()})

    assert holding() == [deleted.first]
    prune(deleted.target)
    assert holding() == []
    assert current_id(deleted.target) == deleted.second

    deleted.file.write_text(deleted.text)
    deleted.build(2)
    deleted.file.unlink()
    for minutes in (3, 4, 5):
        assert holding()
        deleted.build(minutes)
    assert holding() == []


def test_it_is_gone_from_every_thread(deleted: Deleted) -> None:
    """From the moment that the reload returns."""
    deleted.base.reload_if_changed()
    ways: list[str] = []
    threads = [
        threading.Thread(target=lambda: ways.extend(deleted.told(deleted.base))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ways == []


def test_an_approximate_index_does_not_find_it_either(
    sources: Sources, tmp_path: Path, hashing: HashingEncoder, write: Write
) -> None:
    """There vectors of the old release stay in FAISS after damage; no row of them is allowed."""
    for number in range(60):
        text = "\n".join(f"Turn screw{n} of part {number} by hand." for n in range(40))
        write(f"part-{number}", f"## Turn it {{#turn}}\n{text}\n", title=f"Part {number} of it")
    target = tmp_path / "var" / "knowledge"
    build(sources, target, hashing, NOW, flat_up_to=100)
    (sources.articles / "part-7.md").unlink()
    second = build(sources, target, hashing, NOW + timedelta(minutes=1), flat_up_to=100).release
    (target / "releases" / second / "passages.json").unlink()
    release = load_current(target)
    index: Index = release.index
    assert index.vectors.kind == "ivf"
    base = KnowledgeBase(target, hashing)

    found = base.find("turn screw3 of part 7 by hand", "dishwasher", limit=100)
    assert found
    assert "part-7" not in {source.article_id for source in found}
    assert base.article("part-7") is None
