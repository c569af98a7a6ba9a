"""The domain, the rules, the policies and the actions name the same things."""

import re
from pathlib import Path

import yaml

from actions.base import Tools
from actions.policies import read_policies
from actions.registry import all_actions
from retrieval.articles import load_articles, stated_values
from tests.actions.rasa import DOMAIN, NOW, ROOT


def test_every_action_is_in_the_domain_and_the_other_way_round(tools: Tools) -> None:
    """Rasa fails the turn at an action that nobody serves."""
    assert sorted(action.name() for action in all_actions(tools)) == sorted(DOMAIN["actions"])


def test_every_intent_has_one_rule() -> None:
    """No wish is a dead end, and none is answered in two ways."""
    rules = [rule for file in sorted((ROOT / "data/rules").glob("*.yml"))
             for rule in yaml.safe_load(file.read_text("utf-8"))["rules"]]  # fmt: skip
    intents = [step["intent"] for rule in rules for step in rule["steps"] if "intent" in step]
    assert sorted(intents) == sorted([*DOMAIN["intents"], "nlu_fallback"])
    forms = [c["active_loop"] for rule in rules for c in rule.get("condition", ())]
    assert sorted(forms) == sorted(DOMAIN["forms"])


def test_every_response_that_is_said_exists_and_every_one_is_said() -> None:
    source = "\n".join(file.read_text("utf-8") for file in Path(ROOT / "actions").glob("*.py"))
    said = set(re.findall(r'"(utter_[a-z_]+)"', source))
    slots = {slot for form in DOMAIN["forms"].values() for slot in form["required_slots"]}
    asked = {f"utter_{kind}_{slot}" for kind in ("question", "invalid", "unknown")
             for slot in slots}  # fmt: skip
    assert said <= set(DOMAIN["responses"])
    assert set(DOMAIN["responses"]) <= said | asked


def test_what_may_be_said_twice_has_several_wordings() -> None:
    """The same text never comes twice running: there is always another wording."""
    single = [name for name, texts in DOMAIN["responses"].items() if len(texts) < 2]
    assert single == ["utter_once_more"]


def test_policies_and_articles_state_the_same_values() -> None:
    """What the bot does and what it quotes must not differ."""
    policies = read_policies(ROOT / "policies")
    stated = stated_values(load_articles(ROOT / "knowledge", NOW.date()))
    assert stated["return_window_days"] == policies.returns.window_days
    assert stated["refund_days"] == policies.returns.refund_days
    assert set(policies.warranty.months.values()) == {stated["warranty_months"]}
    assert set(policies.warranty.months) == set(policies.products.names)
    assert set(policies.returns.way) == set(policies.products.names)
