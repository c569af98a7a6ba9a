"""Questions: quoted answers, a choice of titles, or an honest "I don't have that"."""

import asyncio
from typing import Any

from actions.base import SupportAction
from actions.policies import Products
from actions.turn import TALK_TO_A_PERSON, Turn
from retrieval.articles import Article, Step
from retrieval.decision import Abstention, Answer, Clarify, Source
from store import ledger as ledger_store
from support.conversation import Kind
from support.handoff import Trigger
from support.procedure import LedgerEntry, Outcome
from support.reply import Button, Citation, Extras

Result = Answer | Clarify | Abstention

STEP_BUTTONS = (
    Button("It works now", "/problem_solved"),
    Button("Still the same", "/problem_not_solved"),
    Button("I can't do this", "/cannot_do_step"),
    TALK_TO_A_PERSON,
)


class Answering(SupportAction):
    """An action that can ask the articles."""

    counts = frozenset({"abstentions"})

    async def answer(
        self, question: str, product: str | None, previous: str | None = None
    ) -> Result:
        """What the articles say; the encoder works in a thread."""
        return await asyncio.to_thread(
            self.tools.knowledge.answer,
            question,
            self._with_articles(product),
            previous=previous,
        )

    def product(self, turn: Turn) -> str | None:
        """The product in question: the one named in this message, else the one known."""
        model = turn.entity("product_model")
        named = turn.entity("product_type") or (
            self.tools.policies.products.models.get(model.upper()) if model else None
        )
        return named or turn.fact("product_type")

    def _with_articles(self, product: str | None) -> str | None:
        return product if product in self.tools.policies.products.names else None

    async def respond(self, turn: Turn, result: Result, question: str) -> None:
        """Say what the articles gave: the quoted answer, a choice, or that there is none."""
        if isinstance(result, Answer):
            if result.source.kind == "hazard":
                self.hazard(turn, result.source)
                return
            turn.set("abstentions", 0)
            turn.quote(
                result.source.quote,
                extras=Extras(Kind.ANSWER, [_citation(result.source, result.probability)]),
            )
            await self._after_answer(turn, result.source.article_id, result.source.anchor)
        elif isinstance(result, Clarify) and result.reason == "which_product":
            turn.ask("which_product", question=question)
            turn.say("utter_which_product", buttons=product_buttons(self.tools.policies.products))
        elif isinstance(result, Clarify):
            turn.ask("titles", question=question)
            turn.say("utter_which_title", buttons=[
                *(Button(_label(s), f'/inform{{"choice": "{s.article_id}#{s.anchor}"}}')
                  for s in result.sources),
                Button("Neither of these", "/deny"),
            ])  # fmt: skip
        else:
            turn.ask("nothing_found", question=question)
            await self.nothing_found(turn, result.sources)

    async def nothing_found(self, turn: Turn, considered: tuple[Source, ...]) -> None:
        """No article answers: ask for other words once, then bring a person."""
        count = int(turn.slots.get("abstentions") or 0) + 1
        turn.set("abstentions", count)
        if count >= self.tools.policies.dialogue.abstentions_before_person:
            turn.say("utter_no_answer_again")
            nearest = "; ".join(dict.fromkeys(s.title for s in considered[:3]))
            turn.hand_over(
                Trigger.NO_ANSWER,
                f"{count} questions running have no answer in the articles."
                + (f" Nearest: {nearest}."[:120] if nearest else ""),
            )
            return
        turn.say("utter_no_answer", buttons=(TALK_TO_A_PERSON,))
        await self.back_to_step(turn)

    def show_section(self, turn: Turn, choice: str) -> bool:
        """Quote the section that was chosen by `article#anchor`; False if there is none."""
        article_id, _, anchor = choice.partition("#")
        article = self.tools.knowledge.article(article_id)
        section = article.section(anchor) if article is not None else None
        if article is None or section is None or article.audience != "customer":
            return False
        turn.set("abstentions", 0)
        turn.quote(section.text, extras=Extras(Kind.ANSWER, [cite(article, section)]))
        return True

    async def chosen(self, turn: Turn, choice: str) -> None:
        """What follows when a title was chosen."""
        if self.show_section(turn, choice):
            article_id, _, anchor = choice.partition("#")
            await self._after_answer(turn, article_id, anchor)
        else:
            await self.nothing_found(turn, ())

    def hazard(self, turn: Turn, source: Source) -> None:
        """The best match is about danger: say what it says, and bring a person at once."""
        article = self.tools.knowledge.article(source.article_id)
        first = [s for s in article.sections if s.anchor][:1] if article is not None else []
        if article is not None and first:
            turn.quote(first[0].text, extras=Extras(Kind.ANSWER, [cite(article, first[0])]))
        else:
            turn.quote(source.quote, extras=Extras(Kind.ANSWER, [_citation(source, None)]))
        turn.hand_over(
            Trigger.HAZARD, f"The message fits the safety article: {source.title}.", incident=True
        )

    async def shown_step(self, turn: Turn) -> LedgerEntry | None:
        """The step that was proposed last, if nothing was heard of it yet."""
        entries = await ledger_store.entries(turn.tx, turn.conversation)
        last = entries[-1] if entries else None
        return last if last is not None and last.outcome is Outcome.SHOWN else None

    async def back_to_step(self, turn: Turn) -> bool:
        """Lead back to the step that was interrupted, unless a form is active."""
        shown = None if turn.loop is not None else await self.shown_step(turn)
        if shown is None:
            return False
        turn.say("utter_back_to_step", title=shown.title, buttons=self.buttons_of(shown))
        return True

    def buttons_of(self, shown: LedgerEntry) -> list[Button]:
        """What may be pressed under a step: the answers to its question, then the usual ones."""
        step = self.step_of(shown)
        branches = step.branches if step is not None else ()
        return [
            *(Button(b.label[:1].upper() + b.label[1:], f'/inform{{"choice": "{b.target}"}}')
              for b in branches),
            *(STEP_BUTTONS if not branches else (STEP_BUTTONS[0], *STEP_BUTTONS[2:])),
        ]  # fmt: skip

    def step_of(self, entry: LedgerEntry) -> Step | None:
        """The step of the article that a ledger entry is about, if it is still there."""
        article = self.tools.knowledge.article(entry.article)
        section = article.section(entry.step) if article is not None else None
        return section if isinstance(section, Step) else None

    async def _after_answer(self, turn: Turn, article: str, section: str) -> None:
        if turn.loop is not None or await self.back_to_step(turn):
            return
        read = self.tools.knowledge.article(article)
        version = read.version if read is not None else None
        turn.ask("answer", article=article, section=section, version=version)
        turn.say("utter_did_this_answer", buttons=(Button("Yes", "/affirm"), Button("No", "/deny")))


