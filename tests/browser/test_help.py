"""The help centre and the agents' suggestions in a real browser, searched by the real index."""

import re

from playwright.sync_api import Browser, Page, expect

from benchmarks.installation import Installation
from tests.browser.conftest import Shop
from tests.browser.test_first_conversation import violations

ARTICLE = "/help/dishwasher-does-not-drain"
FAULT = "there is still water in my dishwasher after the program"


def test_the_help_centre_is_accessible(browser: Browser, installation: Installation) -> None:
    """axe finds nothing on contents, results, an article, an empty search and a missing page."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    page = context.new_page()
    for path in (
        "/help",
        "/help?q=water+stays+in+the+dishwasher",
        "/help?q=zxcvb+qwert",
        ARTICLE,
        f"{ARTICLE}?told=no",
        "/help/no-such-article",
    ):
        page.goto(installation.url + path)
        page.wait_for_load_state("networkidle")
        assert violations(page) == [], path
    page.goto(installation.url + ARTICLE)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.set_viewport_size({"width": 320, "height": 640})
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.emulate_media(media="print")
    expect(page.get_by_role("search")).to_be_hidden()
    expect(page.get_by_role("heading", name=re.compile("^Step 1: "))).to_be_visible()
    context.close()


def test_without_javascript_all_of_it_works(browser: Browser, installation: Installation) -> None:
    """Search, links and the verdict are plain forms and pages."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{installation.url}/help")
    page.get_by_role("searchbox", name="Search the help").fill("water stays in the tub")
    page.get_by_role("combobox", name="Product").select_option(label="Dishwashers")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("water stays in the tub")
    expect(page.get_by_text("The search is reduced")).to_have_count(0)
    page.get_by_role("link", name=re.compile("^The dishwasher does not drain")).first.click()
    expect(page).to_have_url(re.compile(f"{ARTICLE}"))
    expect(page.get_by_role("navigation", name="Breadcrumb")).to_contain_text("Dishwashers")
    page.get_by_role("button", name="No, it did not").click()
    expect(page.get_by_role("status")).to_contain_text("Thank you")
    page.goto(installation.url + ARTICLE)
    page.get_by_role("button", name="Yes, it helped").click()  # the first one counts
    expect(page.get_by_role("status")).to_contain_text("Thank you")
    assert installation.rows("SELECT article, helped FROM page_verdicts") == [
        ("dishwasher-does-not-drain", 0)
    ]
    context.close()


def test_an_agent_inserts_a_suggestion(
    shop: Shop, console: Page, installation: Installation
) -> None:
    """The best articles for the problem, with reasons; one is quoted, another asked for."""
    shop.ask(FAULT)
    shop.ask("I want a human")
    reference = shop.chat.locator("[data-kind=handoff] .case strong").inner_text()
    waiting = console.get_by_role("list", name="Conversations").get_by_role("button")
    waiting.filter(has_text=reference).click()
    articles = console.get_by_role("region", name="Articles that may answer")
    first = articles.get_by_role("listitem").first
    expect(first).to_contain_text("The dishwasher does not drain")
    expect(first).to_contain_text("Words in common: ")
    expect(first).to_contain_text(re.compile(r"\d+ %"))
    console.get_by_role("button", name="Claim", exact=True).click()
    expect(console.get_by_role("button", name="Return to bot")).to_be_visible()
    assert violations(console) == []

    first.get_by_role("button", name=re.compile("^Insert into the reply")).focus()
    console.keyboard.press("Enter")
    reply = console.get_by_role("textbox", name="Reply to the customer")
    expect(reply).to_be_focused()
    expect(reply).to_have_value(
        re.compile(rf"^> .*\n[^\n]*: {re.escape(installation.url)}{ARTICLE}", re.DOTALL)
    )

    question = articles.get_by_role("searchbox", name="Ask the articles something else")
    question.fill("what has to be recorded after a hazard report")
    question.press("Enter")
    internal = articles.get_by_role("listitem").filter(has_text="For agents only").first
    expect(internal).to_contain_text("Answering a hazard report")
    internal.get_by_role("button", name=re.compile("^Insert into the note")).click()
    note = console.get_by_role("textbox", name="Internal note: the customer does not see it")
    expect(note).to_have_value(re.compile("^> "))

    console.get_by_role("link", name="Articles to look at").click()
    expect(console.get_by_role("heading", name="Articles to look at")).to_be_focused()
    expect(console.get_by_role("heading", name="Articles whose last day is near")).to_be_visible()
    assert violations(console) == []
    console.go_back()
    expect(note).to_be_visible()
