"""The first conversation, whole, in a real browser against the real three processes."""

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from benchmarks.installation import Installation
from tests.browser.conftest import ARTEFACTS, Shop

FAULT = "there is still water in my dishwasher after the program"


def violations(page: Page) -> list[str]:
    """What axe finds on a page and in its frames."""
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found]


def test_from_a_fault_to_an_agents_answer_and_back(
    shop: Shop, console: Page, installation: Installation
) -> None:
    """Steps with their source, no step twice, a handoff the agent sees at once, an answer, back."""
    # The engine's first sentence after a start is its slowest.
    first = shop.ask(FAULT)
    assert "Step 1" in first
    expect(
        shop.chat.get_by_role("link", name=re.compile("The dishwasher does not drain")).first
    ).to_have_attribute("href", re.compile(r"^/help/dishwasher-does-not-drain#"))
    shop.page.screenshot(path=ARTEFACTS / "widget-step.png")
    assert violations(shop.page) == []

    shop.press("Still the same")
    expect(shop.chat.get_by_text("Step 2", exact=True)).to_be_visible()
    shop.ask("still the same")
    expect(shop.chat.get_by_text("Step 3", exact=True)).to_be_visible()
    titles = shop.chat.locator("[data-kind=step] h2").all_inner_texts()
    assert len(titles) == len(set(titles)) == 3

    shop.say("still the same")
    expect(shop.chat.locator("[data-kind=handoff]")).to_be_visible()
    item = console.get_by_role("list", name="Conversations").get_by_role("button").first
    # Within a second is the promise, and `make bench` measures it; here it must not take longer
    # than a busy machine needs.
    expect(item).to_contain_text(re.compile("ishwasher"), timeout=3_000)
    reference = shop.chat.locator("[data-kind=handoff] .case strong").inner_text()
    expect(shop.chat.locator("#talking-with")).to_contain_text(reference)

    item.click()
    packet = console.get_by_role("region", name="Packet")
    for title in titles:
        expect(packet).to_contain_text(title)
    expect(packet).to_contain_text("did not help", ignore_case=True)
    transcript = console.get_by_role("log", name="Messages")
    expect(transcript).to_contain_text(FAULT)
    console.get_by_role("button", name="Claim").click()
    expect(console.get_by_role("button", name="Return to bot")).to_be_visible()
    console.screenshot(path=ARTEFACTS / "console-packet.png")
    assert violations(console) == []

    console.get_by_role("textbox", name="Reply to the customer").fill("Is the sink's siphon open?")
    console.get_by_role("button", name="Send to customer").click()
    expect(shop.chat.locator("[data-author=agent]").last).to_contain_text(
        "Is the sink's siphon open?"
    )
    expect(shop.chat.locator("#talking-with")).to_contain_text("Mira")
    shop.page.screenshot(path=ARTEFACTS / "widget-agent.png")

    said = shop.chat.locator("[data-author=bot]").count()
    shop.say("yes it is open")
    expect(transcript).to_contain_text("yes it is open")
    shop.page.wait_for_timeout(2_000)
    assert shop.chat.locator("[data-author=bot]").count() == said, "the bot has to be silent"

    console.get_by_role("button", name="Return to bot").click()
    dialog = console.get_by_role("dialog")
    dialog.get_by_label("Note for colleagues").fill("Siphon is open.")
    dialog.get_by_role("button", name="Return to bot").click()
    expect(shop.chat.locator("#talking-with")).to_contain_text("Automated assistant")
    answer = shop.ask("the water is still in there")
    assert "which product" not in answer.lower()
    shown = shop.chat.locator("[data-kind=step] h2").all_inner_texts()
    assert len(shown) == len(set(shown)), "a step was proposed twice"

    shop.press("Talk to a person")
    expect(shop.chat.locator("[data-kind=handoff]").nth(1)).to_be_visible()
    console.get_by_role("tab", name=re.compile("Unassigned")).click()
    console.get_by_role("list", name="Conversations").get_by_role("button").first.click()
    console.get_by_role("button", name="Claim").click()
    console.get_by_role("button", name="Resolve", exact=True).click()
    dialog = console.get_by_role("dialog", name="Resolve this conversation")
    dialog.get_by_role("radio", name="Needs a follow-up").check()
    dialog.get_by_role("button", name="Resolve").click()
    expect(shop.chat.get_by_text("Mira has closed this conversation")).to_be_visible()


