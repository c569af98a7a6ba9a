"""Faults: the best procedure, one step at a time, never one twice."""

import asyncio
import re
from dataclasses import dataclass

from actions.base import Tools
from actions.forms import Question, ValidateForm
from actions.knowledge import Answering, Result, cite, product_buttons
from actions.turn import TALK_TO_A_PERSON, WHAT_I_DO, Turn
from retrieval.articles import Article
from retrieval.decision import Abstention, Answer, Clarify
from store import ledger as ledger_store
from support.conversation import Kind
from support.facts import FactStatus
from support.handoff import Trigger
from support.procedure import LedgerEntry, Outcome, Step, mentioned_steps, next_step, says_still
from support.reply import Extras, StepCard
from support.warranty import position, reason
from support.wishes import unwanted


@dataclass(frozen=True, slots=True)
class Found:
    """What the articles have for a fault."""

    symptom: str
    product: str | None
    procedure: Article | None
    result: Result
    inferred: bool = False  # the product follows from the symptom, nobody named it

    @property
    def useful(self) -> bool:
        """Whether there is anything to begin with."""
        return self.procedure is not None or not isinstance(self.result, Abstention)


class Guiding(Answering):
    """An action that can lead through a procedure."""

    async def fault(self, turn: Turn, symptom: str, product: str | None = None) -> Found:
        """What the articles have for a fault in the customer's words.

        Without a product the procedures of every product are looked at: if only one product has
        one that fits, it is that product's.
        """
        product = product or self.product(turn)
        sold = list(self.tools.policies.products.names)

        def look_up() -> Found:
            knowledge = self.tools.knowledge
            if product is not None:
                known = product if product in sold else None
                procedure = knowledge.procedure_for(symptom, product) if known else None
                return Found(symptom, product, procedure, knowledge.answer(symptom, known))
            fitting = {p: knowledge.procedure_for(symptom, p) for p in sold}
            fits = [p for p, article in fitting.items() if article is not None]
            result = knowledge.answer(symptom)
            if len(fits) == 1:
                return Found(symptom, fits[0], fitting[fits[0]], result, inferred=True)
            if len(fits) > 1 and isinstance(result, Answer):
                # "It is leaking" fits some article best, and several products all the same.
                result = Clarify(
                    result.probability, "which_product", result.sources[:2], result.release
                )
            return Found(symptom, None, None, result)

        return await asyncio.to_thread(look_up)

    async def begin(self, turn: Turn, found: Found) -> None:
        """Begin with what was found for a fault, or go on where the conversation was."""
        if isinstance(found.result, Answer) and found.result.source.kind == "hazard":
            self.hazard(turn, found.result.source)
            return
        if found.procedure is None:
            nearest = () if isinstance(found.result, Abstention) else found.result.sources
            vague = bool(nearest) and nearest[0].kind == "policy"
            if vague and turn.intent == "report_fault" and not turn.slots.get("abstentions"):
                # "It's broken": what the shop does about repairs is no answer to a fault.
                turn.set("abstentions", 1)
                await self.ask_for_fault(turn)
                return
            await self.respond(turn, found.result, found.symptom)
            return
        if found.inferred and found.product is not None:
            await turn.note("product_type", found.product, FactStatus.INFERRED)
        turn.set("abstentions", 0)
        entries = await ledger_store.entries(turn.tx, turn.conversation)
        tried = await self._note_already_tried(turn, found, entries)
        if await self.repeated_turn(turn) is not None:
            return
        shown = await self.shown_step(turn)
        if shown is not None and shown.article == found.procedure.id:
            if says_still(found.symptom):
                await self.decided(turn, Outcome.DID_NOT_HELP)
            else:
                await self.back_to_step(turn)
            return
        if tried:
            turn.say("utter_already_tried")
        await self.propose(turn, found.procedure)

    async def _note_already_tried(
        self, turn: Turn, found: Found, entries: list[LedgerEntry]
    ) -> bool:
        procedure, noted = found.procedure, False
        if procedure is None:
            return False
        met = {entry.step for entry in entries if entry.article == procedure.id}
        for anchor in mentioned_steps(found.symptom, _steps(procedure)):
            if anchor not in met:
                section = next(s for s in procedure.steps if s.anchor == anchor)
                await ledger_store.add(turn.tx, turn.conversation, LedgerEntry(
                    procedure.id, procedure.version, procedure.title, anchor, section.title,
                    Outcome.ALREADY_TRIED, turn.message, turn.message, turn.now,
                ))  # fmt: skip
                noted = True
        return noted

    async def propose(self, turn: Turn, article: Article, jump: str | None = None) -> None:
        """Show the next step that was not met yet, or say that there is none left."""
        entries = await ledger_store.entries(turn.tx, turn.conversation)
        step = next_step(_steps(article), entries, article.id, jump)
        if step is None:
            await self.out_of_steps(turn, article, jump)
            return
        entry = LedgerEntry(
            article.id, article.version, article.title, step.anchor, step.title,
            Outcome.SHOWN, turn.message, None, turn.now,
        )  # fmt: skip
        await ledger_store.add(turn.tx, turn.conversation, entry)
        self._show(turn, entry, 1 + sum(e.article == article.id for e in entries))

    def _show(self, turn: Turn, entry: LedgerEntry, number: int) -> None:
        section = self.step_of(entry)
        article = self.tools.knowledge.article(entry.article)
        if section is None or article is None:
            raise LookupError(f"{entry.article}#{entry.step} is not in the articles any more")
        parts = [section.instruction or section.text, section.question]
        card = StepCard(number, section.title, article.title, section.look_for)
        turn.quote(
            "\n\n".join(part for part in parts if part),
            buttons=self.buttons_of(entry),
            extras=Extras(Kind.STEP, [cite(article, section)], card),
        )

    async def repeated_turn(self, turn: Turn) -> LedgerEntry | None:
        """Show again what this same message was answered with, if its turn runs a second time."""
        entries = await ledger_store.entries(turn.tx, turn.conversation)
        for index, entry in enumerate(entries):
            if entry.shown_by == turn.message and entry.outcome is Outcome.SHOWN:
                before = sum(e.article == entry.article for e in entries[:index])
                self._show(turn, entry, before + 1)
                return entry
        return None

    async def decided(self, turn: Turn, outcome: Outcome, jump: str | None = None) -> None:
        """Keep what became of the step shown last, and go on from there."""
        if await self.repeated_turn(turn) is not None:
            return
        shown = await self._step_at_hand(turn)
        if shown is None:
            await self.no_step(turn)
            return
        await ledger_store.decide(
            turn.tx, turn.conversation, shown.article, shown.step, outcome, turn.message
        )
        article = self.tools.knowledge.article(shown.article)
        if article is None:  # taken out of the knowledge meanwhile
            await self._to_a_person(turn, "The article of these steps was withdrawn.")
            return
        if outcome is Outcome.DID_NOT_HELP and jump is None and await self._enough(turn, article):
            await self.enough_steps(turn, article)
            return
        if jump is None:
            turn.say(_NEXT[outcome])
        await self.propose(turn, article, jump)

    async def _step_at_hand(self, turn: Turn) -> LedgerEntry | None:
        entries = await ledger_store.entries(turn.tx, turn.conversation)
        # A turn that runs a second time has decided its step already.
        mine = next((e for e in reversed(entries) if e.decided_by == turn.message), None)
        last = entries[-1] if entries else None
        back = last if last is not None and last.outcome is Outcome.HELPED else None  # it came back
        return await self.shown_step(turn) or mine or back

    async def no_step(self, turn: Turn) -> None:
        """Something was said about a step, and none is open."""
        count = int(turn.slots.get("misunderstood") or 0) + 1
        turn.set("misunderstood", count)
        if count >= self.tools.policies.dialogue.misunderstood_before_person:
            turn.say("utter_person_is_better")
            turn.hand_over(Trigger.NO_ANSWER, f"Not solved, said {count} times, with no step open.")
            return
        turn.ask("person")
        if turn.fact("symptom") is None:
            turn.say("utter_which_fault", buttons=(TALK_TO_A_PERSON,))
        else:
            turn.say("utter_still_not_working", buttons=(TALK_TO_A_PERSON,))

    async def solved(self, turn: Turn) -> None:
        """It works: keep which step helped."""
        entries = await ledger_store.entries(turn.tx, turn.conversation)
        last = entries[-1] if entries else None
        turn.ask("solved")
        if last is None:
            turn.say("utter_solved_without_steps")
            return
        await ledger_store.decide(
            turn.tx, turn.conversation, last.article, last.step, Outcome.HELPED, turn.message
        )
        turn.say("utter_solved", title=last.title)

    async def _enough(self, turn: Turn, article: Article) -> bool:
        asking = {step.anchor for step in article.steps if step.branches}  # they only find out
        entries = await ledger_store.entries(turn.tx, turn.conversation)
        failed = sum(
            e.article == article.id and e.outcome is Outcome.DID_NOT_HELP and e.step not in asking
            for e in entries
        )
        return failed >= self.tools.policies.steps_before_person

    async def enough_steps(self, turn: Turn, article: Article) -> None:
        """So many steps did not help that a person should go on, with the rest as suggestions."""
        entries = await ledger_store.entries(turn.tx, turn.conversation)
        met = {e.step for e in entries if e.article == article.id}
        left = [s.title for s in article.steps if s.anchor not in met and not s.is_end]
        if not left:
            await self.out_of_steps(turn, article, None)
            return
        turn.say("utter_enough_steps", count=str(self.tools.policies.steps_before_person))
        await self._to_a_person(
            turn, f"Steps of “{article.title}” did not help. Not tried yet: {'; '.join(left)}."
        )

    async def out_of_steps(self, turn: Turn, article: Article, jump: str | None) -> None:
        """Nothing is left to try: what the article says then, the warranty, and a person."""
        ends = [s for s in article.steps if s.is_end]
        end = next((s for s in ends if s.anchor == jump), ends[0] if ends else None)
        turn.say("utter_out_of_steps")
        if end is not None:
            turn.quote(end.text, extras=Extras(Kind.ANSWER, [cite(article, end)]))
        await self._to_a_person(turn, f"Every step of “{article.title}” was met.")

    async def _to_a_person(self, turn: Turn, rule: str) -> None:
        if turn.purchase is not None:
            where = position(turn.purchase, self.tools.policies.warranty, turn.now.date())
            name = self.tools.policies.products.name(turn.purchase.product)
            turn.say("utter_warranty_position", product=name, order=turn.purchase.order_number,
                     reason=reason(where))  # fmt: skip
        else:
            turn.say("utter_warranty_can_be_checked")
        turn.hand_over(Trigger.OUT_OF_STEPS, rule[:200])

    async def ask_for_fault(self, turn: Turn) -> None:
        """The product is known, or may be; the fault is not."""
        product = turn.fact("product_type")
        if product is None:
            turn.say("utter_describe_fault")
        else:
            name = self.tools.policies.products.name(product)
            turn.say("utter_describe_fault_of", product=name)

    async def not_understood(self, turn: Turn) -> None:
        """The ladder: other words, then choices, then a person."""
        count = int(turn.slots.get("misunderstood") or 0) + 1
        turn.set("misunderstood", count)
        if count >= self.tools.policies.dialogue.misunderstood_before_person:
            turn.say("utter_not_understood_again")
            turn.hand_over(Trigger.NO_ANSWER, f"{count} messages running were not understood.")
        elif count == 1:
            turn.say("utter_not_understood", buttons=(TALK_TO_A_PERSON,))
        else:
            turn.say("utter_not_understood_choose", buttons=WHAT_I_DO)

    def branch_of(self, shown: LedgerEntry, answer: str) -> str | None:
        """The anchor that an answer leads to from a step that asks a question."""
        step = self.step_of(shown)
        for branch in step.branches if step is not None else ():
            if branch.label.casefold().startswith(answer):
                return branch.target
        return None


