"""An encoder adapted to the articles: better or not there at all, and served with its own index."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from retrieval import adaptation
from retrieval.adaptation import adapt, mean_reciprocal_rank, read_lessons
from retrieval.articles import Article, Section
from retrieval.building import Sources, build
from retrieval.decision import Answer
from retrieval.encoder import OnnxEncoder, adapted_folder, preferred, read_description
from retrieval.errors import EncoderDamaged, EncoderRefused, IndexDamaged
from retrieval.export import find_model
from retrieval.knowledge_base import KnowledgeBase
from tests.retrieval.conftest import NOW, TODAY

TOPICS = (
    *("the pump hums", "the filter is clogged", "the hose leaks", "the door sticks"),
    *("the lamp flickers", "the drum squeaks", "the tray is rusty", "the fan rattles"),
    *("the motor smells", "the handle broke", "the display is dark", "the grinder jams"),
    *("the tank drips", "the seal is torn", "the basket fell off", "the timer is wrong"),
    *("the steam is weak", "the shelf cracked", "the plug sparks", "the ice is cloudy"),
    *("the wheel is loose", "the spray arm stopped", "the lid is stuck", "the button is dead"),
)
# What customers write around the one thing that counts. The published encoder reads all of it.
AROUND = (
    "Good morning, I bought this from your shop last week and {}, can you help me please",
    "Hello there, my mother has owned hers since the summer, but {} and she is upset about it",
    "I have already read the whole manual twice from cover to cover, still {}, what now",
    "Since we moved house on Saturday with a van full of boxes {}, is that a known thing",
    "Nobody answered my letter of the third of May in which I wrote that {}, so I ask here",
    "It was a birthday present, the card and the paper are gone, and {}, what would you do",
    "My neighbour who repairs bicycles looked at it for an hour and says {}, is he right",
    "We have guests tonight, eleven of them with children, and of all days {}, any idea",
    "Before I send it back with the courier on Monday I want to ask, because {}, thank you",
)


def made_up(topics: tuple[str, ...] = TOPICS) -> list[Article]:
    """Four articles; each section is about one topic, and customers ask for it in nine ways."""
    articles = []
    for number, product in enumerate(("dishwasher", "washing_machine", "coffee_machine", "fridge")):
        mine = topics[number::4]
        anchors = [f"s{n}" for n in range(len(mine))]
        articles.append(
            Article(
                id=product,
                title=f"Faults of the {product}",
                kind="how-to",
                products=(product,),
                symptoms=(),
                audience="customer",
                owner="team",
                review_by=TODAY,
                version="00000000",
                path=f"{product}.md",
                sections=tuple(
                    Section(anchor, topic.capitalize(), f"Call us when {topic}.", 1)
                    for anchor, topic in zip(anchors, mine, strict=True)
                ),
                questions={
                    anchor: tuple(around.format(topic) for around in AROUND)
                    for anchor, topic in zip(anchors, mine, strict=True)
                },
            )
        )
    return articles


@pytest.fixture(scope="module")
def exported(encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the published encoder, with room beside it."""
    return Path(shutil.copytree(encoder_folder, tmp_path_factory.mktemp("var") / "encoder"))


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def adapted(exported: Path, told: list[str]) -> Path:
    """The folder of an encoder adapted in ten steps."""
    target = adapted_folder(exported)
    outcome = adapt(made_up(), find_model(), exported, target, progress=told.append)
    assert not outcome.skipped
    return target


def untouched(*_arguments: object) -> None:
    raise AssertionError("trained, though there is nothing to do")


def test_an_adapted_encoder_finds_more(exported: Path, adapted: Path, told: list[str]) -> None:
    before, after = OnnxEncoder.load(exported), OnnxEncoder.load(adapted)
    assert after.fingerprint != before.fingerprint
    assert (after.dim, after.words) == (before.dim, before.words)
    text = made_up()[0].questions["s0"][0]
    assert 0.3 < float(before.encode([text])[0] @ after.encode([text])[0]) < 0.9999

    noted = read_description(adapted)["adapted"]
    lessons = read_lessons(made_up())
    assert noted["held_out"] == len(TOPICS)
    assert noted["before"] == pytest.approx(mean_reciprocal_rank(before, lessons))
    assert noted["after"] == pytest.approx(mean_reciprocal_rank(after, lessons))
    assert noted["after"] > noted["before"] + 0.02
    assert any(line.startswith("step 8 of 8, loss ") for line in told), told


def test_held_out_phrases_are_not_learnt() -> None:
    lessons = read_lessons(made_up())

    for lesson in lessons:
        assert lesson.held_out is not None
        assert lesson.held_out not in {*lesson.phrases, *lesson.texts}
        assert len(lesson.phrases) == len(AROUND) - 1
        assert any(text.startswith("Faults of the ") for text in lesson.texts)
    assert [lesson.held_out for lesson in lessons] == [
        lesson.held_out for lesson in read_lessons(made_up())
    ]
    few = [replace(article, questions={"s0": ("one", "two", "three")}) for article in made_up()]
    assert {lesson.held_out for lesson in read_lessons(few)} == {None}


