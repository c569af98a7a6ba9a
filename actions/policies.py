"""The policy files, read once at the start."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomllib

from support import feedback, returns, warranty


class PolicyRefused(ValueError):
    """A policy file cannot be used; says which and why."""


@dataclass(frozen=True, slots=True)
class DialoguePolicy:
    """When the bot stops trying by itself; all are counts, 1 or more."""

    invalid_answers_before_offer: int
    invalid_answers_before_person: int
    misunderstood_before_person: int
    abstentions_before_person: int
    failed_proofs_before_person: int


@dataclass(frozen=True, slots=True)
class Products:
    """What the shop sells."""

    names: Mapping[str, str]  # by product id: what customers read
    models: Mapping[str, str]  # by model, in capitals: the product id

    def name(self, product: str) -> str:
        """What customers read for a product id, also for one that the shop does not sell."""
        return self.names.get(product, product.replace("_", " "))


@dataclass(frozen=True, slots=True)
class Policies:
    """Everything that the shop decides, not the code."""

    returns: returns.ReturnPolicy
    warranty: warranty.WarrantyPolicy
    dialogue: DialoguePolicy
    feedback: feedback.FeedbackPolicy
    products: Products
    steps_before_person: int


def read_policies(folder: Path) -> Policies:
    """Read `policies/*.toml`.

    Raises:
        PolicyRefused: A file is missing, no TOML, or states what it cannot mean.
    """
    try:
        troubleshooting = _read(folder / "troubleshooting.toml")
        return Policies(
            returns=returns.read_policy(_read(folder / "returns.toml")),
            warranty=warranty.read_policy(_read(folder / "warranty.toml")),
            dialogue=DialoguePolicy(
                **{
                    key: _count(key, value)
                    for key, value in _read(folder / "dialogue.toml").items()
                }
            ),
            feedback=feedback.read_policy(_read(folder / "feedback.toml")),
            products=_products(_read(folder / "products.toml")),
            steps_before_person=_count(
                "steps_before_person", troubleshooting.get("steps_before_person")
            ),
        )
    except (OSError, ValueError, TypeError) as error:
        raise PolicyRefused(f"{folder}: {error}") from error


def _read(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        return tomllib.load(stream)


def _products(values: Mapping[str, Any]) -> Products:
    if not values:
        raise ValueError("products.toml names no product")
    names, models = {}, {}
    for product, about in values.items():
        if not isinstance(about, Mapping) or not isinstance(about.get("name"), str):
            raise ValueError(f"products.toml: {product} needs a name")
        names[product] = about["name"]
        models.update({str(model).upper(): product for model in about.get("models", ())})
    return Products(names, models)


def _count(key: str, value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{key} must be a whole number above 0")
    return value
