"""The door to this room: questions in, answers out, from whichever release is current."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from retrieval.articles import Article, reference
from retrieval.decision import (
    Abstention,
    Answer,
    Clarify,
    Source,
    choose_procedure,
    decide,
    source,
    weigh,
)
from retrieval.encoder import Encoder, OnnxEncoder, preferred, sound_encoders
from retrieval.errors import EncoderDamaged, IndexDamaged
from retrieval.ranking import PROCEDURES, Ranked, search
from retrieval.releases import Release, load_current, only_published, pointer, published_ids
from retrieval.words import leans_on_what_went_before, terms

MOST_PENALTY = 0.3  # a text that nobody liked is found later, never hidden


@dataclass(frozen=True, slots=True)
class _Served:
    """What one call works with from beginning to end, though another release comes meanwhile."""

    release: Release
    encoder: Encoder  # the one that made the release's vectors
    pointer: tuple[int, int, int] | None


class KnowledgeBase:
    """A loaded release and the encoder for questions. Safe to call from a pool of threads.

    Calls are plain functions of some 10 ms; from asyncio, use `asyncio.to_thread`.
    """

    def __init__(self, folder: Path, encoder: Encoder, encoder_folder: Path | None = None) -> None:
        """Load the current release of `folder`.

        Args:
            folder: Usually `var/knowledge`.
            encoder: For questions, as long as releases are made with it.
            encoder_folder: Where the encoder of a release that was made with another one is
                looked for, see `encoder.sound_encoders`; None: such a release is not served.

        Raises:
            EncoderDamaged: The encoder of the release cannot be loaded.
            IndexDamaged: No release there can be served.
        """
        self._folder, self._encoder_folder = folder, encoder_folder
        self._reloading = threading.Lock()
        self._penalties: Mapping[str, float] = {}
        self._served = self._load(encoder)

    @classmethod
    def open(cls, folder: Path, encoder_folder: Path) -> KnowledgeBase:
        """Load release and encoder.

        Args:
            folder: Usually `var/knowledge`, written by `python -m retrieval build`.
            encoder_folder: Usually `var/encoder`, by `python -m retrieval export-encoder`. The
                adapted one may stand beside it. Which of the two encodes questions is decided by
                the release, now and whenever another one comes.

        Raises:
            EncoderDamaged: The encoder's files are missing or altered.
            IndexDamaged: No release can be served.
        """
        return cls(folder, OnnxEncoder.load(preferred(encoder_folder)), encoder_folder)

    @property
    def release(self) -> str:
        """Id of the release that answers now."""
        return self._served.release.id

    @property
    def degraded(self) -> str | None:
        """Why an older release answers than the one that should, or why a new one could not be
        loaded; None when all is well. For the health page.
        """
        return self._served.release.degraded

    def answer(
        self,
        question: str,
        product: str | None = None,
        audience: str = "customer",
        limit: int = 5,
        previous: str | None = None,
    ) -> Answer | Clarify | Abstention:
        """What the articles say to a question.

        Args:
            question: In the customer's words, any length; the encoder reads 256 tokens.
            product: A product or model; only its articles, and those for every product, are
                considered. None: all are, and a question that fits several is asked back.
            audience: "customer", or "agent" who may also see agents' articles.
            limit: The most sources that come along.
            previous: What the customer asked before. It is read together with a question that
                means nothing by itself ("and how often?").
        """
        served = self._served
        release = served.release

        def decided(asked: str) -> Answer | Clarify | Abstention:
            asked = release.index.spelling.mended(asked, served.encoder.words)
            ranked = self._demoted(search(release.index, served.encoder, asked, product, audience))
            return decide(
                release.index, ranked, asked, product, release.calibration, release.id, limit
            )

        result = decided(question)
        if (
            previous
            and isinstance(result, Abstention)
            and result.reason == "no_evidence"
            and leans_on_what_went_before(question)
            # "And who is its president?" leans on nothing that the articles know.
            and all(len(release.index.words.saying(term)) for term in terms(question))
        ):
            together = decided(f"{previous} {question}")
            return result if isinstance(together, Abstention) else together
        return result

    def procedure_for(self, symptom: str, product: str | None = None) -> Article | None:
        """The customers' procedure that fits a fault best, or None when none fits well enough.

        Bolder than `answer`: a procedure says what it is for before it asks anything.

        Args:
            symptom: In the customer's words: "there is water left in the tub", "E24".
            product: As in `answer`.
        """
        served = self._served
        release = served.release
        ranked = search(release.index, served.encoder, symptom, product, kinds=PROCEDURES)
        chosen = choose_procedure(release.index, ranked, symptom, release.calibration)
        return None if chosen is None else release.index.articles[chosen]

    def find(
        self, question: str, product: str | None = None, audience: str = "customer", limit: int = 5
    ) -> tuple[Source, ...]:
        """The best section of each of the best articles, whatever its probability, with reasons.

        Args:
            question: As in `answer`; an empty one finds nothing.
            product: As in `answer`.
            audience: As in `answer`.
            limit: The most articles.
        """
        served = self._served
        release, index = served.release, served.release.index
        ranked = self._demoted(search(index, served.encoder, question, product, audience))
        best: dict[str, Ranked] = {}
        for section in ranked:
            best.setdefault(section.article_id, section)
        return tuple(
            replace(
                source(index, one, question),
                probability=release.calibration.probability(weigh(index, [one, *ranked], question)),
            )
            for one in list(best.values())[:limit]
        )

    def demote(self, penalties: Mapping[str, float]) -> None:
        """Take something from the scores of texts that did not help, from the next call on.

        Procedures are proposed as before: which fault a text describes does not depend on whether
        its steps helped, and steps keep their order.

        Args:
            penalties: From 0 to MOST_PENALTY, by `article#anchor`, or by article for all of its
                sections; of the two the larger counts. They take the place of the ones before.

        Raises:
            ValueError: One is outside of that.
        """
        for name, penalty in penalties.items():
            if not 0 <= penalty <= MOST_PENALTY:
                raise ValueError(f"{name}: {penalty} is not from 0 to {MOST_PENALTY}")
        self._penalties = dict(penalties)

    def article(self, article_id: str) -> Article | None:
        """An article of the current release, if it has one with that id."""
        return self._served.release.index.articles.get(article_id)

    def articles(self) -> tuple[Article, ...]:
        """All articles of the current release, by id."""
        articles = self._served.release.index.articles
        return tuple(articles[key] for key in sorted(articles))

    def reload_if_changed(self) -> bool:
        """Take up another release, or the same one repaired, if `current` was written since.

        One `stat` when nothing changed: call it before each turn. While one thread loads, the
        others go on with the release they have. A new release that cannot be loaded leaves a sound
        one in service, with `degraded` saying so.

        Returns:
            Whether another release was taken up by this call.
        """
        if pointer(self._folder) == self._served.pointer:
            return False
        if not self._reloading.acquire(blocking=False):
            return False
        try:
            before = self._served
            try:
                self._served = self._load(before.encoder)
            except (IndexDamaged, EncoderDamaged) as error:
                self._served = self._kept(before, str(error))
            return self._served.release.id != before.release.id
        finally:
            self._reloading.release()

    def _demoted(self, ranked: Sequence[Ranked]) -> list[Ranked]:
        """What is left of the scores, best first; equal ones stay in their order."""
        penalties = self._penalties
        if not penalties:
            return list(ranked)
        lowered = []
        for one in ranked:
            names = (one.article_id, reference(one.article_id, one.anchor))
            penalty = max(penalties.get(name, 0.0) for name in names)
            lowered.append(replace(one, score=one.score - penalty))
        return sorted(lowered, key=lambda one: -one.score)

    def _load(self, held: Encoder) -> _Served:
        # Looked at before loading: if it changes meanwhile, the next call sees a difference.
        seen = pointer(self._folder)
        others = {} if self._encoder_folder is None else sound_encoders(self._encoder_folder)
        release = load_current(self._folder, held.fingerprint, *others)
        made_with = release.index.encoder_fingerprint
        encoder = held if made_with == held.fingerprint else OnnxEncoder.load(others[made_with])
        if encoder.fingerprint != made_with:  # written anew in between
            raise EncoderDamaged(others[made_with], "changed while it was read")
        return _Served(release, encoder, seen)

    def _kept(self, before: _Served, fault: str) -> _Served:
        """What was served before, without the articles that were deleted since."""
        seen = pointer(self._folder)
        release = only_published(before.release, published_ids(self._folder))
        return _Served(replace(release, degraded=fault), before.encoder, seen)
