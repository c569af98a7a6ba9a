"""Calls of custom actions that fail loudly, and cheaply.

Rasa 3.6 logs an action that raised, or an action server that is down, and goes on with the next
step of the rule: the customer hears "your refund is on its way" although the refund action
crashed. Here such a call aborts the turn (see `bot.errors`). It also re-reads and re-checks the
JSON schema of action answers on each call; here it is compiled once.

`install` replaces methods of `RemoteAction`, through which all custom actions go: those of rules,
form validation (`validate_..._form`), `action_ask_...` and `action_validate_slot_mappings`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aiohttp
from jsonschema.exceptions import best_match
from jsonschema.validators import validator_for
from rasa.core.actions.action import ActionExecutionRejection, RemoteAction
from rasa.core.channels.channel import OutputChannel
from rasa.core.nlg import NaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, Event
from rasa.shared.core.trackers import DialogueStateTracker

from bot.errors import ActionFailed, ActionsUnreachable

log = logging.getLogger(__name__)

_SCHEMA = RemoteAction.action_response_format_spec()
_VALIDATOR = validator_for(_SCHEMA)(_SCHEMA)

_rasa_run = RemoteAction.run
_rasa_utter_responses = RemoteAction._utter_responses


class AnswerRefused(Exception):
    """What the action server sent back is no answer of an action. Its content is not repeated."""


def install(timeout_seconds: float) -> None:
    """Make all custom action calls of this process strict.

    Args:
        timeout_seconds: Longest time one action may take; then the turn is aborted as
            `ActionsUnreachable`. Rasa itself would wait five minutes.
    """

    async def run(
        self: RemoteAction,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
        tracker: DialogueStateTracker,
        domain: Domain,
    ) -> list[Event]:
        try:
            call = _rasa_run(self, output_channel, nlg, tracker, domain)
            return await asyncio.wait_for(call, timeout_seconds)
        except ActionExecutionRejection:
            raise  # not a failure: the action declines, and Rasa chooses another one
        except Exception as error:
            unreachable = _is_unreachable(error)
            # The error's own words may quote the conversation; its type does not.
            log.error(
                "action call failed action=%s unreachable=%s error=%s",
                self.name(),
                unreachable,
                type(error.__cause__ or error).__name__,
            )
            failure = ActionsUnreachable if unreachable else ActionFailed
            raise failure(self.name()) from error

    RemoteAction.run = run
    RemoteAction._validate_action_result = _validate_action_result
    RemoteAction._utter_responses = staticmethod(_utter_responses)


def _is_unreachable(error: Exception) -> bool:
    # Rasa turns a refused connection into a RasaException with the first error as its context.
    return any(
        isinstance(
            e, (asyncio.TimeoutError, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)
        )
        for e in (error, error.__context__)
    )


def _validate_action_result(self: RemoteAction, result: Any) -> bool:
    error = best_match(_VALIDATOR.iter_errors(result))
    if error is not None:
        where = "/".join(map(str, error.absolute_path)) or "the whole answer"
        raise AnswerRefused(f"{where} breaks the rule '{error.validator}'")
    return True


async def _utter_responses(
    responses: list[dict[str, Any]],
    output_channel: OutputChannel,
    nlg: NaturalLanguageGenerator,
    tracker: DialogueStateTracker,
) -> list[BotUttered]:
    uttered = await _rasa_utter_responses(responses, output_channel, nlg, tracker)
    # Rasa leaves out a response that the domain does not have, without a word.
    if len(uttered) != len(responses):
        raise AnswerRefused("the action uttered a response that is not in the domain")
    return uttered
