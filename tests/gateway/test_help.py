"""The help centre: every page works without JavaScript, and strangers' words stay words."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import httpx
import pytest
import sqlalchemy as sa

from gateway.settings import Settings
from store import feedback
from store.database import Database
from store.schema import page_verdicts
from support.feedback import Count
from tests.gateway.articles import (
    CONTACT,
    DRAIN,
    GOODWILL,
    SALT,
    ScriptedSearch,
    publish,
    result,
)
from tests.gateway.conftest import Start
from tests.neighbours import eventually

PUBLIC = "https://support.example"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}
DRAIN_PAGE = f"/help/{DRAIN.id}"


class Page(HTMLParser):
    """What a page holds: its text, links, ids and title."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: dict[str, str] = {}  # text -> address
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self._address: str | None = None
        self._text: list[str] = []
        self.feed(html)
        self.text = " ".join(" ".join(self._text).split())
        self.title = " ".join(re.findall(r"<title>(.*?)</title>", html))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.handlers += [name for name in given if name.startswith("on")]
        if "id" in given:
            self.ids.append(given["id"] or "")
        self._address = given.get("href") if tag == "a" else self._address

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._address = None

    def handle_data(self, data: str) -> None:
        self._text.append(data)
        if self._address is not None and data.strip():
            self.links[" ".join(data.split())] = self._address


@pytest.fixture
def shop(start: Start, settings: Settings, search: ScriptedSearch) -> Iterator[str]:
    """A gateway with articles and an action server that searches them."""
    publish(settings.knowledge_folder)
    with start(public_url=PUBLIC, actions_port=search.port) as url:
        yield url


@pytest.fixture
def http(shop: str) -> Iterator[httpx.Client]:
    """A browser without JavaScript."""
    with httpx.Client(base_url=shop, headers=BROWSER, trust_env=False) as client:
        yield client


def look(http: httpx.Client, address: str, status: int = 200) -> Page:
    response = http.get(address)
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"].startswith("text/html")
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    page = Page(response.text)
    assert len(page.ids) == len(set(page.ids))
    return page


def test_the_contents_go_by_product_and_kind(http: httpx.Client) -> None:
    """Customers look for their machine first; what is for agents is not there."""
    page = look(http, "/help")
    text = page.text[page.text.index(" Search Help ") :]  # behind the fields for searching
    order = ["Dishwashers", "Something does not work", DRAIN.title, "How to", SALT.title,
             "Every product", "Terms and service", CONTACT.title]  # fmt: skip
    places = [f"{text} ".index(f" {words} ") for words in order]
    assert places == sorted(places)
    assert page.links[DRAIN.title] == DRAIN_PAGE
    assert GOODWILL.title not in page.text
    assert page.title.startswith("Help")


def test_an_article_can_be_read_linked_and_followed(http: httpx.Client) -> None:
    response = http.get(DRAIN_PAGE)
    page = Page(response.text)
    assert page.title.startswith(DRAIN.title)
    assert f'<link rel="canonical" href="{PUBLIC}{DRAIN_PAGE}">' in response.text
    assert {"hum", "filter", "end", "main"} <= set(page.ids)
    for words in ("Step 1: Listen to the pump", "Step 2: Clean the filter", "Does the pump hum?",
                  "Valid until 1 June 2027", "Version 1a2b3c4d"):  # fmt: skip
        assert words in page.text, words
    assert "Step 3" not in page.text  # an end is no step
    assert page.links["step 2, Clean the filter"] == "#filter"
    assert page.links["If nothing helped"] == "#end"
    assert page.links["Skip to the content"] == "#main"
    assert page.links[SALT.title] == f"/help/{SALT.id}"  # related
    assert "b" not in page.tags  # markup in an article is text
    assert "<b>Gently</b>" in page.text
    for sheet in ("help.css", "print.css"):
        assert http.get(f"/help/assets/{sheet}").status_code == 200


@pytest.mark.parametrize("article", ["no-such-article", GOODWILL.id, "..", "%00", "a" * 500])
def test_what_is_not_there_leads_on(http: httpx.Client, article: str) -> None:
    """With a search, and in the one form of errors for programs. Agents' articles are not there."""
    if article != "..":
        page = look(http, f"/help/{article}", 404)
        assert "q" in page.ids
        assert page.links["All articles"] == "/help"
        assert GOODWILL.title not in page.text
    refused = http.get(f"/help/{article}x", headers={"Accept": "application/json"})
    assert refused.json()["error"]["code"] == "not_found"


