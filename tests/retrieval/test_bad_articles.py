"""Each mistake a writer can make is refused where it stands, and nothing that is right is."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from retrieval.__main__ import main
from retrieval.article_file import examine
from retrieval.articles import Article, load_articles
from retrieval.building import Sources
from retrieval.errors import ArticlesRefused, Problem
from retrieval.policy_text import said_values
from tests.retrieval.conftest import CATALOGUE, RETURNS, TODAY, Write

ROOT = Path(__file__).parents[2]


def page(body: str = "Some text.\n", **keys: str) -> str:
    """An article whose keys stand on lines 2 to 8, added ones on 9; the body follows `---`."""
    front = {
        "id": "one",
        "title": "One",
        "kind": "how-to",
        "products": "[dishwasher]",
        "audience": "customer",
        "owner": "team",
        "review_by": "2027-06-01",
    } | keys
    return "---\n" + "".join(f"{k}: {v}\n" for k, v in front.items()) + "---\n" + body


def procedure(body: str, end: str = "\n## End {#end}\nA technician helps.\n") -> str:
    """A procedure: its body begins on line 11."""
    return page(body + end, kind="procedure", symptoms="[it is broken]")


STEP = "## Do {#do}\nPress the button.\n"  # lines 11 and 12 of a procedure
MANY = ", ".join(f"symptom {n}" for n in range(41))

BAD: list[tuple[str, str | bytes, int, str, str]] = [
    # The file as a whole
    ("no front matter", "# Title\n", 1, "does not begin with front matter", "a line `---`"),
    (
        "a file of another encoding",
        page("caf\xe9\n").encode("latin-1"),
        10,
        "not UTF-8",
        "as UTF-8",
    ),
    ("UTF-16", page().encode("utf-16"), 1, "not UTF-8", "save the file as UTF-8"),
    ("too large", page("x" * 300_000), 1, "has 293 KB", "cut it into articles"),
    ("a control character", page("Ring the \x07 bell.\n"), 10, "U+0007", "delete it"),
    ("a NUL", page("a\x00b\n"), 10, "U+0000", "delete it"),
    ("reordered text", page("Pay \u202e001\u202c now.\n"), 10, "U+202E", "type them again"),
    ("a zero-width space", page("Press Sta\u200brt.\n"), 10, "U+200B", "delete it"),
    ("a form feed", page("One.\n\x0cTwo.\n"), 11, "U+000C", "delete it"),
    ("a line separator", page("One.\u2028Two.\n"), 10, "U+2028", "delete it"),
    ("a letter apart from its accent", page("Cafe\u0301\n"), 10, "two characters", "NFC"),
    ("a lost character", page("Dr\ufffdcken.\n"), 10, "was lost", "type it again"),
    # Front matter
    ("a tab", page(owner="\tteam"), 7, "a tab", "use spaces"),
    ("not YAML", page(title="a: b"), 3, "not YAML", "in quotes"),
    ("an unclosed list", page(products="[dishwasher"), 6, "not YAML", "`key: value`"),
    ("brackets without end", page(extra="[" * 5000), 2, "not YAML", "`key: value`"),
    ("a value by reference", page(owner="&a [*a]"), 7, "by reference", "write the value out"),
    (
        "a key twice",
        page(states="{refund_days: 3, refund_days: 3}"),
        9,
        "second time",
        "one of them",
    ),
    ("an unknown key", page(tags="[a]"), 9, "unknown key `tags`", "use one of id"),
    ("an empty owner", page(owner="'  '"), 7, "`owner` is missing or empty", "add `owner:`"),
    ("an empty title", page(title=""), 3, "`title` is missing or empty", "add `title:`"),
    ("a title that is a number", page(title="24"), 3, "not text", "in quotes"),
    ("a long title", page(title="word " * 30), 3, "has 149 characters", "at most 120"),
    ("a title of two lines", page(title='"a\\nb"'), 3, "more than one line", "on one line"),
    ("HTML in a title", page(title="<b>Stop</b>"), 3, "`<b>` is HTML", "plain words"),
    ("an id in capitals", page(id="One"), 2, "`One` is no id", "small letters"),
    ("an id with a slash", page(id="../one"), 2, "is no id", "single dashes"),
    ("an unknown kind", page(kind="recipe"), 4, "unknown kind", "use one of procedure"),
    ("an unknown product", page(products="[toaster]"), 5, "`toaster`", "products.yml"),
    ("a product twice", page(products="[dishwasher, dishwasher]"), 5, "twice", "keep one"),
    ("all beside others", page(products="[all, dishwasher]"), 5, "beside other", "[all]"),
    ("an unknown audience", page(audience="all"), 6, "unknown audience", "customer, agent"),
    ("a day that is none", page(review_by="2027-02-30"), 8, "is not a day", "2027-06-01"),
    ("a time, not a day", page(review_by="2027-02-03 10:00:00"), 8, "is not a day", "2027-06-01"),
    ("past its review", page(review_by="2026-11-21"), 8, "by 2026-11-21", "a later day"),
    ("a language in words", page(language="English"), 9, "no language", "`de`"),
    ("Norwegian, which YAML reads as no", page(language="no"), 9, "no language", "`'no'`"),
    ("an empty symptom", page(symptoms="[humming, ' ']"), 9, "has 0 characters", "at most 120"),
    ("a long symptom", page(symptoms=f"[{'x' * 121}]"), 9, "has 121 characters", "at most 120"),
    ("a symptom of a list", page(symptoms="\n- ok\n- ''"), 11, "has 0 characters", "customer sees"),
    ("a symptom twice", page(symptoms="[Hums, hums]"), 9, "`hums` stands here twice", "keep one"),
    ("too many symptoms", page(symptoms=f"[{MANY}]"), 9, "lists 41 symptoms", "keep the 40"),
    ("HTML in a symptom", page(symptoms="[<i>hum</i>]"), 9, "is HTML", "plain words"),
    ("an unknown value", page(states="{days: 3}"), 9, "unknown policy value", "refund_days"),
    (
        "a value of zero",
        page(states="{refund_days: 0}"),
        9,
        "not a whole number",
        "refund_days: 30",
    ),
    ("questions in a row", page(questions="[what]"), 9, "not a list by anchor", "filter: ["),
    ("questions on nothing", page(questions="\n  gone: [a]"), 10, "names `gone`", "use one of top"),
    ("questions as text", page(questions="\n  top: what"), 10, "not a list of texts", "[one, two]"),
    ("an empty question", page(questions="\n  top: ['']"), 10, "has 0 characters", "one customer"),
    ("a question twice", page(questions="\n  top: [a b, A  b]"), 10, "twice", "keep one"),
    (
        "too many questions",
        page(questions=f"\n  top: [{MANY}]"),
        10,
        "lists 41 questions",
        "the 40",
    ),
    # Text
    ("no text", page("\n\n"), 10, "says nothing", "at least one paragraph"),
    ("a code block without end", page("Type:\n```\n## x\n"), 11, "does not end", "of its own"),
    ("another kind of fence", page("~~~\nx\n~~~\n"), 10, "fenced by `~~~`", "fence it by ```"),
    ("a title in the text", page("# One\nText.\n"), 10, "of the first level", "front matter"),
    ("an underlined title", page("One\n===\nText.\n"), 10, "of the first level", "front matter"),
    ("a deep heading", page("Text.\n\n### More\nText.\n"), 12, "of level 3", "`##`"),
    ("a line of dashes", page("Text\n---\nText.\n"), 10, "a line of dashes", "an empty line"),
    ("a heading without a space", page("Text.\n\n##More\n"), 12, "lacks the space", "## Heading"),
    ("an indented heading", page("Text.\n\n  ## More\nText.\n"), 12, "is indented", "beginning"),
    ("an anchor misspelt", page("## More {more}\nText.\n"), 10, "is no heading", "{#filter}"),
    ("an anchor in capitals", page("## More {#More}\nText.\n"), 10, "is no anchor", "small"),
    ("a heading of an anchor", page("## {#more}\nText.\n"), 10, "is no heading", "write words"),
    ("a long heading", page(f"## {'x ' * 70}{{#x}}\nText.\n"), 10, "has 139 characters", "120"),
    ("an anchor twice", page("## A {#a}\nA.\n\n## B {#a}\nB.\n"), 13, "used twice", "another"),
    ("an empty section", page("## A {#a}\n\n## B {#b}\nB.\n"), 10, "nothing stands", "remove"),
    ("a long section", page("## A {#a}\n" + "word " * 401), 10, "has 401 words", "cut it by"),
    ("a script", page("<script>alert(1)</script>\n"), 10, "`<script>", "plain text"),
    ("a tag in a line", page("One\ntwo <b>three</b>\n"), 11, "`<b>` is HTML", "plain words"),
    ("a comment", page("One.\n\n<!-- to do -->\n"), 12, "is HTML", "plain words"),
    ("an entity", page("One&nbsp;two.\n"), 10, "`&nbsp;` is HTML", "the character itself"),
    ("a table", page("Text:\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"), 12, "a table", "as a list"),
    (
        "an image without words",
        page("See\n![](https://x.example/a.png)\n"),
        11,
        "no words",
        "shows",
    ),
    ("a link without words", page("See [](https://x.example)\n"), 10, "no words", "where it"),
    ("a link apart", page("See [it][x].\n\n[x]: https://x.example\n"), 12, "apart from", "behind"),
    ("a dangling link", page("One\n[two](#gone)\n"), 11, "no section `gone`", "correct the anchor"),
    ("a link to no article", page("[two](gone)\n"), 10, "no article `gone`", "correct the id"),
    ("a link without encryption", page("[a](http://x.example)\n"), 10, "be followed", "https"),
    ("a link that runs", page("[a](javascript:x)\n"), 10, "be followed", "https"),
    # Procedures
    ("no symptoms", page(STEP + "## E {#end}\nE.\n", kind="procedure"), 1, "never found", "E24"),
    ("no end", procedure(STEP, ""), 1, "has no end", "{#end}"),
    ("answers alike", procedure(STEP + "- Ok? [yes](#end) [Yes](#end)\n"), 13, "`Yes`", "its own"),
    (
        "a branch to itself",
        procedure(STEP + "- Ok? [yes](#end) [no](#do)\n"),
        13,
        "back to",
        "next",
    ),
    (
        "a branch to nowhere",
        procedure(STEP + "- Ok? [a](#end) [b](#x)\n"),
        13,
        "no step `x`",
        "{#x}",
    ),
    ("a branch away", procedure(STEP + "- Ok? [a](#end) [b](two)\n"), 13, "leaves", "of this"),
    (
        "a branch without words",
        procedure(STEP + "- Ok? [](#end) [b](#end)\n"),
        13,
        "no words",
        "say",
    ),
    ("no question mark", procedure(STEP + "- Ok [a](#end) [b](#end)\n"), 13, "without a", "`?`"),
    (
        "words after answers",
        procedure(STEP + "- Ok? [a](#end) or [b](#end)\n"),
        13,
        "after",
        "line",
    ),
    ("two questions", procedure(STEP + "- A? [a](#end)\n- B? [b](#end)\n"), 14, "second", "one"),
    (
        "two things to look for",
        procedure(STEP + "Look for: a.\nLook for: b.\n"),
        14,
        "`Look for:` a second time",
        "both into one",
    ),
    (
        "nothing to do",
        procedure("## Do {#do}\nLook for: lime.\n"),
        11,
        "no instruction",
        "what to do",
    ),
    (
        "only a question",
        procedure("## Do {#do}\n- A? [a](#end)\n"),
        11,
        "no instruction",
        "and why",
    ),
    (
        "a step out of reach",
        procedure(STEP + "- A? [a](#end) [b](#end)\n\n## Lost {#lost}\nGo.\n"),
        15,
        "`lost` cannot be reached",
        "name it",
    ),
    (
        "an end that goes on",
        procedure(STEP, "\n## End {#end}\nText.\n- A? [a](#do)\n"),
        14,
        "leads on",
        "remove its branches",
    ),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "knowledge"
    made.mkdir()
    (made / "products.yml").write_text("".join(f"{k}: {v}\n" for k, v in CATALOGUE.items()))
    return made


def refused(folder: Path) -> tuple[Problem, ...]:
    with pytest.raises(ArticlesRefused) as found:
        load_articles(folder, TODAY)
    return found.value.problems


@pytest.mark.parametrize(
    ("content", "line", "what", "cure"), [row[1:] for row in BAD], ids=[row[0] for row in BAD]
)
def test_a_bad_article_is_refused(
    folder: Path, content: str | bytes, line: int, what: str, cure: str
) -> None:
    """By one problem, so that a writer is not told the same thing twice."""
    file = folder / "one.md"
    file.write_bytes(content.encode() if isinstance(content, str) else content)

    problems = refused(folder)

    assert [(p.file, p.line) for p in problems] == [(file, line)], "\n".join(map(str, problems))
    assert what in problems[0].what
    assert cure in problems[0].cure
    assert str(problems[0]).startswith(f"{file}:{line}: ")


LONG = "The filter in the floor of the tub holds back what would block the pump. Rinse it weekly. "
LONGER = LONG * 2 + "Turn it clockwise until it stops.\n"
POLICY = page(RETURNS, id="returns", title="Returns", kind="policy",
              products="[all]", states="{return_window_days: 30, refund_days: 14}")  # fmt: skip
TERMS = page("The warranty lasts 24 months.\n", id="terms", title="Terms", kind="policy",
             products="[all]", states="{warranty_months: 24}")  # fmt: skip

TOGETHER: list[tuple[str, str, str, int, str, str]] = [
    ("an id taken", page(), page(title="Two"), 2, "is taken by", "an id of its own"),
    ("a text copied", page(LONGER), page(LONGER, id="two", title="B"), 10, "same text", "several"),
    (
        "a text copied to a model",
        page(LONGER),
        page(LONGER.upper(), id="two", title="B", products="[HM-D450]"),
        10,
        "has the same text as",
        "keep one of them",
    ),
    ("a title taken", page("A.\n"), page("B.\n", id="two", title="ONE"), 3, "same title", "alone"),
    (
        "a question asked twice",
        page(questions="\n  top: [how do I rinse it]"),
        page("B.\n", id="two", title="B", questions="\n  top: [How do I  rinse it]"),
        9,
        "stands in",
        "keep it in the article",
    ),
    (
        "values that differ",
        POLICY,
        page("B.\n", id="two", title="B", states="{refund_days: 10}"),
        9,
        "says `refund_days` is 10",
        "in its text too",
    ),
    *(
        (f"a sentence that differs: {text}", first, page(f"One.\n\n{text}\n", id="two", title="B"),
         12, what, "correct the sentence")
        for first, text, what in (
            (POLICY, "You can send it back within 14 days.", "“14 days”, but `return_window_days`"),
            (POLICY, "The return window is six weeks.", "“six weeks”, but `return_window"),
            (POLICY, "You may return the product for 60 days.", "“60 days”"),
            (POLICY, "Our 45-day return period begins at delivery.", "“45-day”"),
            (POLICY, "The refund takes up to 21 days.", "“21 days”, but `refund_days` is 14"),
            (POLICY, "You get your money back within three weeks.", "“three weeks”"),
            (TERMS, "It has a warranty of 12 months.", "“12 months”, but `warranty_months` is 24"),
            (TERMS, "A three-year warranty comes with it.", "“three-year”, but `warranty_months`"),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "line", "what", "cure"),
    [row[1:] for row in TOGETHER],
    ids=[row[0] for row in TOGETHER],
)
def test_articles_that_disagree_are_refused(
    folder: Path, first: str, second: str, line: int, what: str, cure: str
) -> None:
    (folder / "a.md").write_text(first)
    (folder / "b.md").write_text(second)

    (problem,) = refused(folder)

    assert (problem.file, problem.line) == (folder / "b.md", line)
    assert what in problem.what
    assert cure in problem.cure
    if "taken" not in problem.what or "id" not in problem.what:
        assert str(folder / "a.md") in problem.what


@pytest.mark.parametrize(
    "text",
    [
        "You can send it back within 30 days, and we refund it within two weeks.",
        "The smell returns after 2 days.",
        "After 3 days return to the first step.",
        "Turn the valve back after 10 days.",
        "We collect the product you send back within 3 days.",
        "Your bank shows the refund within 5 days.",
        "Descale every 2 months, or the warranty does not cover the boiler.",
        "The statutory guarantee lasts 36 months.",
        "Registering extends the warranty by 12 months.",
        "Return the lever. Wait 5 days.",
        "Our refund desk is open 6 hours a day, 5 days a week.",
        "The warranty lasts 2 years.",
        "If it is 60 days old, ask a person whether you can send it back.",
        "A return is booked by our team of five, three days later.",
        "The third month is the best; the warranty goes on.",
        "Give your dishes a week, send nothing back.",
    ],
)
def test_sentences_about_another_matter_are_left_alone(folder: Path, text: str) -> None:
    (folder / "a.md").write_text(POLICY)
    (folder / "b.md").write_text(TERMS)
    (folder / "c.md").write_text(page(f"{text}\n"))

    assert len(load_articles(folder, TODAY)) == 3


def test_a_number_that_runs_over_a_line_is_found_on_its_line() -> None:
    (said,) = said_values("First.\n\nYou can send\nit back within\n14 days.\n")

    assert (said.keys, said.value, said.words, said.line) == (
        ("return_window_days",),
        14,
        "14 days",
        4,
    )


def test_another_language_is_not_read_as_english(folder: Path) -> None:
    (folder / "a.md").write_text(POLICY)
    (folder / "b.md").write_text(page("Send it back within 14 days.\n", language="de"))

    articles = load_articles(folder, TODAY)
    assert [a.language for a in articles] == ["de", "en"]
    assert [Article.from_json(a.to_json()) for a in articles] == list(articles)


def test_the_same_text_may_stand_for_two_products_and_in_two_languages(folder: Path) -> None:
    (folder / "a.md").write_text(page(LONGER))
    (folder / "b.md").write_text(page(LONGER, id="two", products="[HM-W700]"))
    (folder / "c.md").write_text(page(LONGER, id="three", language="de"))

    assert len(load_articles(folder, TODAY)) == 3


def test_marks_of_other_programs_are_accepted(folder: Path) -> None:
    """Notepad begins a file with a byte-order mark and ends its lines in two characters."""
    text = page("One.\n\n## Two {#two}\nThree.\n").replace("\n", "\r\n")
    (folder / "one.MD").write_bytes(b"\xef\xbb\xbf" + text.encode())

    (article,) = load_articles(folder, TODAY)

    assert [(s.anchor, s.text) for s in article.sections] == [("", "One."), ("two", "Three.")]


def test_a_line_after_a_byte_order_mark_is_counted_right(folder: Path) -> None:
    (folder / "one.md").write_bytes(b"\xef\xbb\xbf" + page("a\n\xff\n").encode("latin-1"))

    assert refused(folder)[0].line == 11


@pytest.mark.parametrize(
    "text",
    [
        "A pressure of < 3 bar and > 1 bar, R&D & more; see AT&T.",
        "Type this:\n\n```\n<b> # no heading &amp;\n## nor this\n| a |\n```",
        "![the filter from above](https://x.example/a.png) and [words](https://x.example)",
        "Number #1 is best.\n\n1. one\n2. two",
        "Die Spülmaschine läuft nicht. Ça va? 洗濯機",
    ],
)
def test_plain_markdown_is_accepted(folder: Path, text: str) -> None:
    (folder / "one.md").write_text(page(text + "\n"))

    assert len(load_articles(folder, TODAY)) == 1


def test_two_answers_may_lead_to_one_step(folder: Path) -> None:
    (folder / "one.md").write_text(procedure(STEP + "- Ok? [yes](#end) [no](#end)\n"))

    assert len(load_articles(folder, TODAY)[0].steps) == 2


def test_links_that_leave_the_folder_are_refused(folder: Path, tmp_path: Path) -> None:
    """What is served was reviewed in this folder, not somewhere on the disk."""
    (tmp_path / "outside.md").write_text(page())
    (folder / "a.md").symlink_to(tmp_path / "outside.md")
    (folder / "b.md").symlink_to(folder / "b.md")
    (folder / "c.md").symlink_to(folder / "gone.md")
    (folder / "d").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(folder / "e.md")

    assert [(p.file.name, p.line, p.what.split(":")[0]) for p in refused(folder)] == [
        ("a.md", 1, f"is a link to {tmp_path / 'outside.md'}, outside the folder"),
        ("b.md", 1, "cannot be read"),
        ("c.md", 1, "cannot be read"),
        ("d", 1, "is a link to a folder, which is not read"),
        ("e.md", 1, "is not an ordinary file"),
    ]


def test_a_link_within_the_folder_and_a_hidden_folder_are_fine(folder: Path) -> None:
    """So container platforms lay out a mounted folder."""
    (folder / "..data").mkdir()
    (folder / "..data" / "one.md").write_text(page())
    (folder / "one.md").symlink_to(folder / "..data" / "one.md")

    assert [a.path for a in load_articles(folder, TODAY)] == ["one.md"]


def test_names_that_differ_in_capitals_only_are_refused(folder: Path) -> None:
    (folder / "Leaks.md").write_text(page())
    (folder / "leaks.md").write_text(page("B.\n", id="two", title="Two"))

    (problem,) = refused(folder)
    assert problem.file == folder / "leaks.md"
    assert "in capitals only" in problem.what
    assert "rename one" in problem.cure


def test_all_mistakes_of_all_files_come_at_once_in_order(folder: Path) -> None:
    for row in BAD:
        name = row[0].replace(" ", "-").replace("/", "-")
        (folder / f"{name}.md").write_bytes(row[1].encode() if isinstance(row[1], str) else row[1])

    problems = refused(folder)

    assert len({p.file for p in problems}) == len(BAD)
    places = [(str(p.file), p.line) for p in problems]
    assert places == sorted(places)


def test_copies_with_a_few_words_changed_are_named(folder: Path) -> None:
    (folder / "a.md").write_text(page(LONGER))
    (folder / "b.md").write_text(page(LONGER.replace("clockwise", "left"), id="two", title="B"))
    (folder / "c.md").write_text(page(f"{LONG}{'It says much more than that. ' * 9}\n", id="c",
                                      title="C"))  # fmt: skip

    examined = examine(folder, TODAY)

    assert examined.problems == ()
    (warning,) = examined.warnings
    assert (warning.file, warning.line) == (folder / "b.md", 2)
    assert f"nearly the same as {folder / 'a.md'}" in warning.what


@pytest.mark.parametrize(("days", "warned"), [(0, True), (30, True), (31, False)])
def test_a_review_that_is_due_names_its_owner(folder: Path, days: int, warned: bool) -> None:
    (folder / "one.md").write_text(page(review_by=str(TODAY + timedelta(days))))

    warnings = examine(folder, TODAY).warnings

    assert [(w.line, w.what.startswith("team has to review it")) for w in warnings] == (
        [(8, True)] if warned else []
    )


def test_check_lists_warnings_and_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "one.md").write_text(page(review_by=str(date.today() + timedelta(9))))

    assert main(["--knowledge", str(folder), "check"]) == 0
    shown = capsys.readouterr().out
    assert f"warning: {folder / 'one.md'}:8: team has to review it" in shown
    assert "1 articles, 0 steps: nothing wrong, 1 warning(s)" in shown


def test_good_articles_pass(sources: Sources, write: Write) -> None:
    write("german", "Text.\n", language="de")

    examined = examine(sources.articles, TODAY)

    assert (len(examined.articles), examined.problems, examined.warnings) == (6, (), ())


def test_the_sample_shop_passes() -> None:
    examined = examine(ROOT / "knowledge", TODAY)

    assert examined.problems == ()
    assert not [w for w in examined.warnings if "nearly the same" in w.what]
    assert len(examined.articles) >= 50
