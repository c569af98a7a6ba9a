"""The pages: ours alone, under a strict policy, and each one there."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests.gateway.conftest import Start

WEB = Path(__file__).parents[2] / "web"
PAGES = ("/", "/widget/frame", "/console", "/docs", "/help")


class Links(HTMLParser):
    """The addresses a page loads from, and what it has inline."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._inside = tag if tag in ("script", "style") and "src" not in given else ""
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        # A page names its own address as the canonical one; nothing is loaded from there.
        if tag != "a" and given.get("rel") != "canonical":
            self.loaded += [given[n] or "" for n in ("src", "href", "action") if n in given]

    def handle_data(self, data: str) -> None:
        if self._inside and data.strip():
            self.inline.append(f"<{self._inside}>")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_loads_nothing_foreign_and_nothing_inline(gateway: str, path: str) -> None:
    """No request leaves the shop's own server, and no injected script would run."""
    async with httpx.AsyncClient(base_url=gateway, trust_env=False) as http:
        page = await http.get(path)
        assert page.status_code == 200
        assert page.headers["Content-Type"].startswith("text/html")
        links = Links(page.text)
        assert links.inline == []
        for address in links.loaded:
            if not address.startswith("data:"):
                whole = urljoin(gateway + path, address.partition("#")[0])
                assert whole.startswith(gateway + "/"), address
                assert (await http.get(whole)).status_code == 200, address
        policy = dict(
            part.strip().split(" ", 1)
            for part in page.headers["Content-Security-Policy"].split(";")
            if part.strip()
        )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["base-uri"] == "'none'"
    assert "'unsafe-eval'" not in str(policy)
    assert policy["style-src"] == ("'self' 'unsafe-inline'" if path == "/docs" else "'self'")
    assert policy["frame-ancestors"] == ("'self'" if path == "/widget/frame" else "'none'")


async def test_only_the_named_shops_may_frame_the_widget(start: Start) -> None:
    """And they may frame nothing else."""
    with start(widget_origins=("https://shop.example", "https://other.example")) as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            frame = (await http.get("/widget/frame")).headers["Content-Security-Policy"]
            console = (await http.get("/console")).headers["Content-Security-Policy"]
    assert frame.endswith("frame-ancestors 'self' https://shop.example https://other.example")
    assert console.endswith("frame-ancestors 'none'")


async def test_no_page_comes_without_its_policy(gateway: str) -> None:
    """As a bare file a page could be framed by anybody."""
    async with httpx.AsyncClient(base_url=gateway, trust_env=False) as http:
        for path in (
            "/widget/assets/frame.html",
            "/console/assets/index.html",
            "/shop/index.html",
            "/help/assets/layout.html",
            "/docs/assets/index.html",
        ):
            assert (await http.get(path)).status_code == 404, path
        for path in ("/widget/config", "/widget/assets/frame.js", "/openapi.json", "/health/live"):
            policy = (await http.get(path)).headers["Content-Security-Policy"]
            assert policy == "default-src 'none'; frame-ancestors 'none'", path


async def test_scripts_are_asked_for_again_by_their_tag(gateway: str) -> None:
    """A release reaches every page at once, and costs nothing when nothing changed."""
    async with httpx.AsyncClient(base_url=gateway, trust_env=False) as http:
        first = await http.get("/widget/assets/frame.js")
        assert first.headers["Cache-Control"] == "no-cache"
        again = {"If-None-Match": first.headers["ETag"]}
        assert (await http.get("/widget/assets/frame.js", headers=again)).status_code == 304
        loader = await http.get("/widget/loader.js")
    assert loader.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert len(loader.content) <= 3 * 1024


def test_no_file_of_ours_names_a_foreign_address() -> None:
    """Namespaces of SVG are names, not addresses."""
    found = [
        (path.relative_to(WEB), address)
        for path in WEB.rglob("*")
        if path.suffix in (".js", ".css", ".html")
        for address in re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z0-9.]+", path.read_text("utf-8"))
        if "www.w3.org" not in address and ".example" not in address
    ]
    assert found == []


async def test_the_api_page_lists_every_route(gateway: str) -> None:
    """Operators find what there is, with a sentence for each."""
    async with httpx.AsyncClient(base_url=gateway, trust_env=False) as http:
        paths = (await http.get("/openapi.json")).json()["paths"]
    conversation = "/console/conversations/{conversation}"
    assert {
        "/widget/config",
        "/widget/conversations",
        "/widget/messages",
        "/console/session",
        "/console/queue",
        "/console/bot-conversations",
        "/console/articles-to-look-at",
        conversation,
        "/health",
        "/health/live",
        "/metrics",
        *(
            f"{conversation}/{what}"
            for what in (
                "articles",
                "claim",
                "take",
                "messages",
                "notes",
                "return",
                "resolve",
                "typing",
            )
        ),
    } <= set(paths)
    assert all(route.get("description") for methods in paths.values() for route in methods.values())