class AnswerQuestion(Answering):
    """A how-to, product or policy question."""

    action_name = "action_answer_question"
    consults = True

    async def consult(self, turn: Turn) -> None:
        if turn.text:
            turn.found = await self.answer(turn.text, self.product(turn), turn.previous)

    async def act(self, turn: Turn) -> None:
        if turn.found is None:
            turn.say("utter_ask_your_question")
        elif turn.loop is None and self._answered_before(turn):
            turn.hand_over(
                Trigger.REPEATED_QUESTION, "The same question came again after it was answered."
            )
        elif not isinstance(turn.found, Answer) and self._is_elsewhere(turn):
            name = self.tools.policies.products.name(self.product(turn) or "")
            turn.say("utter_no_articles_for_product", product=name, buttons=(TALK_TO_A_PERSON,))
        else:
            await self.respond(turn, turn.found, turn.text)

    def _answered_before(self, turn: Turn) -> bool:
        """Whether the same words were answered with the same quotation a short while ago."""
        return (
            isinstance(turn.found, Answer)
            and turn.asked_before()
            and any(turn.found.source.quote in text for text in turn.heard)
        )

    def _is_elsewhere(self, turn: Turn) -> bool:
        product = self.product(turn)
        return product is not None and product not in self.tools.policies.products.names


def product_buttons(products: Products) -> list[Button]:
    """One button for each product that the shop sells."""
    return [
        Button(name[:1].upper() + name[1:], f'/inform{{"product_type": "{product}"}}')
        for product, name in products.names.items()
    ]


def cite(article: Article, section: Any) -> Citation:
    """Where a section is quoted from."""
    return Citation(article.id, article.title, section.anchor, section.title, article.version)


def _citation(source: Source, probability: float | None) -> Citation:
    return Citation(
        source.article_id, source.title, source.anchor, source.section_title, source.version,
        score=None if probability is None else round(probability, 3),
    )  # fmt: skip


def _label(source: Source) -> str:
    return f"{source.title}: {source.section_title}" if source.section_title else source.title
