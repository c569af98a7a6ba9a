"""One step at a time, none twice, whatever is repeated."""

from datetime import timedelta
from pathlib import Path

from actions.base import Tools
from actions.knowledge import AnswerQuestion
from actions.troubleshooting import ProblemNotSolved, ReportFault
from retrieval.building import Sources, build
from retrieval.encoder import OnnxEncoder
from store import ledger
from tests.actions.rasa import NOW, Talk, conversation

DISHWASHER = {"product_type": "dishwasher"}


async def test_a_repeated_turn_shows_the_same_step(tools: Tools) -> None:
    """Rasa repeats a turn whose process was killed; the ledger must not move on twice."""
    talk = Talk(tools, await conversation(tools))
    first = await talk.call(ReportFault, "my dishwasher does not drain", "report_fault",
                            entities=DISHWASHER, message="m-1")  # fmt: skip
    assert first[-1]["custom"]["step"]["title"] == "Clean the filter"
    for _ in range(2):
        said = await talk.call(ProblemNotSolved, "still the same", "problem_not_solved",
                               message="m-2")  # fmt: skip
        assert said[-1]["custom"]["step"]["title"] == "Check the drain hose"
    async with tools.database.read() as tx:
        kept = await ledger.entries(tx, talk.id)
    assert [(e.step, e.outcome.value) for e in kept] == [
        ("filter", "did not help"), ("hose", "shown"),
    ]  # fmt: skip


async def test_out_of_steps_says_what_the_article_says_and_brings_a_person(tools: Tools) -> None:
    talk = Talk(tools, await conversation(tools))
    await talk.call(ReportFault, "my dishwasher does not drain", "report_fault",
                    entities=DISHWASHER)  # fmt: skip
    await talk.call(ProblemNotSolved, "no", "problem_not_solved")
    said = await talk.call(ProblemNotSolved, "no", "problem_not_solved")
    assert any("needs a technician" in one["text"] for one in said)
    assert said[-1]["custom"]["handoff"]["trigger"] == "out_of_steps"
    # The same turn again, after a kill: the person is asked for again, not forgotten.
    again = await talk.call(ProblemNotSolved, "no", "problem_not_solved",
                            message=talk.events[-5].get("message_id"))  # fmt: skip
    assert again


async def test_a_new_release_answers_without_a_restart(
    tools: Tools, articles: Path, index: Path, encoder: OnnxEncoder, tmp_path: Path
) -> None:
    talk = Talk(tools, await conversation(tools))
    question = "how do I add salt to the dishwasher"
    said = await talk.call(AnswerQuestion, question, "ask_how_to", entities=DISHWASHER)
    assert "one kilogram" in said[0]["text"]
    salt = articles / "salt.md"
    salt.write_text(salt.read_text().replace("one kilogram", "two kilograms"))
    build(Sources(articles, tmp_path / "none", tmp_path / "none"), index, encoder,
          NOW + timedelta(minutes=1))  # fmt: skip
    said = await talk.call(AnswerQuestion, question, "ask_how_to", entities=DISHWASHER)
    assert "two kilograms" in said[0]["text"]
    assert said[0]["custom"]["citations"][0]["section"] == "fill"
