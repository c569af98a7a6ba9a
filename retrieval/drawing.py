"""A procedure as a picture, so that its writer sees where each answer leads.

The layout is made for the few dozen boxes of a procedure. Boxes stand in layers, each below all
that lead to it (longest path; a way back is left out of the count). Lines run only where no box
stands: in the channels between layers, and in lanes beside all of them where a line passes a layer.
So a line may cross another, and never a box. All lengths are pixels of SVG, y downwards.
"""

from __future__ import annotations

import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import jinja2

from retrieval.articles import Article, Step
from retrieval.errors import DrawingRefused
from retrieval.files import write_bytes
from retrieval.procedures import goes_on_in_order

Format = Literal["svg", "mermaid"]
_ENDINGS = {"svg": ".svg", "mermaid": ".mmd"}

_FONT, _SMALL, _LINE = 15, 13, 19  # size of titles, of all else, and the height of a line
_BOX, _BETWEEN, _PADDING = 270.0, 40.0, 14.0  # narrowest box, space beside it, space in it
_PER_ANSWER, _PER_ARRIVAL = 110.0, 26.0  # width that each line at a box's edge needs
_TRACK, _LANE, _ARROW, _MARGIN = 14.0, 18.0, 26.0, 28.0
_CLEAR = 8.0  # two lines closer than this would look like one


@dataclass(frozen=True, slots=True)
class Way:
    """A line of the picture: from one step to another, by their numbers in order."""

    source: int
    target: int
    label: str  # the customer's answer; "" where no question is asked