class ReportFault(Guiding):
    """A fault in the customer's words."""

    action_name = "action_report_fault"
    consults = True

    async def consult(self, turn: Turn) -> None:
        if turn.text:
            turn.found = await self.fault(turn, turn.text)

    async def act(self, turn: Turn) -> None:
        found = turn.found
        if found is None:
            await self.ask_for_fault(turn)
            return
        if turn.loop is not None:
            await turn.note("symptom", found.symptom)
            turn.say("utter_fault_noted_in_form")
            return
        product = found.product
        if product is not None and product not in self.tools.policies.products.names:
            await turn.note("symptom", found.symptom)
            turn.say("utter_no_articles_for_product", buttons=(TALK_TO_A_PERSON,),
                     product=self.tools.policies.products.name(product))  # fmt: skip
            return
        if product is None and not isinstance(found.result, Answer):
            await turn.note("symptom", found.symptom)
            turn.start_form("fault_form")
            return
        if not (turn.facts.get("symptom") and says_still(found.symptom)):
            await turn.note("symptom", found.symptom)
        await self.begin(turn, found)


class ValidateFault(ValidateForm):
    """Which product a fault is about."""

    form = "fault_form"

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self.questions = {  # type: ignore[misc]
            "fault_product": Question(
                read=lambda turn: turn.entity("product_type") or self._by_model(turn),
                buttons=tuple(product_buttons(tools.policies.products)),
                mentioned=True,  # "how do I descale the coffee machine?"
            )
        }

    async def accepted(self, turn: Turn, slot: str, value: str) -> bool:
        if turn.entity("symptom") or turn.entity("error_code"):
            await turn.note("symptom", turn.text)  # the fault came with the product, in other words
        return True

    def _by_model(self, turn: Turn) -> str | None:
        model = turn.entity("product_model")
        return self.tools.policies.products.models.get(model.upper()) if model else None