def test_a_question_finds_quoted_sections(http: httpx.Client, search: ScriptedSearch) -> None:
    search.results = [result(DRAIN, "filter"), result(SALT, "fill", 0.4)]
    page = look(http, "/help?q=water+stays+in+it&product=dishwasher")

    assert search.calls == [
        {
            "question": "water stays in it",
            "product": "dishwasher",
            "audience": "customer",
            "limit": 10,
        }
    ]
    assert page.links[f"{DRAIN.title} › Clean the filter"] == f"{DRAIN_PAGE}#filter"
    assert "Pour in one kilogram with the funnel." in page.text
    assert page.text.index(DRAIN.title) < page.text.index(SALT.title)
    assert "reduced" not in page.text
    assert page.title.startswith("Results for “water stays in it”")


def test_nothing_found_offers_a_person(http: httpx.Client, search: ScriptedSearch) -> None:
    """Neither results that the index itself does not believe in."""
    search.results = [result(DRAIN, "filter", 0.01)]
    page = look(http, "/help?q=pizza")
    assert "No article fits these words" in page.text
    assert "I want to talk to a person" in page.text
    assert page.links[CONTACT.title] == f"/help/{CONTACT.id}"
    assert f"{DRAIN.title} ›" not in page.text


def test_what_is_not_for_customers_is_not_shown(http: httpx.Client, search: ScriptedSearch) -> None:
    """Whatever the action server answers: it may have another release than these pages."""
    search.results = [
        result(GOODWILL, ""),
        result(DRAIN, "filter") | {"anchor": "gone"},
        result(DRAIN, "filter") | {"article_id": "withdrawn"},
        result(SALT, "fill"),
    ]
    page = look(http, "/help?q=salt")
    assert "Vouchers" not in page.text
    assert f"{SALT.title} › Fill the container" in page.links
    assert "Clean the filter" not in page.text


@pytest.mark.parametrize(
    "answer",
    [
        (500, b"{}"),
        (400, b'{"error": {}}'),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"results": [{"article_id": 1}]}'),
        (200, b'{"results": [{"article_id": null, "probability": "x"}]}'),
        (200, b'{"results": 7}'),
    ],
)
def test_a_search_that_fails_falls_back_to_words(
    http: httpx.Client, search: ScriptedSearch, answer: tuple[int, bytes]
) -> None:
    search.answer = answer
    page = look(http, "/help?q=pour+salt+with+the+funnel")
    assert "The search is reduced" in page.text
    assert f"{SALT.title} › Fill the container" in page.links


def test_without_the_action_server_words_are_found(
    http: httpx.Client, search: ScriptedSearch
) -> None:
    """Titles, symptoms and texts; only of the product that was chosen."""
    search.die()
    page = look(http, "/help?q=standing+waters")
    assert "The search is reduced" in page.text
    assert page.links[DRAIN.title] == DRAIN_PAGE
    other = look(http, "/help?q=standing+waters&product=coffee_machine")
    assert DRAIN.title not in other.text
    assert "Vouchers" not in look(http, "/help?q=vouchers").text


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        '" autofocus onfocus="alert(1)',
        "{{ 7 * 7 }}",
        "</title><img src=x>",
        "a\x00\x1b[31m\u202eb",
        "javascript:alert(1)",
    ],
)
def test_hostile_words_stay_words(http: httpx.Client, search: ScriptedSearch, hostile: str) -> None:
    search.results = [result(SALT, "fill", quote=hostile, title=hostile)]
    response = http.get("/help", params={"q": hostile, "product": hostile})
    assert response.status_code == 200
    page = Page(response.text)
    assert page.tags.count("script") == 1  # the chat's
    assert "img" not in page.tags
    assert page.handlers == []
    assert "49" not in page.text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", search.calls[0]["question"])
    assert search.calls[0]["product"] is None


@pytest.mark.parametrize(("question", "status"), [("x" * 201, 413), ("\x00\x01", 400)])
def test_what_is_no_question_is_told_on_a_page(
    http: httpx.Client, search: ScriptedSearch, question: str, status: int
) -> None:
    response = http.get("/help", params={"q": question})
    assert response.status_code == status
    assert "Please try again" in Page(response.text).text
    assert question not in response.text
    assert search.calls == []


def test_searching_has_a_pace(start: Start, search: ScriptedSearch) -> None:
    with start(help_searches_per_minute=2, actions_port=search.port) as url:
        answers = [httpx.get(f"{url}/help?q=salt", trust_env=False) for _ in range(3)]
        assert httpx.get(f"{url}/help", trust_env=False).status_code == 200
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert int(answers[2].headers["Retry-After"]) >= 1
    assert "Too many attempts" in answers[2].text


