"""Real files of other programs, made here, become articles that the loader accepts."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import docx
import pytest
import yaml
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Frame,
    ListFlowable,
    PageBreak,
    PageTemplate,
    Paragraph,
    Table,
    TableStyle,
)
from reportlab.platypus.flowables import Flowable
from reportlab.platypus.tableofcontents import TableOfContents

from retrieval.__main__ import main
from retrieval.articles import Article, load_articles
from retrieval.errors import ImportRefused
from retrieval.importing.importer import Wishes, import_sources
from retrieval.importing.process import Converter
from retrieval.importing.report import ImportReport
from tests.retrieval.conftest import TODAY, Write

BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=10, leading=13, spaceAfter=6)
TITLE = ParagraphStyle("title", parent=BODY, fontSize=28, leading=34)
CHAPTER = ParagraphStyle("chapter", parent=BODY, fontSize=18, leading=22, spaceBefore=12)
SECTION = ParagraphStyle("section", parent=BODY, fontSize=13, leading=16, spaceBefore=8)
FILTER = (
    "Twist the round filter to the left and lift it out of the sump. Rinse it under warm water "
    "with a soft brush, because grease closes its mesh within a few weeks of daily use."
)
SELF = "The self-cleaning programme is started with the two outer keys."
LONG = (
    "Before you clean the appliance pull the plug out of the socket and let the heating element "
    "cool down for at least fifteen minutes, since the plate below the lower spray arm stays hot "
    "after the programme has come to its end and can hurt fingers."
)
NATURAL = (
    "Standing water in the tub is nearly always a matter of the filter. Take out what lies in it, "
    "put it back, and start the rinse programme once without any dishes in the baskets."
)
Import = Callable[..., ImportReport]


@pytest.fixture
def knowledge(write: Write) -> Path:
    return write("delivery", "Parcels are brought by our own van.\n", title="Delivery").parent


@pytest.fixture
def run(knowledge: Path) -> Import:
    def run(*sources: Path, **options: object) -> ImportReport:
        wishes = options.pop("wishes", Wishes(("dishwasher",)))
        return import_sources(
            sources,
            knowledge,
            knowledge / "imported",
            wishes,
            TODAY,
            **options,  # type: ignore[arg-type]
        )

    return run


def read(knowledge: Path) -> dict[str, Article]:
    """Every article by its id, as the bot would get it."""
    return {article.id: article for article in load_articles(knowledge, TODAY)}


def manual(file: Path, chapters: int = 6, **encryption: object) -> Path:
    """A manual with all that makes manuals hard to read by machine."""

    class Manual(BaseDocTemplate):
        def afterFlowable(self, flowable: Flowable) -> None:
            if isinstance(flowable, Paragraph) and flowable.style.name in ("chapter", "section"):
                level = 0 if flowable.style.name == "chapter" else 1
                self.notify("TOCEntry", (level, flowable.getPlainText(), self.page))

    def furniture(canvas: Canvas, document: BaseDocTemplate) -> None:
        if document.page > 1:
            canvas.setFont("Helvetica", 8)
            canvas.drawString(60, 810, "HM-D450 instruction manual")
            canvas.drawRightString(540, 30, f"Page {document.page}")

    def chapter(title: str, *under: Flowable) -> list[Flowable]:
        return [PageBreak(), Paragraph(title, CHAPTER), *under]

    contents = TableOfContents(dotsMinLevel=0)
    contents.levelStyles = [BODY, BODY]
    grid = TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.black)])
    story = [
        Paragraph("Dishwasher HM-D450", TITLE),
        Paragraph("Instruction manual", SECTION),
        PageBreak(),
        Paragraph("Contents", CHAPTER),
        contents,
        *chapter(
            "1 Installation",
            Paragraph("Place the appliance on a level floor close to a water tap.", BODY),
            Paragraph("1.1 Connect the hoses", SECTION),
            Paragraph("Screw the inlet hose to the tap by hand and open the tap slowly.", BODY),
        ),
        *chapter(
            "2 Cleaning",
            Paragraph(LONG, BODY),
            Paragraph("2.1 Clean the filter", SECTION),
            Paragraph(FILTER, BODY),
            ListFlowable(
                [
                    Paragraph("Take out the lower basket.", BODY),
                    Paragraph("Lift the <b>cylinder</b> and rinse it.", BODY),
                ],
                bulletType="1",
                bulletFormat="%s.",
            ),
            Paragraph("2.2 Programme", SECTION),
            Paragraph(SELF, BODY),
            Paragraph("Another self-cleaning run is of no use.", BODY),
        ),
        *chapter(
            "3 Error codes",
            Paragraph("The display shows a code when a programme stops.", BODY),
            Table(
                [
                    ["Code", "Meaning", "What to do"],
                    ["E24", "The drain is blocked", "Clean the filter"],
                    ["E15", "Water in the base", "Close the tap"],
                ],
                style=grid,
            ),
        ),
        *chapter("4 Draining", Paragraph(NATURAL, BODY)),
    ]
    for number in range(5, chapters + 1):
        text = f"Chapter {number} tells of programme {number} and of nothing besides it. "
        story += chapter(f"{number} Programme number {number}", Paragraph(text * 12, BODY))
    document = Manual(str(file), pagesize=A4, **encryption)
    # A narrow column, so that lines break inside words where the hyphens below allow it.
    frame = Frame(60, 60, 300, 730, id="column")
    document.addPageTemplates([PageTemplate("page", [frame], onPage=furniture)])
    document.multiBuild(story)
    return file


def hyphenated(file: Path) -> Path:
    canvas = Canvas(str(file), pagesize=A4)
    for y, text in enumerate(
        (
            "The dish-",
            "washer rinses with hard wa-",
            "ter. The self-",
            "cleaning pro-",
            "gramme helps, as every self-cleaning programme of a dishwasher does with hard water.",
        )
    ):
        canvas.drawString(60, 700 - 14 * y, text)
    canvas.save()
    return file


def page(title: str, body: str) -> str:
    return f"""<!doctype html><html><head><title>{title} | Haus Help</title>