class SubmitFault(Guiding):
    """The product is told: now the fault that was described before."""

    action_name = "action_submit_fault"
    consults = True

    async def consult(self, turn: Turn) -> None:
        symptom, product = turn.fact("symptom"), turn.slots.get("fault_product")
        if symptom is not None:
            turn.found = await self.fault(turn, symptom, product)

    async def act(self, turn: Turn) -> None:
        product = turn.slots.get("fault_product")
        turn.leave_form()
        if turn.found is None:
            await self.ask_for_fault(turn)
        elif product not in self.tools.policies.products.names:
            turn.say("utter_no_articles_for_product", buttons=(TALK_TO_A_PERSON,),
                     product=self.tools.policies.products.name(str(product)))  # fmt: skip
        else:
            await self.begin(turn, turn.found)


class ProblemSolved(Guiding):
    """It works now."""

    action_name = "action_problem_solved"

    async def act(self, turn: Turn) -> None:
        if _is_back(turn):
            await self.decided(turn, Outcome.DID_NOT_HELP)
            return
        turn.leave_form()  # what works needs no claim and no product
        await self.solved(turn)


class ProblemNotSolved(Guiding):
    """Still the same."""

    action_name = "action_problem_not_solved"

    async def act(self, turn: Turn) -> None:
        await self.decided(turn, Outcome.DID_NOT_HELP)


