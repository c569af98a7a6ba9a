"""What the articles have for an agent: the five best with reasons, and those to look at."""

from collections.abc import AsyncIterator

import pytest_asyncio

from gateway.settings import Settings
from store import facts, feedback
from store.database import Database
from support.conversation import utcnow
from support.facts import FactStatus
from tests.gateway.articles import DRAIN, GOODWILL, SALT, ScriptedSearch, publish, result
from tests.gateway.conftest import Desk, Start, Visitor, signed_in, visiting

PUBLIC = "https://support.example"


@pytest_asyncio.fixture
async def url(start: Start, settings: Settings, search: ScriptedSearch) -> AsyncIterator[str]:
    """A gateway with articles and a search."""
    publish(settings.knowledge_folder)
    with start(public_url=PUBLIC, actions_port=search.port) as address:
        yield address


@pytest_asyncio.fixture
async def desk(url: str, database: Database) -> AsyncIterator[Desk]:
    """Mira, signed in there."""
    async with signed_in(url, database, "Mira") as one:
        yield one


@pytest_asyncio.fixture
async def customer(url: str) -> AsyncIterator[Visitor]:
    """A customer of that gateway, who has told their trouble and wants a person."""
    async with visiting(url) as one:
        await one.ask("there is water at the bottom of the machine after the programme")
        await one.ask("I want a person")
        yield one


def asked(conversation: str, question: str = "") -> tuple[str, dict[str, str]]:
    """The address of the suggestions, and its query."""
    return f"/console/conversations/{conversation}/articles", {"q": question}


async def test_the_problem_is_searched_for_the_agent(
    desk: Desk, customer: Visitor, search: ScriptedSearch, database: Database
) -> None:
    """The customer's words before any fact is known; then the fault and its product."""
    search.results = [result(DRAIN, "filter", words=["water"]), result(GOODWILL, "", 0.3)]
    path, _ = asked(customer.conversation)
    found = (await desk.http.get(path)).json()
    assert found["question"] == "there is water at the bottom of the machine after the programme"
    assert search.calls[-1] == {
        "question": found["question"], "product": None, "audience": "agent", "limit": 5,
    }  # fmt: skip
    first, second = found["results"]
    assert first["address"] == f"{PUBLIC}/help/{DRAIN.id}#filter"
    assert first["quote"] == "Rinse the filter. <b>Gently</b> & well."
    assert (first["score"], first["words"]) == (0.9, ["water"])
    assert first["matched"] == "The dishwasher does not drain: Clean the filter"
    assert second["audience"] == "agent"
    assert second["address"] is second["url"] is None  # nothing to send to a customer

    async with database.begin() as tx:
        for name, value in {"symptom": "standing water", "product_type": "dishwasher"}.items():
            await facts.note(
                tx, customer.conversation, name, value, FactStatus.CUSTOMER_SAYS, "m", utcnow()
            )
    assert (await desk.http.get(path)).json()["question"] == "standing water"
    assert search.calls[-1]["product"] == "dishwasher"


async def test_an_agent_may_ask_something_else(
    desk: Desk, customer: Visitor, search: ScriptedSearch
) -> None:
    search.results = [result(SALT, "fill"), result(SALT, "fill") | {"article_id": "not-here-yet"}]
    path, query = asked(customer.conversation, "where does the salt go")
    found = (await desk.http.get(path, params=query)).json()
    assert search.calls[-1]["question"] == found["question"] == "where does the salt go"
    assert [one["article"] for one in found["results"]] == [SALT.id]
    too_long = await desk.http.get(path, params={"q": "x" * 501})
    assert too_long.status_code == 422


async def test_before_the_first_word_nothing_is_asked(
    desk: Desk, url: str, search: ScriptedSearch
) -> None:
    async with visiting(url) as silent:
        path, _ = asked(silent.conversation)
        answer = (await desk.http.get(path)).json()
    assert answer == {"question": "", "product": None, "results": []}
    assert search.calls == []


async def test_without_a_search_the_agent_is_told(
    desk: Desk, customer: Visitor, search: ScriptedSearch
) -> None:
    """And everything else of the conversation works."""
    search.die()
    path, query = asked(customer.conversation, "salt")
    refused = await desk.http.get(path, params=query)
    assert refused.status_code == 503
    assert "The search of the articles did not answer" in refused.json()["error"]["message"]
    assert (await desk.open(customer.conversation))["messages"]
    assert (await desk.http.get(asked("nobody")[0])).status_code == 404


async def test_articles_to_look_at_are_listed(
    desk: Desk, database: Database, start: Start, settings: Settings
) -> None:
    """Worst first, and what is due for review; without verdicts there is nothing."""
    address = "/console/articles-to-look-at"
    assert (await desk.http.get(address)).json()["findings"] == []
    async with database.begin() as tx:
        for number in range(30):
            await feedback.add_for_page(
                tx, DRAIN.id, DRAIN.version, number < 3, f"{number}", utcnow()
            )
            await feedback.add_for_page(tx, SALT.id, "00000000", False, f"s{number}", utcnow())
    listed = (await desk.http.get(address)).json()
    [finding] = listed["findings"]
    assert finding == {
        "article": DRAIN.id, "title": DRAIN.title, "owner": "kitchen-team", "section_title": "",
        "is_step": False, "helped": 3, "did_not_help": 27, "bound": finding["bound"],
        "url": f"/help/{DRAIN.id}",
    }  # fmt: skip
    assert 0.7 < finding["bound"] < 0.9
    near = GOODWILL.review_by

    with start(lambda: utcnow().replace(year=2026, month=11, day=22)) as url:
        async with signed_in(url, database, "Jan") as jan:
            due = (await jan.http.get(address)).json()["due"]
    assert due == [
        {"article": GOODWILL.id, "title": GOODWILL.title, "owner": "kitchen-team",
         "until": near.isoformat()}
    ]  # fmt: skip