def test_a_reload_loses_nothing(shop: Shop) -> None:
    """History, order and who is talking survive a reload."""
    shop.ask("how do i descale my coffee machine")
    before = shop.chat.locator("#log [data-author]").all_inner_texts()
    shop.page.reload()
    shop.open()
    expect(shop.chat.locator("#log [data-author]")).to_have_count(len(before))
    texts = [t.split("\n")[-2:] for t in shop.chat.locator("#log [data-author]").all_inner_texts()]
    assert texts == [t.split("\n")[-2:] for t in before]


def test_what_is_written_offline_arrives_once(shop: Shop, installation: Installation) -> None:
    """Unsent messages wait in the page and go out once."""
    shop.ask("hello")
    shop.page.context.set_offline(True)
    shop.say("is anybody there")
    shop.say("hello again")
    shop.page.wait_for_timeout(1_500)
    shop.page.context.set_offline(False)
    expect(shop.chat.locator("[data-author=bot]").last).to_be_visible()
    texts = ("is anybody there", "hello again")

    def stored() -> list[str]:
        rows = installation.rows("SELECT text FROM messages WHERE author = 'customer' ORDER BY at")
        return [text for (text,) in rows if text in texts]

    for _ in range(100):
        if len(stored()) == 2:
            break
        shop.page.wait_for_timeout(200)
    shop.page.wait_for_timeout(1_000)
    assert stored() == list(texts)
    shop.errors.clear()  # the browser reports each refused connection as an error


def test_hostile_words_stay_words(shop: Shop, console: Page) -> None:
    """Markup typed by a customer is text, in the widget and in the console."""
    hostile = '<img src=x onerror="document.title=1"><b>bold</b> I want to talk to a person'
    shop.ask(hostile)
    expect(shop.chat.locator("[data-author=customer] .text").last).to_have_text(hostile)
    console.get_by_role("list", name="Conversations").get_by_role("button").first.click()
    expect(console.get_by_role("log", name="Messages")).to_contain_text(hostile)
    assert console.locator("#log img").count() == 0
    assert console.title() != "1"


def test_pages_are_accessible_and_load_nothing_foreign(
    shop: Shop, console: Page, installation: Installation
) -> None:
    """axe finds nothing on the shop, the console's lists, the help pages and a small screen."""
    assert violations(shop.page) == []
    assert violations(console) == []
    page = shop.page.context.new_page()
    foreign: list[str] = []
    page.on(
        "request",
        lambda r: None if r.url.startswith((installation.url, "data:")) else foreign.append(r.url),
    )
    for path in ("/help", "/help/dishwasher-does-not-drain#filter", "/docs"):
        page.goto(installation.url + path)
        page.wait_for_load_state("networkidle")
        if path != "/docs":  # Swagger UI's own markup
            assert violations(page) == []
    assert foreign == []
    page.close()
    shop.page.set_viewport_size({"width": 320, "height": 640})
    shop.page.screenshot(path=ARTEFACTS / "widget-small.png")
    assert violations(shop.page) == []


def test_what_the_widget_weighs(context: object, installation: Installation) -> None:
    """The loader is at most 3 KB and all the widget loads at most 25 KB gzipped."""
    import gzip

    import httpx

    sizes: dict[str, int] = {}
    with httpx.Client(base_url=installation.url, trust_env=False) as http:
        loader = http.get("/widget/loader.js").content
        assert len(loader) <= 3 * 1024
        sizes["loader.js"] = len(gzip.compress(loader))
        frame = http.get("/widget/frame").content
        sizes["frame"] = len(gzip.compress(frame))
        for name in re.findall(rb'(?:href|src)="(assets/[^"]+)"', frame):
            asset = http.get("/widget/" + name.decode())
            assert asset.status_code == 200
            sizes[name.decode()] = len(gzip.compress(asset.content))
    assert sum(sizes.values()) <= 25 * 1024, sizes