class CannotDoStep(Guiding):
    """The step cannot be done: it is left out, and counts as nobody's failure."""

    action_name = "action_cannot_do_step"

    async def act(self, turn: Turn) -> None:
        await self.decided(turn, Outcome.COULD_NOT)


class AlreadyTried(Guiding):
    """The step, or steps named in the message, were tried before."""

    action_name = "action_already_tried"
    consults = True

    async def consult(self, turn: Turn) -> None:
        symptom = turn.fact("symptom")
        if turn.text:
            turn.found = await self.fault(turn, f"{symptom}. {turn.text}" if symptom else turn.text)

    async def act(self, turn: Turn) -> None:
        if await self.shown_step(turn) is not None or turn.found is None:
            await self.decided(turn, Outcome.ALREADY_TRIED)
        elif turn.found.procedure is not None:
            if turn.fact("symptom") is None:
                await turn.note("symptom", turn.text)
            await self.begin(turn, turn.found)
        else:
            await self.no_step(turn)


def _is_back(turn: Turn) -> bool:
    """Whether a message names the fault as there again: "it's leaking again", "E24 is back"."""
    if not says_still(turn.text) or _WORKS.search(turn.text):
        return False
    return any(
        one.get("entity") in ("symptom", "error_code")
        and not unwanted(turn.text, int(one.get("start") or 0))
        for one in turn.entities
    )


_WORKS = re.compile(
    r"\b(?:works?|working|fine|fixed|solved|repaired|running|runs|normal)\b", re.IGNORECASE
)
_NEXT = {
    Outcome.DID_NOT_HELP: "utter_did_not_help",
    Outcome.COULD_NOT: "utter_could_not",
    Outcome.ALREADY_TRIED: "utter_already_tried",
}


def _steps(article: Article) -> list[Step]:
    return [
        Step(s.anchor, s.title, {b.label: b.target for b in s.branches}, s.is_end)
        for s in article.steps
    ]
