"""The widget's promises that can be read off its files: small, ours alone, and text only."""

import gzip
import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"
WIDGET = WEB / "widget"
LOADER_BYTES = 3 * 1024
TOTAL_GZIPPED_BYTES = 25 * 1024

_IMPORT = re.compile(r"""\bfrom\s+'\./([\w.]+)'|\bimport\s+'\./([\w.]+)'""")
_ASSET = re.compile(r'(?:href|src)="assets/([\w.]+)"')


def files() -> list[Path]:
    """Everything a shop's visitor may download, hidden files and folders included."""
    return sorted(path for path in WIDGET.rglob("*") if path.is_file())


def each(*paths: Path) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.name)


def scripts() -> list[Path]:
    return [path for path in files() if path.suffix == ".js"]


def test_the_loader_is_three_kilobytes_before_compression() -> None:
    """Every page of a shop pays for it, also where nobody chats."""
    assert (WIDGET / "loader.js").stat().st_size <= LOADER_BYTES


def test_everything_together_is_within_the_budget() -> None:
    """Each file is compressed by itself, as it travels."""
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 6)) for path in files()}
    assert sum(sizes.values()) <= TOTAL_GZIPPED_BYTES, sizes


def test_the_page_reaches_every_file_and_no_other() -> None:
    """A forgotten file breaks the chat; an unused one is dead weight in the budget."""
    reached: set[str] = set()
    waiting = set(_ASSET.findall((WIDGET / "frame.html").read_text()))
    while waiting:
        name = waiting.pop()
        reached.add(name)
        imports = _IMPORT.findall((WIDGET / name).read_text())
        waiting |= {one or other for one, other in imports} - reached
    assert reached | {"frame.html", "loader.js"} == {path.name for path in files()}


def test_every_module_is_fetched_at_once() -> None:
    """Without its preload a module waits for the one that imports it."""
    page = (WIDGET / "frame.html").read_text()
    preloaded = set(re.findall(r'"modulepreload" href="assets/([\w.]+)"', page))
    entries = set(re.findall(r'<script type="module" src="assets/([\w.]+)"', page))
    assert preloaded | entries == {path.name for path in scripts()} - {"loader.js"}


@each(*scripts())
def test_text_never_becomes_markup_or_code(path: Path) -> None:
    """What a stranger wrote must not be able to run."""
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe|createContextualFragment"
        r"|document\.write|DOMParser|srcdoc|javascript:"
        r"|\beval\b|\bnew\s+Function\b|set(?:Timeout|Interval)\(\s*['\"`]"
    )
    assert re.findall(forbidden, path.read_text()) == []


@each(*files())
def test_nothing_foreign_is_named(path: Path) -> None:
    """No address with a host, so no request can leave for one."""
    assert re.findall(r"\b(?:https?|wss?)://[^\s'\"`)]*|['\"(]//\w", path.read_text()) == []


@each(*files())
def test_no_cookie(path: Path) -> None:
    """Neither read nor written, nor sent with a request (`credentials: 'omit'`)."""
    text = path.read_text()
    assert re.findall(r"document\.cookie|cookieStore|credentials: '(?!omit)", text) == []
    assert text.count("fetch(") == text.count("credentials: 'omit'")


@each(WIDGET / "frame.html", WEB / "shop" / "index.html")
def test_a_strict_policy_has_nothing_to_refuse(path: Path) -> None:
    """`script-src 'self'; style-src 'self'`: no inline script, style or handler."""
    page = path.read_text()
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page) == []


@each(*scripts())
def test_no_style_is_set_as_an_attribute(path: Path) -> None:
    """The policy refuses a style attribute or element, unlike `element.style` and built sheets."""
    forbidden = (
        r"setAttribute\(\s*['\"]style|\bstyle: ['\"`]|cssText"
        r"|createElement\(\s*['\"](?:style|script)|element\(\s*['\"](?:style|script)"
    )
    assert re.findall(forbidden, path.read_text()) == []


def test_the_shop_loads_the_widget_with_one_tag_and_nothing_foreign() -> None:
    """It is the example that shops copy. Only names of namespaces are written with a host."""
    page = (WEB / "shop" / "index.html").read_text()
    assert re.findall(r"<script[^>]*>", page) == ['<script src="/widget/loader.js" async>']
    for text in (page, (WEB / "shop" / "shop.css").read_text()):
        hosts = set(re.findall(r"https?://([\w.-]+)", text))
        assert hosts <= {"www.w3.org"}
        assert re.findall(r"@import|(?:href|src)=['\"]//|url\(", text) == []