def test_nothing_is_done_twice(
    exported: Path, adapted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adaptation, "_train", untouched)
    written = (adapted / "encoder.json").stat().st_mtime_ns

    outcome = adapt(made_up(), find_model(), exported, adapted)
    assert outcome.skipped
    assert outcome.after > outcome.before
    assert (adapted / "encoder.json").stat().st_mtime_ns == written

    other = [replace(article, title=f"{article.title}, always") for article in made_up()]
    for articles, force in ((other, False), (made_up(), True)):
        with pytest.raises(AssertionError, match="nothing to do"):
            adapt(articles, find_model(), exported, adapted, force=force)
    assert (adapted / "encoder.json").stat().st_mtime_ns == written


def test_what_does_not_help_is_not_kept(exported: Path, tmp_path: Path) -> None:
    """Without a step the weights are those before, and so no better."""
    with pytest.raises(EncoderRefused, match=r"reciprocal rank (0\.\d+) before and \1 after"):
        adapt(made_up(), find_model(), exported, tmp_path / "var" / "adapted", epochs=0)
    assert list((tmp_path / "var").iterdir()) == []


def test_too_few_phrases_are_refused(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adaptation, "_train", untouched)
    few = made_up(TOPICS[:16])

    with pytest.raises(EncoderRefused, match="144 customers' questions") as refused:
        adapt(few, find_model(), exported, tmp_path / "adapted")
    assert "needs 200" in str(refused.value)
    assert "how customers ask" in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def with_description(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    described = json.loads((folder / "encoder.json").read_text("utf-8"))
    change(described)
    (folder / "encoder.json").write_text(json.dumps(described), "utf-8")


def test_an_encoder_of_other_weights_is_not_compared_with(exported: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(exported, tmp_path / "encoder"))
    with_description(other, lambda described: described.update(weights_sha256="00"))

    with pytest.raises(EncoderRefused, match="not made from the weights"):
        adapt(made_up(), find_model(), other, tmp_path / "adapted")


def test_the_adapted_encoder_is_preferred_when_it_is_sound(
    exported: Path, adapted: Path, tmp_path: Path
) -> None:
    assert preferred(exported) == adapted
    assert preferred(adapted) == adapted  # named itself

    folder = Path(shutil.copytree(exported, tmp_path / "encoder"))
    assert preferred(folder) == folder
    beside = Path(shutil.copytree(adapted, adapted_folder(folder)))
    assert preferred(folder) == beside
    with_description(folder, lambda described: described.update(weights_sha256="00"))
    assert preferred(folder) == folder  # exported anew, from other weights
    shutil.copy(exported / "encoder.json", folder)
    network = beside / "model-int8.onnx"
    network.write_bytes(network.read_bytes()[:-1])
    assert preferred(folder) == folder


def test_the_release_decides_which_encoder_reads_questions(
    sources: Sources, tmp_path: Path, exported: Path, adapted: Path
) -> None:
    """An adapted encoder comes minutes before its index, and the bot must answer all the while."""
    asked = ("which salt should I use in the dishwasher", "dishwasher")
    folder, target = tmp_path / "encoder", tmp_path / "knowledge"
    shutil.copytree(exported, folder)
    first = build(sources, target, OnnxEncoder.load(preferred(folder)), NOW).release
    running = KnowledgeBase.open(target, folder)

    shutil.copytree(adapted, adapted_folder(folder))
    started = KnowledgeBase.open(target, folder)
    for base in (running, started):
        assert base.reload_if_changed() is False
        assert (base.release, base.degraded) == (first, None)
        assert isinstance(base.answer(*asked), Answer)
    before = running.find(*asked)

    later = NOW + timedelta(minutes=1)
    built = build(sources, target, OnnxEncoder.load(preferred(folder)), later)
    assert not built.skipped  # though no article has changed
    assert built.manifest["encoder"] == OnnxEncoder.load(adapted).fingerprint
    assert running.reload_if_changed() is True
    assert (running.release, running.degraded) == (built.release, None)
    assert isinstance(running.answer(*asked), Answer)
    after = running.find(*asked)
    assert after[0].article_id == before[0].article_id
    assert after[0].cosine != before[0].cosine
    assert after == KnowledgeBase.open(target, folder).find(*asked)


def test_a_lost_encoder_leaves_what_can_be_served(
    sources: Sources, tmp_path: Path, exported: Path, adapted: Path
) -> None:
    folder, target = tmp_path / "encoder", tmp_path / "knowledge"
    shutil.copytree(exported, folder)
    first = build(sources, target, OnnxEncoder.load(folder), NOW).release
    running = KnowledgeBase.open(target, folder)
    build(sources, target, OnnxEncoder.load(adapted), NOW + timedelta(minutes=1))

    assert running.reload_if_changed() is False
    for base in (running, KnowledgeBase.open(target, folder)):
        assert base.release == first
        assert "another encoder" in (base.degraded or "")
        assert isinstance(base.answer("which salt should I use in the dishwasher"), Answer)
    shutil.rmtree(target / "releases" / first)
    with pytest.raises(IndexDamaged, match="another encoder"):
        KnowledgeBase.open(target, folder)
    shutil.rmtree(folder)
    with pytest.raises(EncoderDamaged):
        KnowledgeBase.open(target, folder)