@dataclass(slots=True)
class Box:
    """A step placed: the middle of its upper edge is at x, y."""

    step: Step
    lines: list[tuple[str, str]]  # class and text of each line
    width: float
    height: float
    layer: int = 0
    x: float = 0.0
    y: float = 0.0

    def covers(self, other: Box) -> bool:
        """Whether the two overlap."""
        return (
            abs(self.x - other.x) < (self.width + other.width) / 2
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


@dataclass(slots=True)
class Line:
    """A way placed: its corners, and the label below its beginning."""

    way: Way
    back: bool  # leads to a step already passed
    label: list[str]
    lane: float | None = None  # x of the lane it takes past other layers
    side: int = 0  # of that lane: -1 left, 1 right
    leaves: float = 0.0  # x at the lower edge of its source
    arrives: float = 0.0  # x at the upper edge of its target
    tracks: dict[int, int] = field(default_factory=dict)  # by channel
    points: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything placed, from (left, 0) on."""

    boxes: tuple[Box, ...]  # in the order of the steps
    lines: tuple[Line, ...]
    left: float
    width: float
    height: float


def ways(article: Article) -> tuple[Way, ...]:
    """Every way from step to step, those in order among them."""
    number = {step.anchor: index for index, step in enumerate(article.steps)}
    found: list[Way] = []
    for index, step in enumerate(article.steps):
        found += [Way(index, number[b.target], b.label) for b in step.branches]
        if goes_on_in_order(step):
            found.append(Way(index, index + 1, "any other answer" if step.branches else ""))
    return tuple(found)


def draw(articles: Sequence[Article], wanted: Sequence[str], out: Path, form: Format) -> list[Path]:
    """Write a picture of each procedure, and an `index.html` that shows all of them.

    Args:
        articles: As `load_articles` returns them.
        wanted: Ids of procedures; none draws all.
        out: Folder, made when it is missing.
        form: "svg" for pictures, "mermaid" for text that Git hosts and wikis turn into one.

    Returns:
        The files written, `index.html` last.

    Raises:
        DrawingRefused: A wanted id is not that of a procedure.
    """
    procedures = {a.id: a for a in articles if a.steps}
    for identity in wanted:
        if identity not in procedures:
            raise DrawingRefused(identity, tuple(procedures))
    if not procedures:
        raise DrawingRefused("*", ())
    out.mkdir(parents=True, exist_ok=True)
    drawn = [procedures[i] for i in dict.fromkeys(wanted or procedures)]
    texts = [svg(article) if form == "svg" else mermaid(article) for article in drawn]
    files = [out / (article.id + _ENDINGS[form]) for article in drawn]
    for file, text in zip(files, texts, strict=True):
        write_bytes(file, text.encode())
    page = jinja2.Environment(autoescape=True).from_string(_PAGE)
    shown = [
        (article, file.name, text, _described(article))
        for article, file, text in zip(drawn, files, texts, strict=True)
    ]
    index = out / "index.html"
    write_bytes(index, page.render(shown=shown, form=form).encode())
    return [*files, index]


def mermaid(article: Article) -> str:
    """The procedure as a Mermaid flowchart."""
    lines = [
        "flowchart TD",
        f"    accTitle: {''.join(c if c.isalnum() else ' ' for c in article.title)}",
        "    classDef step fill:#e8f0fe,stroke:#3b6fb6,color:#16202e",
        "    classDef finish fill:#e3f4e8,stroke:#2e7d4f,color:#16202e",
    ]
    for index, step in enumerate(article.steps):
        text = "<br/>".join(filter(None, (_escaped(step.title), _escaped(step.question or ""))))
        opening, closing, kind = ("([", "])", "finish") if step.is_end else ("[", "]", "step")
        lines.append(f'    s{index}{opening}"{text}"{closing}:::{kind}')
    for way in ways(article):
        label = f'|"{_escaped(way.label)}"|' if way.label else ""
        lines.append(f"    s{way.source} -->{label} s{way.target}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Text between quotes in Mermaid: whatever could mean something to it becomes `#35;`."""
    flat = " ".join(text.split())
    return "".join(c if c.isalnum() or c in " .,?'" else f"#{ord(c)};" for c in flat)


def layout(article: Article) -> Layout:
    """Where each box and each line of a procedure goes."""
    found = ways(article)
    boxes = [
        _box(
            step,
            index,
            sum(way.source == index for way in found),
            sum(way.target == index for way in found),
        )
        for index, step in enumerate(article.steps)
    ]
    back = _ways_back(len(boxes), found)
    layers = _layers(boxes, found, back)
    lines = [Line(way, way in back, []) for way in found]
    edge = max(sum(b.width + _BETWEEN for b in layer) - _BETWEEN for layer in layers) / 2
    _choose_lanes(lines, boxes, edge)
    _choose_ports(lines, boxes)
    labels = [0.0] * (len(layers) + 1)  # height of the labels at the top of each channel
    tracks = _choose_tracks(lines, boxes, len(layers) + 1)
    for line in lines:
        source = boxes[line.way.source]
        room = source.width / sum(other.way.source == line.way.source for other in lines)
        line.label = _wrapped(line.way.label, _SMALL, room - 20) if line.way.label else []
        below = source.layer + 1
        labels[below] = max(labels[below], 16.0 + _LINE * len(line.label) if line.label else 0.0)
    y, tops = 0.0, []
    for channel, layer in enumerate([*layers, []]):
        tops.append(y + labels[channel] + (_TRACK if tracks[channel] else 0.0))
        y = tops[-1] + _TRACK * tracks[channel]
        if layer:
            y += _ARROW if channel or tracks[0] else 0.0
            for box in layer:
                box.y = y
            y += max(box.height for box in layer)
    for line in lines:
        _run(line, boxes, tops)
    left = min([-edge, *(x for line in lines for x, _ in line.points)])
    right = max([edge, *(x for line in lines for x, _ in line.points)])
    return Layout(tuple(boxes), tuple(lines), left, right - left, y)


def _box(step: Step, index: int, leaving: int, arriving: int) -> Box:
    width = max(_BOX, _PER_ANSWER * leaving, _PER_ARRIVAL * (arriving + 1))
    inner = width - 2 * _PADDING - (_PADDING if step.is_end else 0.0)  # an end is round
    number = "End" if step.is_end else f"Step {index + 1}"
    lines = [("note", line) for line in _wrapped(f"{number} · #{step.anchor}", _SMALL, inner)]
    lines += [("name", line) for line in _wrapped(step.title, _FONT, inner)]
    if step.question:
        lines += [("asks", line) for line in _wrapped(step.question, _SMALL, inner)]
    return Box(step, lines, width, _LINE * len(lines) + 2 * _PADDING)


def _ways_back(count: int, found: Sequence[Way]) -> set[Way]:
    """The ways that close a circle, met when walking from the first step on."""
    leaving: list[list[Way]] = [[] for _ in range(count)]
    for way in found:
        leaving[way.source].append(way)
    back: set[Way] = set()
    passed, open_ = {0}, {0}
    walk = [(0, iter(leaving[0]))]
    while walk:
        here, rest = walk[-1]
        for way in rest:
            if way.target in open_:
                back.add(way)
            elif way.target not in passed:
                passed.add(way.target)
                open_.add(way.target)
                walk.append((way.target, iter(leaving[way.target])))
                break
        else:
            open_.discard(here)
            walk.pop()
    return back


def _layers(boxes: Sequence[Box], found: Sequence[Way], back: set[Way]) -> list[list[Box]]:
    """Set the layer and x of every box: below, and as near as may be under, what leads to it."""
    waiting = [0] * len(boxes)
    for way in found:
        waiting[way.target] += way not in back
    ready = [index for index, count in enumerate(waiting) if not count]
    while ready:
        here = ready.pop()
        for way in found:
            if way.source == here and way not in back:
                boxes[way.target].layer = max(boxes[way.target].layer, boxes[here].layer + 1)
                waiting[way.target] -= 1
                if not waiting[way.target]:
                    ready.append(way.target)
    layers: list[list[Box]] = [[] for _ in range(1 + max(box.layer for box in boxes))]
    above: dict[int, list[Box]] = {}
    for way in found:
        if way not in back:
            above.setdefault(id(boxes[way.target]), []).append(boxes[way.source])
    for box in boxes:
        layers[box.layer].append(box)
    for layer in layers:
        layer.sort(key=lambda box: _mean(other.x for other in above.get(id(box), ())))
        x = -(sum(box.width + _BETWEEN for box in layer) - _BETWEEN) / 2
        for box in layer:
            box.x = x + box.width / 2
            x += box.width + _BETWEEN
    return layers


def _choose_lanes(lines: Sequence[Line], boxes: Sequence[Box], edge: float) -> None:
    """A lane for each line that passes a layer; the inner ones are for the short."""
    taken: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def span(line: Line) -> tuple[int, int]:
        ends = boxes[line.way.source].layer + 1, boxes[line.way.target].layer
        return min(ends), max(ends)

    long = [line for line in lines if len(set(span(line))) == 2]
    for line in sorted(long, key=lambda line: span(line)[1] - span(line)[0]):
        middle = boxes[line.way.source].x + boxes[line.way.target].x
        line.side = -1 if middle < -1 or (abs(middle) <= 1 and line.back) else 1
        low, high = span(line)
        lane = 0
        while any(low <= end and start <= high for start, end in taken.get((line.side, lane), ())):
            lane += 1
        taken.setdefault((line.side, lane), []).append((low, high))
        line.lane = line.side * (edge + _LANE * (lane + 1))


def _choose_ports(lines: Sequence[Line], boxes: Sequence[Box]) -> None:
    """Where each line leaves and arrives: side by side, in the order of where it leads."""
    for index, box in enumerate(boxes):
        leaving = [line for line in lines if line.way.source == index]
        leaving.sort(key=lambda line: line.lane or boxes[line.way.target].x)
        for place, line in enumerate(leaving):
            line.leaves = box.x + box.width * ((place + 0.5) / len(leaving) - 0.5)
    for index, box in enumerate(boxes):
        arriving = [line for line in lines if line.way.target == index]
        arriving.sort(key=lambda line: line.lane or line.leaves)
        # Lines that leave above and those that arrive below must not lie on each other.
        others = [
            (line, line.leaves) for line in lines if boxes[line.way.source].layer == box.layer - 1
        ]
        for place, line in enumerate(arriving):
            room = box.width - 2 * _PADDING
            x = box.x + room * ((place + 0.5) / len(arriving) - 0.5)
            if line.lane is None and len(arriving) == 1 and abs(line.leaves - x) < room / 2:
                x = line.leaves  # straight down
            elif line.lane is None and abs(line.leaves - x) < _CLEAR:
                x = line.leaves  # rather than a jog of a few pixels
            while any(o is not line and abs(x - leaves) < _CLEAR for o, leaves in others):
                x += _CLEAR / 2
            line.arrives = x


def _choose_tracks(lines: Sequence[Line], boxes: Sequence[Box], channels: int) -> list[int]:
    """The height in its channel of each level stretch; the number of tracks of each channel."""
    stretches: list[list[tuple[float, float, Line]]] = [[] for _ in range(channels)]
    for line in lines:
        above, below = boxes[line.way.source].layer + 1, boxes[line.way.target].layer
        if line.lane is None:
            turns = [(above, line.leaves, line.arrives)]
        else:
            turns = [(above, line.leaves, line.lane), (below, line.lane, line.arrives)]
        for channel, start, end in turns:
            if start != end:
                stretches[channel].append((min(start, end), max(start, end), line))
    counts = []
    for channel, found in enumerate(stretches):
        free_from: list[float] = []  # by track, where its last stretch ends
        for low, high, line in sorted(found, key=lambda stretch: stretch[:2]):
            track = next(
                (t for t, end in enumerate(free_from) if end + _CLEAR <= low), len(free_from)
            )
            free_from[track:] = [high, *free_from[track + 1 :]]
            line.tracks[channel] = track
        counts.append(len(free_from))
    return counts


def _run(line: Line, boxes: Sequence[Box], tops: Sequence[float]) -> None:
    """The corners of a line, from box to box."""
    source, target = boxes[line.way.source], boxes[line.way.target]
    # A box lower than its neighbours in the layer leaves a longer way to the channel.
    x, y = line.leaves, source.y + source.height
    line.points = [(x, y)]
    turns = [(source.layer + 1, line.arrives)]
    if line.lane is not None:
        turns = [(source.layer + 1, line.lane), (target.layer, line.arrives)]
    for channel, goal in turns:
        if channel in line.tracks:
            y = tops[channel] + _TRACK * line.tracks[channel]
            line.points += [(x, y), (goal, y)]
            x = goal
    line.points.append((x, target.y))


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0


def _wrapped(text: str, size: int, room: float) -> list[str]:
    """Text in lines no wider than `room`; a word wider than that is cut."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if _width(joined, size) <= room:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if lines[-1] and _width(lines[-1] + character, size) > room:
                lines.append("")
            lines[-1] += character
    return lines


def _width(text: str, size: int) -> float:
    """Of text in a bold sans-serif font, a little too wide rather than too narrow."""
    return size * sum(
        1.05
        if unicodedata.east_asian_width(c) in "WF" or c in "WM@%mw—…"
        else 0.36
        if c in " iIjl.,:;'|!()[]"
        else 0.74
        if c.isupper()
        else 0.62
        for c in text
    )


def _described(article: Article) -> str:
    """The picture in words, for those who do not see it."""
    steps = article.steps
    told = []
    for index, step in enumerate(steps):
        goals = [
            f"{way.label or 'then'}: {steps[way.target].title}"
            for way in ways(article)
            if way.source == index
        ]
        told.append(f"{step.title} ({'; '.join(goals) or 'end'}).")
    return " ".join(told)


_STYLE = """\
text { font-family: system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif }
.head { font-size: 18px; font-weight: 700 }
.hint, .note, .asks, .answer { font-size: 13px }
.head, .hint { fill: #5f6772 }
@media (prefers-color-scheme: dark) { .head, .hint { fill: #a3abb5 } }
.name { font-size: 15px; font-weight: 600 }
.asks { font-style: italic }
.name, .asks, .answer { fill: #16202e }
.note { fill: #46515f }
.step { fill: #e8f0fe; stroke: #3b6fb6; stroke-width: 1.5 }
.finish { fill: #e3f4e8; stroke: #2e7d4f; stroke-width: 2.5 }
.way { fill: none; stroke: #6f7782; stroke-width: 1.75; stroke-linejoin: round }
.back { stroke-dasharray: 6 4 }
.tip { fill: #6f7782 }
.plate { fill: #fff; stroke: #b9c0c9 }
"""
_HINT = "“It works now” ends the procedure after any step."


def svg(article: Article) -> str:
    """The procedure as a picture that needs nothing but itself, on a light or a dark page."""
    placed = layout(article)
    width = max(placed.width, 460.0) + 2 * _MARGIN
    head = [("head", line) for line in _wrapped(article.title, 18, width - 2 * _MARGIN)]
    hint = _HINT + (" Dashed lines lead back." if any(way.back for way in placed.lines) else "")
    head += [("hint", line) for line in _wrapped(hint, _SMALL, width - 2 * _MARGIN)]
    top = _MARGIN + 24.0 * len(head) + 8.0
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": _number(width),
            "height": _number(top + placed.height + _MARGIN),
            "viewBox": f"0 0 {_number(width)} {_number(top + placed.height + _MARGIN)}",
            "role": "img",
            "aria-labelledby": "title desc",
        },
    )
    ET.SubElement(root, "title", {"id": "title"}).text = article.title
    ET.SubElement(root, "desc", {"id": "desc"}).text = _described(article)
    ET.SubElement(root, "style").text = _STYLE
    tip = ET.SubElement(
        ET.SubElement(root, "defs"),
        "marker",
        {"id": "tip", "viewBox": "0 0 10 10", "refX": "9", "refY": "5", "orient": "auto"}
        | {"markerWidth": "7", "markerHeight": "7"},
    )
    ET.SubElement(tip, "path", {"class": "tip", "d": "M0 0 10 5 0 10z"})
    for index, (kind, text) in enumerate(head):
        _text(root, kind, text, _MARGIN, _MARGIN + 24.0 * index + 14.0, "start")
    shift = f"translate({_number((width - placed.width) / 2 - placed.left)} {_number(top)})"
    drawing = ET.SubElement(root, "g", {"transform": shift})
    for line in placed.lines:
        ET.SubElement(
            drawing,
            "polyline",
            {
                "class": "way back" if line.back else "way",
                "points": " ".join(f"{_number(x)},{_number(y)}" for x, y in line.points),
                "marker-end": "url(#tip)",
            },
        )
    for box in placed.boxes:
        _draw_box(drawing, box)
    for line in placed.lines:
        if line.label:
            _draw_label(drawing, line)
    return ET.tostring(root, encoding="unicode") + "\n"


def _draw_box(drawing: ET.Element, box: Box) -> None:
    group = ET.SubElement(drawing, "g")
    ET.SubElement(
        group,
        "rect",
        {
            "class": "finish" if box.step.is_end else "step",
            "x": _number(box.x - box.width / 2),
            "y": _number(box.y),
            "width": _number(box.width),
            "height": _number(box.height),
            "rx": _number(min(box.height / 2, 34.0) if box.step.is_end else 6.0),
        },
    )
    for index, (kind, text) in enumerate(box.lines):
        _text(group, kind, text, box.x, box.y + _PADDING + _LINE * index + 14.0, "middle")


def _draw_label(drawing: ET.Element, line: Line) -> None:
    x, y = line.points[0]
    width = max(_width(text, _SMALL) for text in line.label) + 12.0
    group = ET.SubElement(drawing, "g")
    ET.SubElement(
        group,
        "rect",
        {
            "class": "plate",
            "x": _number(x - width / 2),
            "y": _number(y + 8.0),
            "width": _number(width),
            "height": _number(_LINE * len(line.label) + 4.0),
            "rx": "4",
        },
    )
    for index, text in enumerate(line.label):
        _text(group, "answer", text, x, y + 8.0 + _LINE * index + 15.0, "middle")


def _text(parent: ET.Element, kind: str, text: str, x: float, y: float, anchor: str) -> None:
    where = {"x": _number(x), "y": _number(y), "text-anchor": anchor}
    ET.SubElement(parent, "text", {"class": kind} | where).text = text


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Procedures</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
section { border-top: 1px solid #8888; padding: 1rem 0 2rem }
img { display: block; max-width: 100%; height: auto }
pre { overflow: auto }
</style>
</head>
<body>
<h1>Procedures</h1>
<ul>
{% for article, name, text, told in shown %}\
<li><a href="#{{ article.id }}">{{ article.title }}</a> ({{ article.products | join(", ") }})</li>
{% endfor %}\
</ul>
{% for article, name, text, told in shown %}\
<section id="{{ article.id }}">
<h2>{{ article.title }}</h2>
<p><a href="{{ name }}">{{ name }}</a>, written by {{ article.owner }} in {{ article.path }}</p>
{% if form == "svg" %}<img src="{{ name }}" alt="{{ told }}" loading="lazy">
{% else %}<pre>{{ text }}</pre>
{% endif %}\
</section>
{% endfor %}\
</body>
</html>
"""