<style>p {{ color: red }}</style><script>track("visitor")</script></head><body class="has-sidebar">
<header class="site"><a href="/">Haus Help</a></header>
<nav><ul><li><a href="/a">All topics</a></li></ul></nav>
<div id="cookie-banner">We use cookies. <button>Accept</button></div>
<main><h1>{title}</h1>{body}</main>
<aside>Related articles</aside><footer>© Haus 2026</footer></body></html>"""


SALT = """<p>The softener needs <b>coarse salt</b>, see <a href="https://haus.example/salt">the salt
we sell</a> or <a href="/hc/4711">the next page</a>.</p>
<h2>Fill it</h2><ol><li><p>Open the lid.</p></li><li>Pour in one kilogram.
<ul><li>Use the funnel.</li></ul></li></ol>
<img src="a.png" alt="The lid in the floor of the tub"><img src="b.png">
<h2>Hardness</h2><table><tr><th>Level</th><th>Hardness</th><th>Salt</th></tr>
<tr><td>H0</td><td>soft</td><td>none</td></tr><tr><td>H3</td><td>hard</td><td>plenty</td></tr>
</table><p>Text &lt;b&gt; and &amp;nbsp; are shown as they are.</p>"""


def test_a_manual_becomes_an_article_per_chapter(
    run: Import, knowledge: Path, tmp_path: Path
) -> None:
    """Whole sentences under the right headings, and nothing of what only a page needs."""
    report = run(manual(tmp_path / "hm-d450-manual.pdf"))
    articles = read(knowledge)

    assert not report.refused
    assert [a.title for a in articles.values() if "hm-d450" in a.id] == [
        "Cleaning",
        "Draining",
        "Error codes",
        "Installation",
        "Programme number 5",
        "Programme number 6",
    ]
    cleaning = articles["hm-d450-manual-cleaning"]
    assert [section.title for section in cleaning.sections] == ["", "Clean the filter", "Programme"]
    assert cleaning.sections[0].text == LONG
    assert cleaning.sections[1].text.splitlines() == [
        FILTER,
        "",
        "1. Take out the lower basket.",
        "2. Lift the cylinder and rinse it.",
    ]
    assert SELF in cleaning.sections[2].text
    codes = articles["hm-d450-manual-error-codes"].sections[0].text
    assert "- E24: Meaning: The drain is blocked; What to do: Clean the filter" in codes
    assert articles["hm-d450-manual-installation"].kind == "installation"
    assert articles["hm-d450-manual-draining"].sections[0].text == NATURAL
    said = " ".join(s.text for a in articles.values() for s in a.sections)
    assert "instruction manual" not in said
    assert "Page " not in said
    assert ". . ." not in said
    dropped = report.sources[0].dropped
    assert dropped["running headers and footers"] >= 5
    assert dropped["page numbers"] >= 5
    assert dropped["lines of tables of contents"] >= 8
    assert dropped["title pages"] == 1
    assert dropped["tables turned into lists"] == 1


def test_words_cut_at_a_lines_end_are_whole_again(
    run: Import, knowledge: Path, tmp_path: Path
) -> None:
    """But a compound that the text writes with a hyphen elsewhere keeps it."""
    run(hyphenated(tmp_path / "water.pdf"))

    assert read(knowledge)["water"].sections[0].text == (
        "The dishwasher rinses with hard water. The self-cleaning programme helps, as every "
        "self-cleaning programme of a dishwasher does with hard water."
    )


def test_columns_are_read_one_after_the_other(run: Import, knowledge: Path, tmp_path: Path) -> None:
    """The left one first, though the layout analysis may name the right one first."""
    narrow = ParagraphStyle("narrow", parent=BODY, fontSize=9, leading=12, spaceAfter=4)
    parts = ("sieve", "arm", "door", "pump", "seal", "tub")
    first = "The {} is cleaned and dried with care, as is all that is near to it. "
    second = "Take the {} in both hands and rinse it under warm running water for a minute."
    story: list[Flowable] = []
    for part in parts:
        story += [
            Paragraph(f"<b>This is about the {part}.</b>", narrow),
            Paragraph(first.format(part) * 5, narrow),
            Paragraph("• " + second.format(part), narrow),
            Paragraph("Attention: its edges are sharp, so that gloves are needed for it.", narrow),
        ]
    frames = [Frame(50, 100, 235, 600, id="left"), Frame(305, 100, 235, 600, id="right")]
    file = BaseDocTemplate(str(tmp_path / "columns.pdf"), pagesize=A4)
    file.addPageTemplates([PageTemplate("page", frames)])
    file.build(story)
    run(tmp_path / "columns.pdf")

    said = "\n".join(section.text for section in read(knowledge)["columns"].sections)
    expected = [line for part in parts for line in (first.format(part) * 5, second.format(part))]
    places = [said.find(line.strip()) for line in expected]
    assert places == sorted(places)
    assert places[0] >= 0
    assert f"- {second.format('tub')}\n" in said


def test_a_page_of_a_help_centre_is_one_article(
    run: Import, knowledge: Path, tmp_path: Path
) -> None:
    file = tmp_path / "add-salt.html"
    file.write_text(page("Add salt", SALT))
    report = run(file)
    article = read(knowledge)["add-salt"]

    assert article.title == "Add salt"
    assert [(s.anchor, s.title) for s in article.sections] == [
        ("", ""),
        ("fill-it", "Fill it"),
        ("hardness", "Hardness"),
    ]
    assert article.sections[0].text == (
        "The softener needs coarse salt, see the salt we sell or the next page."
    )
    assert article.sections[1].text.splitlines() == [
        "1. Open the lid.",
        "2. Pour in one kilogram.",
        "- Use the funnel.",
        "",
        "The lid in the floor of the tub",
    ]
    assert "- H3: Hardness: hard; Salt: plenty" in article.sections[2].text
    written = (knowledge / "imported" / "add-salt.md").read_text()
    assert "[the salt we sell](https://haus.example/salt)" in written
    assert not any(word in written for word in ("cookies", "track", "topics", "Related", "2026"))
    assert report.sources[0].dropped == {
        "images replaced by their description": 1,
        "images without a description": 1,
        "links that lead nowhere from here, kept as words": 1,
        "tables turned into lists": 1,
    }


def test_a_csv_gives_an_article_per_row(run: Import, knowledge: Path, tmp_path: Path) -> None:
    """Semicolons, Windows letters, HTML in cells, a model as category, drafts and a copy."""
    file = tmp_path / "faq.csv"
    answer = "<p>Yes, up to 60&nbsp;°C.</p><ul><li>Use glass.</li><li>No wood, it swells.</li></ul>"
    rows = [
        ["Slug", "Question", "Answer", "Category", "Status"],
        ["hot-water", "Does it take hot water?", answer, "hm-d620", "published"],
        ["4711", "Where does “rinse aid” go?", "Into the small lid.\n\nClose it until it clicks.",
         "other", ""],
        ["old", "Is it old?", "This was never published by anybody at all.", "", "draft"],
        ["copy", "Hot water again?", answer, "", ""],
        ["empty", "What is this?", "", "", ""],
    ]  # fmt: skip
    text = "\r\n".join(";".join('"' + c.replace('"', '""') + '"' for c in row) for row in rows)
    file.write_bytes(text.encode("cp1252"))
    report = run(file)
    articles = read(knowledge)

    assert articles["hot-water"].products == ("HM-D620",)
    assert articles["hot-water"].sections[0].text.splitlines() == [
        "Yes, up to 60 °C.",
        "",
        "- Use glass.",
        "- No wood, it swells.",
    ]
    assert articles["faq-4711"].title == "Where does “rinse aid” go?"
    assert articles["faq-4711"].products == ("dishwasher",)
    assert articles.keys() == {"delivery", "hot-water", "faq-4711"}
    assert report.sources[0].dropped == {
        "drafts": 1,
        "texts that are imported already": 1,
        "rows without a title or a text": 1,
    }


def test_a_word_file_is_cut_at_its_first_headings(
    run: Import, knowledge: Path, tmp_path: Path
) -> None:
    document = docx.Document()
    document.add_heading("All about returns", 0)
    document.add_heading("Returns policy", 1)
    document.add_paragraph("What was bought here may come back to us in its own box.")
    document.add_paragraph("Keep the box.", style="List Bullet")
    document.add_heading("Repairs", 1)
    document.add_heading("At home", 2)
    document.add_paragraph("A technician comes to the house and brings the usual parts along.")
    table = document.add_table(2, 2)
    for cell, words in zip(table._cells, ("Part", "Price", "Pump", "Forty euros"), strict=True):
        cell.text = words
    document.save(str(tmp_path / "service.docx"))
    run(tmp_path / "service.docx", wishes=Wishes(("all",), "service-team", "agent"))
    articles = read(knowledge)

    policy, repairs = articles["service-returns-policy"], articles["service-repairs"]
    assert (policy.kind, policy.owner, policy.audience) == ("policy", "service-team", "agent")
    assert policy.sections[0].text.endswith("in its own box.\n\n- Keep the box.")
    assert repairs.sections[0].title == "At home"
    assert repairs.sections[0].text.endswith("- Pump: Forty euros")


def test_our_own_form_passes_through_unchanged(
    run: Import, knowledge: Path, tmp_path: Path
) -> None:
    """And other Markdown gets front matter, without what ours does not know."""
    folder = tmp_path / "docs"
    folder.mkdir()
    own = (
        (knowledge / "delivery.md")
        .read_text()
        .replace("delivery", "van")
        .replace("Del", "Fast del")
    )
    (folder / "van.md").write_text(own)
    (folder / "note.md").write_text(
        "---\ntitle: 'Door: how it opens'\nlayout: post\n---\n# Door\n\nPull the handle gently "
        "towards you until it clicks.\n\n## Child lock {#lock}\n\nPress [both](#x), **long**.\n\n"
        "### Off again\n\nPress both once more, and wait.\n"
    )
    (folder / "README.md").write_text("# The lamp\n\nThe lamp is a lamp of the usual kind, E14.\n")
    (folder / "picture.png").write_bytes(b"png")
    report = run(folder)

    assert (knowledge / "imported" / "van.md").read_text() == own
    note = read(knowledge)["note"]
    assert note.title == "Door: how it opens"
    assert note.sections[-1].title == "Child lock"
    assert note.sections[-1].text == (
        "Press both, long.\n\nOff again:\n\nPress both once more, and wait."
    )
    assert read(knowledge)["readme-the-lamp"].title == "The lamp"  # a README.md is never read
    assert report.other_files == {".png": 1}


def test_long_sections_are_cut_at_lower_headings_and_then_anywhere(
    run: Import, knowledge: Path, tmp_path: Path
) -> None:
    file = tmp_path / "care.html"
    rinse, wipe = "Rinse the filter well today. " * 50, "Wipe the seal of the door. " * 200
    file.write_text(
        page("Care", f"<h2>Daily</h2><h3>Filter</h3><p>{rinse}</p><h3>Door</h3><p>{wipe}</p>")
    )
    run(file, wishes=Wishes(("all",)))
    sections = read(knowledge)["care"].sections

    assert [section.title for section in sections][:3] == [
        "Daily: Filter",
        "Daily: Door",
        "Daily: Door (2)",
    ]
    assert sum(section.text.count("Wipe the seal of the door.") for section in sections) == 200


def test_importing_again_changes_only_what_changed(
    run: Import, knowledge: Path, tmp_path: Path
) -> None:
    """Also a year later, when the day of review would be another."""
    folder = tmp_path / "export"
    folder.mkdir()
    for name in ("salt", "door", "lamp"):
        (folder / f"{name}.html").write_text(
            page(f"The {name}", f"<p>All that there is to know about the {name} of it.</p>")
        )
    assert run(folder, dry_run=True).count("new") == 3
    assert not (knowledge / "imported").exists()
    assert run(folder).count("new") == 3
    written = {file: file.stat().st_mtime_ns for file in (knowledge / "imported").iterdir()}

    later = date(2027, 3, 1)
    again = import_sources(
        [folder], knowledge, knowledge / "imported", Wishes(("dishwasher",)), later
    )
    assert again.count("unchanged") == 3
    assert written == {file: file.stat().st_mtime_ns for file in written}

    text = "<p>This has been changed in the source, {} more than once.</p>"
    (folder / "door.html").write_text(page("The door", text.format("and")))
    edited = knowledge / "imported" / "lamp.md"
    edited.write_text(edited.read_text().replace("All that", "Everything"))
    (folder / "lamp.html").write_text(page("The lamp", text.format("though not")))
    (knowledge / "imported" / "salt.md").rename(knowledge / "salt-elsewhere.md")
    report = run(folder)

    assert {one.id: one.state for s in report.sources for one in s.articles} == {
        "door": "updated",
        "lamp": "edited here, left alone",
        "salt": "moved, left alone",
    }
    assert "Everything" in edited.read_text()
    assert "and more than once" in read(knowledge)["door"].sections[0].text
    (knowledge / "salt-elsewhere.md").unlink()
    assert run(folder).count("deleted here, left out") == 1
    assert not (knowledge / "imported" / "salt.md").exists()


def test_what_left_its_source_is_told_and_removed_on_demand(
    run: Import, knowledge: Path, tmp_path: Path
) -> None:
    """Not what was edited, not what other articles link to, and not when the source was unread."""
    file = tmp_path / "faq.csv"
    rows = [f"{n},Is {n} heavy?,The {n} weighs about as much as you would think it does." for n in
            ("door", "pump", "lamp", "tub")]  # fmt: skip
    file.write_text("\n".join(["id,title,body", *rows]))
    run(file)
    file.write_bytes(b"id,title,body\n\0")
    assert run(file, prune=True).gone == {}

    imported = knowledge / "imported"
    (imported / "pump.md").write_text((imported / "pump.md").read_text() + "Lift it by two.\n")
    (knowledge / "delivery.md").write_text(
        (knowledge / "delivery.md").read_text() + "\nThe lamp comes apart: [weight](lamp).\n"
    )
    file.write_text("\n".join(["id,title,body", rows[3]]))
    assert run(file).gone.keys() == {"door.md", "pump.md", "lamp.md"}
    report = run(file, prune=True)

    assert report.gone["door.md"] == "removed"
    assert report.gone["pump.md"] == "edited here, left alone"
    assert "there is no article `lamp`" in report.gone["lamp.md"]
    assert read(knowledge).keys() == {"delivery", "pump", "lamp", "tub"}
    assert run(file, prune=True).gone.keys() == {"pump.md", "lamp.md"}


def test_what_the_loader_would_refuse_is_not_written(
    run: Import, knowledge: Path, write: Write, tmp_path: Path
) -> None:
    """An article against the shop's own policy is held back with the loader's reason."""
    write("returns", "You have 30 days to send it back.\n", title="Returns", kind="policy",
          products=["all"], states={"return_window_days": 30})  # fmt: skip
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "back.html").write_text(
        page("Sending back", "<p>You can send a product back within 90 days of its delivery.</p>")
    )
    (folder / "parcel.html").write_text(
        page("Delivery", "<p>A parcel is brought to your door by a person in the morning.</p>")
    )
    own = (knowledge / "delivery.md").read_text()
    (folder / "own.md").write_text(own.replace("id: delivery", "id: own") + "\n[gone](no-such)\n")
    report = run(folder)

    states = {one.id: one for source in report.sources for one in source.articles}
    assert states["back"].state == states["own"].state == "refused"
    assert "return_window_days" in states["back"].why
    assert read(knowledge)["parcel"].title == "Delivery (parcel)"
    assert "imported" not in states["back"].why or "/import-" not in states["back"].why


def test_an_archive_is_read_and_a_dangerous_one_is_not(
    run: Import, knowledge: Path, tmp_path: Path
) -> None:
    text = page("The hinge", "<p>The hinge is greased once a year with a drop of oil.</p>")
    good, sly, bomb, nested, locked = (
        tmp_path / f"{name}.zip" for name in ("good", "sly", "bomb", "nested", "locked")
    )
    with zipfile.ZipFile(good, "w") as archive:
        archive.writestr("help/hinge.html", text)
        archive.writestr("__MACOSX/help/._hinge.html", "junk")
    with zipfile.ZipFile(sly, "w") as archive:
        archive.writestr("../../sly.html", text)
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.html", b"0" * (40 << 20))
    with zipfile.ZipFile(nested, "w") as archive:
        archive.write(good, "good.zip")
    with zipfile.ZipFile(locked, "w") as archive:
        archive.writestr("locked.html", text)
    content = bytearray(locked.read_bytes())
    content[6] |= 1  # the flags of the entry, and those of its copy in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    locked.write_bytes(content)
    broken = tmp_path / "broken.zip"
    broken.write_bytes(good.read_bytes()[:150])
    report = run(good, sly, bomb, nested, locked, broken)

    refused = {source.source: source.refused for source in report.sources if source.refused}
    assert read(knowledge)["hinge"].title == "The hinge"
    assert "outside itself" in refused["sly.zip"]
    assert "would unpack" in refused["bomb.zip"]
    assert "archive in an archive" in refused["nested.zip/good.zip"]
    assert "is encrypted" in refused["locked.zip"]
    assert "damaged" in refused["broken.zip"]
    assert not list(tmp_path.parent.rglob("sly.html"))


def test_files_that_cannot_be_read_are_refused_one_by_one(
    run: Import, knowledge: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    manual(folder / "locked.pdf", 4, encrypt=StandardEncryption("secret"))
    scan = Canvas(str(folder / "scan.pdf"), pagesize=A4)
    scan.rect(10, 10, 100, 100, fill=1)
    scan.save()
    (folder / "torn.pdf").write_bytes((folder / "scan.pdf").read_bytes()[:300])
    (folder / "noise.pdf").write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 100)
    (folder / "many.html").write_text("<p>a<b>x</b>" * 350_000)
    (folder / "deep.html").write_text("<div>" * 100_000 + "deep")
    (folder / "nul.csv").write_bytes(b"title,body\na,\0\n")
    (folder / "columns.csv").write_text("a,b\n1,2\n")
    with zipfile.ZipFile(folder / "bomb.docx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"<a>" + b" " * (40 << 20) + b"</a>")
    (folder / "broken.docx").write_bytes(b"PK\x03\x04nothing")
    (folder / "void.md").write_bytes(b"")
    (folder / "fine.md").write_text("# Fine\n\nThis one has nothing wrong with it at all.\n")
    report = run(folder)

    refused = {Path(s.source).name: s.refused for s in report.sources if s.refused}
    assert "is encrypted" in refused["locked.pdf"]
    assert "it is a scan" in refused["scan.pdf"]
    assert "sound PDF" in refused["torn.pdf"] or "no text" in refused["torn.pdf"]
    assert refused["noise.pdf"]
    assert "tags" in refused["many.html"]
    assert "inside one another" in refused["deep.html"]
    assert "NUL" in refused["nul.csv"]
    assert "name them `title` and `body`" in refused["columns.csv"]
    assert "would unpack" in refused["bomb.docx"]
    assert "not an archive" in refused["broken.docx"]
    assert "empty" in refused["void.md"]
    assert read(knowledge).keys() == {"delivery", "fine"}


def test_a_file_that_takes_too_long_does_not_stop_the_others(tmp_path: Path) -> None:
    slow = manual(tmp_path / "slow.pdf", 40)
    quick = tmp_path / "quick.md"
    quick.write_text("# Quick\n\nRead in no time.\n")
    with Converter(seconds=0.01) as converter, pytest.raises(ImportRefused, match="within 0 sec"):
        converter.convert(slow)
    with Converter() as converter:
        assert converter.convert(quick).documents[0].blocks[1].text == "Read in no time."


def test_the_command(knowledge: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "hinge.md"
    file.write_text("# The hinge\n\nThe hinge is greased once a year with a drop of oil.\n")
    command = ["--knowledge", str(knowledge), "import", str(file), "--product"]

    assert main([*command, "dishwasher", "--owner", "team", "--review-by", "2999-06-01"]) == 0
    assert "hinge.md: 1 article, 1 section, 12 words; 1 new" in capsys.readouterr().out
    front = yaml.safe_load((knowledge / "imported" / "hinge.md").read_text().split("---")[1])
    assert front == {
        "id": "hinge",
        "title": "The hinge",
        "kind": "how-to",
        "products": ["dishwasher"],
        "audience": "customer",
        "owner": "team",
        "review_by": date(2999, 6, 1),
    }
    assert json.loads((knowledge / "imported" / "imported.json").read_text())[0]["id"] == "hinge"
    assert main([*command, "toaster"]) == 1
    assert "use one of" in capsys.readouterr().err
    assert main([*command[:-1], str(tmp_path / "missing.pdf"), "--product", "all"]) == 1
    assert "NOT READ" in capsys.readouterr().out