def judge(
    http: httpx.Client, helped: str, version: str = "", browser: str = "a browser"
) -> httpx.Response:
    """Press a button under the article."""
    [shown] = re.findall(r'name="version" value="(\w+)"', http.get(DRAIN_PAGE).text)
    form = {"helped": helped, "version": version or shown}
    return http.post(f"{DRAIN_PAGE}/verdict", data=form, headers={"User-Agent": browser})


def send(http: httpx.Client, path: str, body: bytes, headers: dict[str, str]) -> int:
    """Post something else; the status."""
    return http.post(path, content=body, headers=headers).status_code


async def told(database: Database) -> list[Count]:
    async with database.read() as tx:
        return await feedback.counts(tx)


async def test_a_visitor_says_once_whether_a_page_helped(
    http: httpx.Client, database: Database
) -> None:
    """By a plain form; the same visitor again changes nothing, another one counts."""
    answer = judge(http, "no")
    assert (answer.status_code, answer.headers["Location"]) == (
        303, f"{DRAIN_PAGE}?told=no#verdict",
    )  # fmt: skip
    assert "set-cookie" not in answer.headers
    page = look(http, answer.headers["Location"])
    assert "Thank you" in page.text
    assert "I want to talk to a person" in page.text
    assert judge(http, "yes").status_code == 303
    assert await told(database) == [Count(DRAIN.id, "", DRAIN.version, 0, 1)]
    judge(http, "yes", browser="another browser")
    assert await told(database) == [Count(DRAIN.id, "", DRAIN.version, 1, 1)]


async def test_nothing_personal_is_kept(http: httpx.Client, database: Database) -> None:
    judge(http, "yes", browser="very special browser")
    async with database.read() as tx:
        [row] = (await tx.execute(sa.select(page_verdicts))).all()
    assert "special" not in str(row)
    assert "127.0.0.1" not in str(row)
    assert re.fullmatch("[0-9a-f]{64}", row.mark)


async def test_the_next_day_is_another_day(
    start: Start, settings: Settings, database: Database
) -> None:
    """And of the day before nobody can be told apart any more."""
    publish(settings.knowledge_folder)
    first = datetime(2026, 11, 22, 23, 50, tzinfo=UTC)
    for day in (first, first + timedelta(hours=1)):
        with start(lambda day=day: day) as url, httpx.Client(base_url=url, trust_env=False) as http:
            judge(http, "yes")
            judge(http, "yes")
    assert await told(database) == [Count(DRAIN.id, "", DRAIN.version, 2, 0)]

    async def forgotten() -> bool:
        async with database.read() as tx:
            marks = (await tx.execute(sa.select(page_verdicts.c.mark))).scalars().all()
        return marks.count(None) == 1

    await eventually(forgotten)


async def test_a_verdict_on_a_replaced_text_is_thanked_for_and_dropped(
    http: httpx.Client, database: Database
) -> None:
    assert judge(http, "no", version="00000000").status_code == 303
    assert await told(database) == []


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        (f"{DRAIN_PAGE}/verdict", b"helped=maybe&version=1a2b3c4d", {}, 400),
        (f"{DRAIN_PAGE}/verdict", b"", {}, 400),
        (f"{DRAIN_PAGE}/verdict", b"\xff\xfe", {}, 400),
        (f"{DRAIN_PAGE}/verdict", b"a&" * 500, {}, 400),
        (f"{DRAIN_PAGE}/verdict", b"a=1&" * 500, {}, 400),
        (f"{DRAIN_PAGE}/verdict", b"x" * 70_000, {}, 413),
        (f"/help/{GOODWILL.id}/verdict", b"helped=no&version=1a2b3c4d", {}, 404),
        (f"{DRAIN_PAGE}/verdict", b"helped=no&version=1a2b3c4d",
         {"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)  # fmt: skip
async def test_a_form_that_is_none_changes_nothing(
    http: httpx.Client, database: Database, path: str, body: bytes,
    headers: dict[str, str], status: int,
) -> None:  # fmt: skip
    assert send(http, path, body, headers) == status
    assert await told(database) == []


async def test_verdicts_have_a_pace(start: Start, settings: Settings, database: Database) -> None:
    """Or one machine with many names would sink an article."""
    publish(settings.knowledge_folder)
    with (
        start(page_verdicts_per_minute=2) as url,
        httpx.Client(base_url=url, headers=BROWSER, trust_env=False) as http,
    ):
        answers = [judge(http, "no", browser=str(n)).status_code for n in range(4)]
    assert answers == [303, 303, 429, 429]
    assert await told(database) == [Count(DRAIN.id, "", DRAIN.version, 0, 2)]
