"""
The console's files keep what its strict content policy and its safety rest on.

What customers wrote is shown to signed-in agents, so nothing in these files may turn text into
markup, load anything from elsewhere, or need an inline script or style.
"""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

CONSOLE = Path(__file__).parents[2] / "web" / "console"
ASSETS = "/console/assets/"
SCRIPTS = sorted(CONSOLE.glob("*.js"))
STYLES = sorted(CONSOLE.glob("*.css"))
LONGEST_FILE_LINES = 400

MARKUP_FROM_TEXT = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|setHTML|parseHTML|DOMParser|srcdoc"
    r"|createContextualFragment|document\.write|javascript:"
)
CODE_FROM_TEXT = re.compile(
    r"\beval\s*\(|new Function|import\s*\(|set(?:Timeout|Interval)\(\s*['\"`]"
)
FOREIGN_ADDRESS = re.compile(r"(?:https?|wss?|ftp):/|['\"(\s]//[a-z0-9]", re.IGNORECASE)
INLINE_STYLE = re.compile(r"\.style\b|cssText|setAttribute\(\s*['\"]style|adoptedStyleSheets")
COMMENT_LINE = re.compile(r"^\s*(?://|/?\*).*$", re.MULTILINE)


class Page(HTMLParser):
    """Elements of index.html: (tag, attributes), and the text inside script and style."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the element."""
        self.elements.append((tag, dict(attrs)))
        self._within = tag

    def handle_endtag(self, tag: str) -> None:
        """Leave it."""
        self._within = ""

    def handle_data(self, data: str) -> None:
        """Keep what a browser would run or apply."""
        if self._within in ("script", "style") and data.strip():
            self.inline.append(data)


@pytest.fixture(scope="module")
def page() -> Page:
    """index.html, parsed."""
    parsed = Page()
    parsed.feed((CONSOLE / "index.html").read_text(encoding="utf-8"))
    return parsed


def code(script: Path) -> str:
    """A script without its comment lines, in which any word may be said."""
    return COMMENT_LINE.sub("", script.read_text(encoding="utf-8"))


def test_the_console_is_there() -> None:
    """The checks below run over what a glob finds; an empty folder must not pass them."""
    assert {path.name for path in SCRIPTS} >= {"console.js", "api.js", "packet.js", "transcript.js"}
    assert STYLES


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_text_never_becomes_markup_or_code(script: Path) -> None:
    """A customer's message runs with an agent's session if it is ever parsed as HTML."""
    assert not MARKUP_FROM_TEXT.findall(code(script))
    assert not CODE_FROM_TEXT.findall(code(script))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_set_no_inline_style(script: Path) -> None:
    """`style-src 'self'` refuses style attributes, in the middle of somebody's work."""
    assert not INLINE_STYLE.findall(code(script))


@pytest.mark.parametrize("path", [*SCRIPTS, *STYLES, CONSOLE / "index.html"], ids=lambda p: p.name)
def test_nothing_is_fetched_from_elsewhere(path: Path) -> None:
    """The console works offline and tells no third party who is being helped."""
    text = code(path) if path.suffix == ".js" else path.read_text(encoding="utf-8")
    assert not FOREIGN_ADDRESS.findall(text)
    if path.suffix == ".css":
        assert "@import" not in text
        assert "url(" not in text


def test_the_page_has_no_inline_script_or_style(page: Page) -> None:
    """The content policy would refuse them, and the page would be half a page."""
    assert page.inline == []
    for tag, attributes in page.elements:
        assert tag != "style"
        assert "style" not in attributes, (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert tag != "script" or attributes.get("type") == "module"


def test_the_page_loads_its_own_files_only(page: Page) -> None:
    """Each script and style sheet of the page exists and comes from the console's assets."""
    loaded = [a["src"] for tag, a in page.elements if tag == "script"]
    loaded += [
        a["href"] for tag, a in page.elements if tag == "link" and a.get("rel") == "stylesheet"
    ]
    assert loaded
    for address in loaded:
        assert address is not None
        assert address.startswith(ASSETS)
        assert (CONSOLE / address.removeprefix(ASSETS)).is_file(), address


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_imports_resolve(script: Path) -> None:
    """There is no build step to notice a module that is missing or a name it does not export."""
    for names, module in re.findall(r"import \{([^}]*)\} from '([^']+)'", code(script)):
        assert module.startswith("./")
        target = code(CONSOLE / module)
        for name in names.split(","):
            assert re.search(
                rf"export (?:async )?(?:class|function|const) {name.strip()}\b", target
            ), f"{module} does not export {name.strip()}"


def test_elements_that_scripts_look_up_exist(page: Page) -> None:
    """`byId` throws on an unknown id, and only when that part of the page is used."""
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids)), "an id is used twice"
    asked = {
        name
        for script in SCRIPTS
        for name in re.findall(r"(?:byId|new FormDialog)\('([^']+)'\)", code(script))
    }
    assert asked
    assert asked <= set(ids), asked - set(ids)


def test_every_field_has_a_label(page: Page) -> None:
    """A field without a name is silence to a screen reader."""
    labelled = {a.get("for") for tag, a in page.elements if tag == "label"}
    for tag, attributes in page.elements:
        if tag == "textarea" or attributes.get("type") in ("email", "password"):
            assert attributes["id"] in labelled, attributes


def test_only_the_api_module_talks_to_the_server() -> None:
    """One place adds the header without which the gateway refuses to change anything."""
    callers = {
        path.name for path in SCRIPTS if re.search(r"(?<!#)\bfetch\(|XMLHttpRequest", code(path))
    }
    assert callers == {"api.js"}
    assert "'X-Aftercare'" in code(CONSOLE / "api.js")
    assert [path.name for path in SCRIPTS if "new WebSocket(" in code(path)] == ["live.js"]


def test_links_lead_to_help_pages_only() -> None:
    """Addresses come from stored messages: one function decides which may be followed."""
    setters = {path.name for path in SCRIPTS if re.search(r"\.href\s*=[^=]", code(path))}
    assert setters == {"dom.js"}
    assert "startsWith('/help/')" in code(CONSOLE / "dom.js")


@pytest.mark.parametrize("path", [*SCRIPTS, *STYLES], ids=lambda path: path.name)
def test_files_stay_readable(path: Path) -> None:
    """A file that cannot be read in one sitting hides its faults."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE_LINES
