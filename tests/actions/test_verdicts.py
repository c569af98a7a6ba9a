"""What customers said reaches the search, in the background and without stopping at a fault."""

import asyncio
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
import structlog

from actions.base import Tools
from actions.conversation import Affirm, Deny
from actions.knowledge import AnswerQuestion
from actions.verdicts import keep_taking_up, take_up
from retrieval.decision import Source
from store import feedback
from store.database import Database
from store.schema import feedback as table
from tests.actions.rasa import NOW, Talk, conversation
from tests.neighbours import eventually

QUESTION = "where do I pour in the dishwasher salt"


async def judged(tools: Tools, article: str, count: int, helped: bool = False) -> None:
    """So many visitors judged the page of the version that is served."""
    served = tools.knowledge.article(article)
    assert served is not None
    async with tools.database.begin() as tx:
        for number in range(count):
            mark = f"{article}-{helped}-{number}"
            await feedback.add_for_page(tx, article, served.version, helped, mark, NOW)


def best(tools: Tools) -> Source:
    """What the search finds first."""
    return tools.knowledge.find(QUESTION)[0]


async def test_a_page_that_helps_nobody_is_found_less_readily(tools: Tools) -> None:
    before = best(tools)
    assert before.article_id == "add-salt"
    await judged(tools, "add-salt", 7)
    await take_up(tools)
    assert best(tools).score == before.score  # seven may be chance
    await judged(tools, "add-salt", 200)
    await take_up(tools)
    after = next(s for s in tools.knowledge.find(QUESTION) if s.article_id == "add-salt")
    assert 0.1 < before.score - after.score <= tools.policies.feedback.most_penalty
    await judged(tools, "add-salt", 400, helped=True)
    await take_up(tools)
    assert best(tools).score == before.score


async def test_a_verdict_keeps_the_version_it_is_about(tools: Tools) -> None:
    """So that a better text does not inherit the verdicts on the one before."""
    for action in (Affirm, Deny):
        talk = Talk(tools, await conversation(tools))
        await talk.call(AnswerQuestion, QUESTION, "ask_how_to")
        assert talk.slots["open_question"]["kind"] == "answer"
        await talk.call(action, "yes" if action is Affirm else "no")
    async with tools.database.read() as tx:
        rows: list[Any] = list(await tx.execute(sa.select(table).order_by(table.c.id)))
    salt = tools.knowledge.article("add-salt")
    assert salt is not None
    assert [(r.article, r.helped, r.version) for r in rows] == [
        ("add-salt", True, salt.version),
        ("add-salt", False, salt.version),
    ]


async def test_a_store_that_fails_stops_nothing(tools: Tools, tmp_path: Any) -> None:
    """The next round reads what this one could not; the log names no words."""
    before = best(tools)
    empty = Database(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}")  # without tables
    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(keep_taking_up(replace(tools, database=empty), 0.01))

        async def twice() -> bool:
            return len(logs) >= 2

        await eventually(twice)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await empty.close()
    assert {one["event"] for one in logs} == {"verdicts not read"}
    assert best(tools).score == before.score
