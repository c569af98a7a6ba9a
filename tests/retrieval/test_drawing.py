"""What a writer sees: every step and every way once, nothing over another, whatever the words."""

from __future__ import annotations

import itertools
import random
import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from retrieval import drawing
from retrieval.__main__ import main
from retrieval.articles import Article, load_articles
from retrieval.building import Sources
from retrieval.errors import DrawingRefused
from tests.retrieval.conftest import TODAY, Write

SVG = "{http://www.w3.org/2000/svg}"
MAZE = """\
## Begin {#a}
Text.
- Which light is on? [left](#b) [right](#c) [both of them blink slowly](#d) [none](#end)

## B {#b}
Text.
- Ok? [yes](#end) [no](#e)

## C {#c}
Text.
- Ok? [yes](#end) [no, try again](#a)

## D {#d}
Text.

## E {#e}
Text.
- Back? [yes](#b) [no](#f) [perhaps](#end-two)

## F {#f}
Text.
- One? [go](#end-two)

## End {#end}
Text.

## Another end {#end-two}
Text.
"""
HOSTILE = """</text><script>alert("1")</script> & 'q' ]] --> `x` %% #quot; \\ end"""


@pytest.fixture
def maze(write: Write) -> Article:
    file = write("maze", MAZE, kind="procedure", symptoms=["lost"])
    return load_articles(file.parent, TODAY)[0]


def random_procedure(write: Write, seed: int) -> Article:
    """Up to 14 steps with up to 5 answers each, back, ahead and to several ends."""
    chance = random.Random(seed)
    count = chance.randint(2, 12)
    names = [f"s{n}" for n in range(count)] + ["end", "end-b"]
    body = ""
    for number, name in enumerate(names[:count]):
        body += f"## {'Words of step ' * chance.randint(1, 6)}{name} {{#{name}}}\nDo it.\n"
        answers = chance.choice((0, 0, 1, 2, 3, 5))
        # The next step is always among them, so that all are reached and an end follows.
        goals = [names[number + 1], *chance.choices(names, k=5)][:answers]
        labels = [f"answer {n} " + "more " * chance.randint(0, 4) for n in range(answers)]
        links = [
            f"[{label.strip()}](#{goal})"
            for label, goal in zip(labels, goals, strict=True)
            if goal != name
        ]
        body += f"- What now? {' '.join(links)}\n\n" if links else "\n"
    body += "## End {#end}\nA.\n- x\n\n"
    if "#end-b)" in body:
        body += "## Other end {#end-b}\nB.\n"
    file = write("one", body, kind="procedure", symptoms=["lost"])
    return load_articles(file.parent, TODAY)[0]


def pieces(line: drawing.Line) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    return list(itertools.pairwise(line.points))


def overlapping(
    one: tuple[tuple[float, float], tuple[float, float]],
    other: tuple[tuple[float, float], tuple[float, float]],
) -> bool:
    """Whether two upright or two level stretches lie on each other for more than a point."""
    for along, across in ((0, 1), (1, 0)):
        if (
            one[0][across] == one[1][across] == other[0][across] == other[1][across]
            and min(max(one[0][along], one[1][along]), max(other[0][along], other[1][along]))
            - max(min(one[0][along], one[1][along]), min(other[0][along], other[1][along]))
            > 0.5
        ):
            return True
    return False


def check_layout(article: Article) -> None:
    placed = drawing.layout(article)
    assert [box.step for box in placed.boxes] == list(article.steps)
    assert Counter(line.way for line in placed.lines) == Counter(drawing.ways(article))
    for one, other in itertools.combinations(placed.boxes, 2):
        assert not one.covers(other), (one.step.anchor, other.step.anchor)
    for line in placed.lines:
        source, target = placed.boxes[line.way.source], placed.boxes[line.way.target]
        assert line.points[0][1] == source.y + source.height
        assert abs(line.points[0][0] - source.x) < source.width / 2
        assert line.points[-1][1] == target.y
        assert abs(line.points[-1][0] - target.x) <= target.width / 2
        assert line.back or target.y > source.y
        for (x1, y1), (x2, y2) in pieces(line):
            assert x1 == x2 or y1 == y2
            for box in placed.boxes:  # a line touches its boxes at their edges, no other
                assert not (
                    min(x1, x2) < box.x + box.width / 2
                    and max(x1, x2) > box.x - box.width / 2
                    and min(y1, y2) < box.y + box.height
                    and max(y1, y2) > box.y
                ), (line.way, box.step.anchor)
    for one, other in itertools.combinations(placed.lines, 2):
        for a, b in itertools.product(pieces(one), pieces(other)):
            assert not overlapping(a, b), (one.way, other.way, a, b)
    xs = [x for line in placed.lines for x, _ in line.points]
    assert placed.left <= min(xs)
    assert max(xs) <= placed.left + placed.width
    assert max(box.y + box.height for box in placed.boxes) <= placed.height


def test_a_procedure_is_placed_without_overlaps(maze: Article) -> None:
    check_layout(maze)
    placed = drawing.layout(maze)
    assert {(line.way.source, line.way.target) for line in placed.lines if line.back} == {
        (2, 0),
        (4, 1),
    }


@pytest.mark.parametrize("seed", range(25))
def test_any_procedure_is_placed_without_overlaps(write: Write, seed: int) -> None:
    check_layout(random_procedure(write, seed))


