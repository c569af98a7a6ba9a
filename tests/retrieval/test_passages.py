"""Passages say which section they stand for, and quotes stay readable."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from retrieval.articles import Article, Section, load_articles
from retrieval.building import Sources
from retrieval.passages import passages, quote, windows
from tests.retrieval.conftest import TODAY


def test_titles_symptoms_and_windows(sources: Sources) -> None:
    drain = load_articles(sources.articles, TODAY)[2]
    found = list(passages(drain))

    assert found[0].text == "The dishwasher does not drain"
    assert [p.text for p in found[1:4]] == [
        f"The dishwasher does not drain: {symptom}" for symptom in drain.symptoms
    ]
    assert {p.anchor for p in found[:4]} == {""}
    filters = [p.text for p in found if p.anchor == "filter"]
    assert filters[0] == "The dishwasher does not drain. Clean the filter"
    assert filters[1].startswith("The dishwasher does not drain. Clean the filter. Turn the power")
    assert {p.anchor for p in found} == {s.anchor for s in drain.sections}
    assert [p.short for p in found if p.anchor == "filter"] == [True, False]
    assert all(p.short for p in found[:4])


def test_customers_questions_stand_for_their_section(sources: Sources) -> None:
    """As they are, without a title: customers write none."""
    salt = replace(
        load_articles(sources.articles, TODAY)[1],
        questions={"which": ("table salt ok?", "what kind of salt"), "": ("softener empty",)},
    )
    asked = {
        (p.anchor, p.text)
        for p in passages(salt)
        if p.short and not p.text.startswith("Add dishwasher salt")
    }

    assert asked == {
        ("which", "table salt ok?"),
        ("which", "what kind of salt"),
        ("", "softener empty"),
    }
    anchors = [p.anchor for p in passages(salt)]
    assert anchors == sorted(anchors, key=[s.anchor for s in salt.sections].index)  # side by side


def test_phrases_are_told_from_windows(sources: Sources) -> None:
    for article in load_articles(sources.articles, TODAY):
        for passage in passages(article):
            text = " ".join(article.section(passage.anchor).text.split())
            body = passage.text.removeprefix(article.title).lstrip(". ")
            assert passage.short or any(body.endswith(w) for _, w in windows(text)), passage


def test_a_document_without_titles_is_all_windows() -> None:
    article = Article(
        id="d1",
        title="",
        kind="how-to",
        products=("all",),
        symptoms=(),
        audience="customer",
        owner="",
        review_by=TODAY,
        version="",
        path="d",
        sections=(Section("", "", "Hold the button. " * 40, 1),),
    )
    found = list(passages(article))

    assert len(found) == 2
    assert not any(p.short for p in found)
    assert found[0].text.startswith("Hold the button.")


def test_error_codes_stay_in_the_passages(sources: Sources) -> None:
    for article in load_articles(sources.articles, TODAY):
        said = " ".join(s.text for s in article.sections)
        if "E09" in said:
            assert any("E09" in passage.text for passage in passages(article))
            return
    raise AssertionError("no sample article names a code")


words = st.lists(
    st.sampled_from(["drain", "E24.", "tub", "hose!", "see", "it?\n", "ok.\n\n"]),
    min_size=1,
    max_size=400,
)


@given(words)
def test_windows_lose_and_repeat_nothing(tokens: list[str]) -> None:
    text = " ".join(tokens)
    cut = windows(text)

    assert " ".join(piece for _, piece in cut).split() == text.split()
    assert all(len(piece.split()) < 60 + 20 for _, piece in cut)
    assert all(len(piece.split()) >= 20 for _, piece in cut[1:])
    for start, piece in cut:
        assert text.split()[start : start + len(piece.split())] == piece.split()


def test_a_short_section_is_quoted_whole() -> None:
    section = Section("a", "A", "One. Two.\n\n1. First\n2. Second", 1)

    assert quote(section, start=3) == section.text


def test_a_long_section_is_quoted_from_the_passage_on() -> None:
    sentences = [f"Sentence number {n} has exactly these seven words." for n in range(40)]
    section = Section("a", "A", " ".join(sentences), 1)

    shown = quote(section, start=8 * 20)
    assert shown.startswith("… Sentence number 20 ")
    assert shown.endswith("words. …")
    assert 100 < len(shown.split()) <= 132
    assert quote(section).startswith("Sentence number 0 ")
    assert quote(section, start=8 * 39).endswith("number 39 has exactly these seven words.")


@given(words, st.integers(0, 400))
def test_a_quote_is_taken_from_the_text(tokens: list[str], start: int) -> None:
    """Whatever is shown stands in the article, word for word."""
    section = Section("a", "A", " ".join(tokens).strip(), 1)
    shown = quote(section, min(start, len(tokens) - 1)).removeprefix("… ").removesuffix(" …")

    assert shown in section.text
    assert shown
