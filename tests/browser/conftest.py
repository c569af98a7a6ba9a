"""Chromium, and one installation for all of its tests. Screenshots are kept in tests/artefacts."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, expect, sync_playwright

from benchmarks.installation import Installation

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="package")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Gateway, Rasa and action server under their supervisor."""
    with Installation(tmp_path_factory.mktemp("browser") / "installation") as running:
        yield running


@pytest.fixture(scope="package")
def browser(installation: Installation) -> Iterator[Browser]:
    """The machine's own Chromium.

    Playwright keeps an event loop running: it starts after the installation, which needs one of
    its own for a moment, and ends with this folder's tests.
    """
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium is not None, "install chromium: apt-get install chromium"
    ARTEFACTS.mkdir(exist_ok=True)
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield launched
        launched.close()


class Shop:
    """The demo shop with the chat open, as a customer sees it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self._url = page, url
        self.foreign: list[str] = []
        self.errors: list[str] = []
        page.on("request", self._look)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console",
            lambda line: self.errors.append(line.text) if line.type == "error" else None,
        )
        page.goto(url)
        self.open()

    def open(self) -> None:
        """Press the chat button."""
        self.page.get_by_role("button", name=re.compile("^Chat with us")).click()
        expect(self.chat.get_by_role("textbox", name="Your message")).to_be_visible()

    @property
    def chat(self) -> FrameLocator:
        """What is inside the chat's frame."""
        return self.page.frame_locator("aftercare-chat iframe")

    def say(self, text: str) -> None:
        """Type and send."""
        box = self.chat.get_by_role("textbox", name="Your message")
        box.fill(text)
        box.press("Enter")
        expect(self.chat.locator("[data-author=customer]").last).to_contain_text(text)

    def ask(self, text: str) -> str:
        """Say something and wait for what comes back; all of it."""
        before = self.chat.locator("[data-author=bot]").count()
        self.say(text)
        expect(self.chat.locator("[data-author=bot]").nth(before)).to_be_visible()
        expect(self.chat.locator("#typing")).to_have_text("")
        said = self.chat.locator("[data-author=bot]").all_inner_texts()
        return "\n".join(said[before:])

    def press(self, title: str) -> None:
        """Press a quick reply."""
        replies = self.chat.get_by_role("region", name="Quick replies")
        replies.get_by_role("button", name=title, exact=True).click()

    def _look(self, request: object) -> None:
        address: str = request.url  # type: ignore[attr-defined]
        if not address.startswith((self._url, "data:", "blob:", self._url.replace("http", "ws"))):
            self.foreign.append(address)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of its own."""
    fresh = browser.new_context(viewport={"width": 1280, "height": 860})
    yield fresh
    fresh.close()


@pytest.fixture
def shop(context: BrowserContext, installation: Installation) -> Iterator[Shop]:
    """A customer on the demo shop; nothing foreign may be loaded, no script may fail."""
    opened = Shop(context.new_page(), installation.url)
    yield opened
    assert opened.foreign == []
    assert opened.errors == []


@pytest.fixture
def console(browser: Browser, installation: Installation) -> Iterator[Page]:
    """The console with Mira signed in, in a profile of its own."""
    fresh = browser.new_context(viewport={"width": 1440, "height": 900})
    page = fresh.new_page()
    page.goto(f"{installation.url}/console")
    page.get_by_label("Email").fill(installation.agent[0])
    page.get_by_label("Password").fill(installation.agent[1])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("tab", name=re.compile("Unassigned"))).to_be_visible()
    yield page
    fresh.close()
