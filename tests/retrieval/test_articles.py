"""What a writer may rely on: every mistake is found, with its file, its line and its cure."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date
from pathlib import Path

import pytest

from retrieval.articles import Article, Branch, Step, load_articles, reference, stated_values
from retrieval.building import Sources
from retrieval.errors import ArticlesRefused, Problem
from tests.retrieval.conftest import DRAIN, TODAY, Write


def problems(folder: Path) -> tuple[Problem, ...]:
    with pytest.raises(ArticlesRefused) as refused:
        load_articles(folder, TODAY)
    return refused.value.problems


def only(folder: Path) -> Problem:
    found = problems(folder)
    assert len(found) == 1, [str(problem) for problem in found]
    return found[0]


def line_of(file: Path, text: str) -> int:
    return next(n for n, line in enumerate(file.read_text().splitlines(), 1) if text in line)


def test_articles_are_read(sources: Sources) -> None:
    articles = load_articles(sources.articles, TODAY)

    assert [a.id for a in articles] == sorted(a.id for a in articles)
    drain = next(a for a in articles if a.id == "dishwasher-does-not-drain")
    file = sources.articles / "dishwasher-does-not-drain.md"
    assert drain.version == hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    assert drain.path == "dishwasher-does-not-drain.md"
    assert drain.symptoms == ("water left in the tub", "error E24", "gurgling")
    assert drain.review_by == date(2027, 6, 1)
    assert [s.anchor for s in drain.sections] == ["", "filter", "hose", "power", "end"]
    assert drain.sections[0].text.startswith("Standing water")


def test_a_step_is_taken_apart(sources: Sources) -> None:
    """Flows show instruction and look-for apart, and ask the question with its answers."""
    drain = load_articles(sources.articles, TODAY)[2]

    first, hose, _, end = drain.steps
    assert first.instruction == (
        "Turn the power off. Twist the round filter and rinse it, because grease clogs it."
    )
    assert first.look_for == "fat, glass and labels."
    assert (first.question, first.branches, first.is_end) == (None, (), False)
    assert hose.question == "Does the pump hum?"
    assert hose.branches == (Branch("yes", "end"), Branch("no", "power"))
    assert "hum" not in hose.text
    assert end.is_end
    file = sources.articles / drain.path
    assert first.line == line_of(file, "{#filter}")


@pytest.mark.parametrize(
    ("anchor", "answer", "goes_to"),
    [
        ("filter", None, "hose"),
        ("hose", "yes", "end"),
        ("hose", " NO ", "power"),
        ("hose", "still the same", "power"),  # no branch says that: on in order
        ("power", None, "end"),
    ],
)
def test_the_next_step(sources: Sources, anchor: str, answer: str | None, goes_to: str) -> None:
    drain = load_articles(sources.articles, TODAY)[2]

    step = drain.next_step(anchor, answer)
    assert step is not None
    assert step.anchor == goes_to


def test_nothing_follows_an_end(sources: Sources) -> None:
    drain = load_articles(sources.articles, TODAY)[2]

    assert drain.next_step("end") is None
    with pytest.raises(KeyError):
        drain.next_step("no-such-step")


def test_links_and_emphasis_become_plain_words(write: Write, tmp_path: Path) -> None:
    """Quotes go to channels that show Markdown as it is written."""
    write(
        "one",
        "## Do it {#do}\nPress **Start**, see [the site](https://example.com/a_b) and\n"
        "`Rinse`; keep 2*3*4 and snake_case_name.\n\n1. First\n   goes on\n2. Second\n",
    )

    section = load_articles(tmp_path / "knowledge", TODAY)[0].sections[0]
    assert section.text == (
        "Press Start, see the site and Rinse; keep 2*3*4 and snake_case_name."
        "\n\n1. First goes on\n2. Second"
    )


def test_json_keeps_everything(sources: Sources) -> None:
    for article in load_articles(sources.articles, TODAY):
        again = Article.from_json(json.loads(json.dumps(article.to_json())))
        assert again == article
        assert [type(s) for s in again.sections] == [type(s) for s in article.sections]


def test_headings_in_code_are_text_and_anchors_may_be_left_out(
    write: Write, tmp_path: Path
) -> None:
    write("one", "## Type this!\n```\n## not a heading\n```\n")

    sections = load_articles(tmp_path / "knowledge", TODAY)[0].sections
    assert [s.anchor for s in sections] == ["type-this"]
    assert not isinstance(sections[0], Step)


def test_stated_values_and_references(sources: Sources) -> None:
    articles = load_articles(sources.articles, TODAY)

    assert stated_values(articles) == {"return_window_days": 30, "refund_days": 14}
    assert reference("returns", "window") == "returns#window"
    assert reference("returns", "") == "returns"


def test_readme_is_for_writers(sources: Sources) -> None:
    (sources.articles / "README.md").write_text("How to write articles.")

    assert len(load_articles(sources.articles, TODAY)) == 5


def test_products_are_read_from_their_file(write: Write, tmp_path: Path) -> None:
    file = write("one", products=["kettle", "K-1"])
    (file.parent / "products.yml").write_text("kettle: [K-1, K-2]\n")
    assert load_articles(file.parent, TODAY)[0].products == ("kettle", "K-1")

    (file.parent / "products.yml").write_text("- kettle\n")
    assert "models by product" in only(file.parent).what
    (file.parent / "products.yml").write_text("a: b: c\n")
    assert only(file.parent).what == "is not YAML"


@pytest.mark.parametrize(
    ("keys", "key", "what", "cure"),
    [
        ({"owner": None}, None, "`owner` is missing", "add `owner:`"),
        ({"symptoms": [], "kind": "procedure"}, "symptoms", "without symptoms", "symptoms: ["),
        ({"colour": "red"}, "colour", "unknown key `colour`", "use one of id, title"),
        ({"kind": "novel"}, "kind", "unknown kind `novel`", "procedure, how-to"),
        ({"audience": "all"}, "audience", "unknown audience `all`", "customer, agent"),
        ({"products": ["toaster"]}, "products", "unknown product `toaster`", "dishwasher"),
        ({"products": "dishwasher"}, "products", "not a list", "products: ["),
        ({"symptoms": ["works", False]}, "symptoms", "not a list of texts", "in quotes"),
        ({"id": "Add_Salt"}, "id", "`Add_Salt` is no id", "small letters"),
        ({"title": 24}, "title", "not text", "in quotes"),
        ({"review_by": "next year"}, "review_by", "is not a day", "2027-06-01"),
        ({"review_by": date(2026, 11, 21)}, "review_by", "reviewed by 2026-11-21", "a later day"),
        ({"states": 30}, "states", "not a list of values", "{return_window_days: 30}"),
        (
            {"states": {"refund_day": 3}},
            "states",
            "unknown policy value `refund_day`",
            "refund_days",
        ),
        ({"states": {"refund_days": "14"}}, "states", "not a whole number", "refund_days: 30"),
        ({"states": {"refund_days": True}}, "states", "not a whole number", "refund_days: 30"),
    ],
)
def test_front_matter_is_refused(
    write: Write, keys: dict[str, object], key: str | None, what: str, cure: str
) -> None:
    body = DRAIN if keys.get("kind") == "procedure" else "Some text.\n"
    file = write("one", body, **keys)

    problem = only(file.parent)
    assert problem.file == file
    assert problem.line == (line_of(file, f"{key}:") if key else 1)
    assert what in problem.what
    assert cure in problem.cure
    assert str(problem).startswith(f"{file}:{problem.line}: ")


def test_an_article_may_be_served_on_its_last_day(write: Write) -> None:
    file = write("one", review_by=TODAY)

    assert load_articles(file.parent, TODAY)[0].review_by == TODAY


PROCEDURE = {"kind": "procedure", "symptoms": ["it is broken"]}
END = "## End {#end}\nA technician helps.\n"


@pytest.mark.parametrize(
    ("body", "keys", "at", "what", "cure"),
    [
        ("See [there](#nowhere).\n", {}, "nowhere", "no section `nowhere`", "{#nowhere}"),
        ("See [there](gone#top).\n", {}, "gone#top", "no article `gone`", "correct the id"),
        ("See [there](one#top).\n", {}, "one#top", "`one` has no section `top`", "{#top}"),
        ("See [there](notes.pdf).\n", {}, "notes.pdf", "cannot be followed", "https"),
        ("See [there](javascript:alert(1)).\n", {}, "alert", "cannot be followed", "https"),
        ("## A {#a}\nText.\n\n## B {#a}\nText.\n", {}, "## B", "`a` is used twice", "another"),
        ("## A {#a}\n\n## B {#b}\nText.\n", {}, "## A", "nothing stands under `A`", "remove"),
        ("## A {#A b}\nText.\n", {}, "## A", "`A b` is no anchor", "small letters"),
        ("## Do {#do}\nText.\n", PROCEDURE, "---", "has no end", "{#end}"),
        (
            "## Do {#do}\nText.\n- Ok? [yes](#end) [no](#end)\n\n## Lost {#lost}\nText.\n\n" + END,
            PROCEDURE,
            "## Lost",
            "`lost` cannot be reached",
            "name it in a branch",
        ),
        (
            "## Do {#do}\nText.\n- Ok? [yes](#gone) [no](#end)\n\n" + END,
            PROCEDURE,
            "- Ok?",
            "no step `gone`",
            "{#gone}",
        ),
        (
            "## Do {#do}\nText.\n- Ok? [yes](one#end) [no](#end)\n\n" + END,
            PROCEDURE,
            "- Ok?",
            "leaves the procedure",
            "a step of this article",
        ),
        (
            "## Do {#do}\nText.\n- Ok? [yes](#end)\n- Sure? [no](#end)\n\n" + END,
            PROCEDURE,
            "- Sure?",
            "a second question",
            "one question",
        ),
        (
            END + "\n## Do {#do}\nText.\n- Ok? [yes](#end) [no](#end)\n",
            PROCEDURE,
            "## Do",
            "`do` cannot be reached",
            "name it in a branch",
        ),
        (
            "## Do {#do}\nText.\n\n## End {#end}\nText.\n- Ok? [yes](#do)\n",
            PROCEDURE,
            "## End",
            "the end `end` leads on",
            "remove its branches",
        ),
    ],
)
def test_bodies_are_refused(
    write: Write, body: str, keys: dict[str, object], at: str, what: str, cure: str
) -> None:
    file = write("one", body, **keys)

    problem = only(file.parent)
    assert problem.file == file
    assert problem.line == line_of(file, at)
    assert what in problem.what
    assert cure in problem.cure


def test_a_loop_without_an_exit_is_refused(write: Write) -> None:
    """A customer led round in circles never reaches the person at the end."""
    file = write(
        "one",
        "## Start {#start}\nText.\n- Ok? [yes](#end) [no](#a)\n\n"
        "## A {#a}\nText.\n- Ok? [yes](#b) [no](#b)\n\n"
        "## B {#b}\nText.\n- Ok? [yes](#a) [no](#a)\n\n" + END,
        **PROCEDURE,
    )

    found = problems(file.parent)
    assert [(p.line, p.what) for p in found] == [
        (line_of(file, "## A"), "from the step `a` no end can be reached"),
        (line_of(file, "## B"), "from the step `b` no end can be reached"),
    ]


def test_a_last_step_that_leads_nowhere_is_refused(write: Write) -> None:
    file = write(
        "one",
        "## Do {#do}\nText.\n- Ok? [yes](#end) [no](#last)\n\n"
        + END
        + "\n## Last {#last}\nText.\n",
        **PROCEDURE,
    )

    found = problems(file.parent)
    assert (line_of(file, "## Last"), "nothing follows the step `last`") in [
        (p.line, p.what) for p in found
    ]


def test_a_loop_with_an_exit_is_fine(write: Write) -> None:
    file = write(
        "one",
        "## Try {#try}\nText.\n- Ok? [yes](#end) [no](#again)\n\n"
        "## Again {#again}\nText.\n- Ok? [yes](#end) [no](#try)\n\n" + END,
        **PROCEDURE,
    )

    assert len(load_articles(file.parent, TODAY)[0].steps) == 3


def test_duplicate_ids_are_refused(write: Write) -> None:
    first = write("one")
    second = write("two", id="one")

    problem = only(first.parent)
    assert (problem.file, problem.line) == (second, 2)
    assert str(first) in problem.what


def test_contradicting_policy_values_are_refused(write: Write) -> None:
    first = write("one", kind="policy", states={"refund_days": 14})
    second = write("two", kind="policy", states={"refund_days": 30})

    problem = only(first.parent)
    assert (problem.file, problem.line) == (second, line_of(second, "states"))
    assert problem.what == f"says `refund_days` is 30, but {first} says 14"


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (b"no front matter\n", 1, "does not begin with front matter"),
        (b"---\nid: a\n", 1, "does not begin with front matter"),
        (b"", 1, "does not begin with front matter"),
        (b"---\nid: a\ntitle: b: c\n---\n", 3, "not YAML"),
        (b"---\n- a\n---\n", 2, "not a list of keys"),
        (b"---\nid: a\n---\n\xff\n", 4, "not UTF-8"),
    ],
)
def test_files_that_are_no_articles_are_refused(
    write: Write, content: bytes, line: int, what: str
) -> None:
    file = write("one")
    file.write_bytes(content)

    problem = only(file.parent)
    assert (problem.line, what in problem.what) == (line, True), str(problem)


def test_a_key_given_twice_is_refused(write: Write) -> None:
    """YAML would let the last one win without a word."""
    file = write("one")
    file.write_text(file.read_text().replace("owner: team", "owner: team\nowner: other"))

    assert only(file.parent).line == line_of(file, "owner: other")


def test_an_article_without_text_is_refused(write: Write) -> None:
    file = write("one", "\n")

    assert "says nothing" in only(file.parent).what


def test_every_problem_is_reported_at_once(write: Write) -> None:
    """A writer corrects all of them in one go, not one per attempt."""
    file = write("one", "See [there](#nowhere) and [here](gone).\n", kind="novel", owner=None)
    write("two", products=["toaster"])

    found = problems(file.parent)
    assert len(found) == 5
    assert [p.file.name for p in found] == ["one.md"] * 4 + ["two.md"]
    assert re.match(r"5 problem\(s\) in the articles\n", str(ArticlesRefused(found)))


def test_a_folder_without_articles_is_refused(tmp_path: Path) -> None:
    assert only(tmp_path).what == "holds no article"
    assert only(tmp_path / "none").what == "is not a folder"