def test_the_sample_shops_procedures_are_placed_without_overlaps() -> None:
    drawn = [a for a in load_articles(Path(__file__).parents[2] / "knowledge", TODAY) if a.steps]
    assert len(drawn) >= 20
    for article in drawn:
        check_layout(article)


def test_ways_are_those_that_a_customer_can_take(maze: Article) -> None:
    """The picture and the conversation agree on what follows each answer."""
    steps = maze.steps
    for way in drawing.ways(maze):
        here, label = steps[way.source], way.label
        answer = None if label in ("", "any other answer") else label
        assert maze.next_step(here.anchor, answer) == steps[way.target]
    assert drawing.Way(5, 6, "any other answer") in drawing.ways(maze)
    assert drawing.Way(3, 4, "") in drawing.ways(maze)


def test_a_picture_shows_every_step_and_answer_once(maze: Article) -> None:
    root = ET.fromstring(drawing.svg(maze))

    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "Maze"
    told = root.findtext(f"{SVG}desc") or ""
    assert "Begin (left: B; right: C; both of them blink slowly: D; none: End)." in told
    assert "Another end (end)." in told
    kinds = Counter(rect.get("class") for rect in root.iter(f"{SVG}rect"))
    assert kinds == {"step": 6, "finish": 2, "plate": 13}
    assert len(list(root.iter(f"{SVG}polyline"))) == 14
    names = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "name"]
    assert names == [step.title for step in maze.steps]
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert (root.get("aria-labelledby") or "").split() == ["title", "desc"]


def test_words_stay_within_their_box(maze: Article) -> None:
    """Long words and wide letters are cut, never lost."""
    long = replace(maze.steps[0], title="W" * 90 + " 洗濯機の水が出ない場合は" * 3)
    article = replace(maze, sections=(long, *maze.sections[1:]))
    box = drawing.layout(article).boxes[0]

    titled = [text for kind, text in box.lines if kind == "name"]
    assert "".join(titled).replace(" ", "") == long.title.replace(" ", "")
    assert len(titled) == 5
    assert box.height > 19 * len(box.lines)
    check_layout(article)


def hostile(article: Article) -> Article:
    branches = tuple(replace(b, label=HOSTILE + b.label) for b in article.steps[0].branches)
    first = replace(article.steps[0], title=HOSTILE, question=HOSTILE, branches=branches)
    return replace(article, title=HOSTILE, sections=(first, *article.sections[1:]))


def test_words_cannot_become_markup(maze: Article, tmp_path: Path) -> None:
    article = hostile(maze)
    root = ET.fromstring(drawing.svg(article))
    assert root.findtext(f"{SVG}title") == HOSTILE
    assert not [e for e in root.iter() if "script" in e.tag]

    drawing.draw([article], [], tmp_path / "svg", "svg")
    drawing.draw([article], [], tmp_path / "mermaid", "mermaid")
    for folder in ("svg", "mermaid"):
        assert "<script" not in (tmp_path / folder / "index.html").read_text()


def test_mermaid_says_the_same(maze: Article) -> None:
    lines = drawing.mermaid(maze).splitlines()

    assert lines[0] == "flowchart TD"
    assert '    s0["Begin<br/>Which light is on?"]:::step' in lines
    assert '    s6(["End"]):::finish' in lines
    assert '    s0 -->|"both of them blink slowly"| s3' in lines
    assert "    s3 --> s4" in lines
    assert sum("-->" in line for line in lines) == len(drawing.ways(maze))


def test_mermaid_takes_no_word_for_a_command(maze: Article) -> None:
    """Only letters, digits and harmless marks are left between its quotes."""
    text = drawing.mermaid(hostile(maze))

    for line in text.splitlines()[2:]:
        for quoted in re.findall(r'"([^"]*)"', line):
            bare = re.sub(r"#\d+;|<br/>", "", quoted)
            assert re.fullmatch(r"[\w .,?']*", bare), line
    assert re.fullmatch(r"    accTitle: [\w ]*", text.splitlines()[1])
    assert "#60;script#62;" in text


def test_drawing_from_the_command_line(
    sources: Sources, write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("maze", MAZE, kind="procedure", symptoms=["lost"])
    start = ["--knowledge", str(sources.articles), "draw", "--out", str(tmp_path / "out")]

    assert main(start) == 0
    assert "2 procedures: open " in capsys.readouterr().out
    page = (tmp_path / "out" / "index.html").read_text()
    for name in ("maze.svg", "dishwasher-does-not-drain.svg"):
        assert (tmp_path / "out" / name).is_file()
        assert f'<img src="{name}" alt="' in page

    assert main([*start, "maze", "--format", "mermaid"]) == 0
    assert (tmp_path / "out" / "maze.mmd").read_text().startswith("flowchart TD")
    assert "drain" not in (tmp_path / "out" / "index.html").read_text()

    assert main([*start, "returns"]) == 1
    assert "no procedure `returns`; use one of dishwasher-does-not-drain, maze" in (
        capsys.readouterr().err
    )


def test_without_a_procedure_there_is_nothing_to_draw(write: Write, tmp_path: Path) -> None:
    file = write("one")

    with pytest.raises(DrawingRefused, match="no article is of kind procedure"):
        drawing.draw(load_articles(file.parent, TODAY), [], tmp_path / "out", "svg")
    assert not (tmp_path / "out").exists()
