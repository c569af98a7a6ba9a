"""A small knowledge folder of made-up products, and the real encoder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from retrieval.building import Sources
from retrieval.encoder import HashingEncoder, OnnxEncoder
from retrieval.errors import EncoderDamaged
from retrieval.export import export

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
CATALOGUE = {
    "dishwasher": ["HM-D450", "HM-D620"],
    "washing_machine": ["HM-W700", "HM-W900"],
    "coffee_machine": ["HM-C200", "HM-C350"],
}
Write = Callable[..., Path]

DRAIN = """\
Standing water is almost always a blocked filter or a kinked hose.

## Clean the filter {#filter}
Turn the power off. Twist the round filter and rinse it, because grease clogs it.
Look for: fat, glass and labels.

## Check the drain hose {#hose}
Straighten the hose behind the machine.
- Does the pump hum? [yes](#end) [no](#power)

## Check the power {#power}
Put the plug back into its socket and try the lamp next to it.

## If nothing helped {#end}
The pump needs a technician.
"""
SALT = """\
The softener needs special salt.

## Fill the container {#fill}
Unscrew the lid in the floor of the tub and pour in one kilogram of coarse salt.

## Which salt {#which}
Use coarse dishwasher salt only, see [how to fill it](#fill) and, when water stands in the tub,
[the filter](dishwasher-does-not-drain#filter). Table salt clogs the softener.
"""
DESCALE = """\
Lime slows the flow of water and lowers its temperature.

## Descale the machine {#descale}
Fill the tank with descaler and water, hold the steam button for five seconds and wait for E09 to
go out. This takes about twenty minutes.
"""
RETURNS = """\
You can send a product back.

## The return window {#window}
You have 30 days from delivery to send a product back. We refund it within 14 days.
"""
INTERNAL = """\
For colleagues only.

## Goodwill credit {#goodwill}
Goodwill vouchers above fifty need the approval of a lead.
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes an article into the knowledge folder; keys given as None are left out."""

    def write(name: str, body: str = "Some text.\n", **keys: object) -> Path:
        front = {
            "id": name,
            "title": name.replace("-", " ").capitalize(),
            "kind": "how-to",
            "products": ["dishwasher"],
            "audience": "customer",
            "owner": "team",
            "review_by": date(2027, 6, 1),
        } | keys
        file = tmp_path / "knowledge" / f"{name}.md"
        file.parent.mkdir(exist_ok=True)
        if not (products := file.parent / "products.yml").exists():
            products.write_text(yaml.safe_dump(CATALOGUE))
        shown = {key: value for key, value in front.items() if value is not None}
        file.write_text(f"---\n{yaml.safe_dump(shown, sort_keys=False)}---\n{body}", "utf-8")
        return file

    return write


@pytest.fixture
def sources(tmp_path: Path, write: Write) -> Sources:
    """Five articles: a procedure, two how-tos, a policy and one for agents; no questions."""
    write(
        "dishwasher-does-not-drain",
        DRAIN,
        kind="procedure",
        title="The dishwasher does not drain",
        symptoms=["water left in the tub", "error E24", "gurgling"],
    )
    write("dishwasher-add-salt", SALT, title="Add dishwasher salt")
    write(
        "coffee-machine-descale", DESCALE, title="Descale the coffee machine", products=["HM-C200"]
    )
    write(
        "returns",
        RETURNS,
        title="Returns and refunds",
        kind="policy",
        products=["all"],
        states={"return_window_days": 30, "refund_days": 14},
    )
    write("goodwill", INTERNAL, title="Goodwill", kind="policy", products=["all"], audience="agent")
    missing = tmp_path / "evaluation"
    return Sources(tmp_path / "knowledge", missing / "tuning.yml", missing / "holdout.yml")


@pytest.fixture
def hashing() -> HashingEncoder:
    return HashingEncoder()


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported encoder: the one in var/ when it is sound, else exported for this session."""
    folder = Path(__file__).parents[2] / "var" / "encoder"
    try:
        OnnxEncoder.load(folder)
    except EncoderDamaged:
        folder = tmp_path_factory.mktemp("exported") / "encoder"
        export(folder)
    return folder


@pytest.fixture(scope="session")
def encoder(encoder_folder: Path) -> OnnxEncoder:
    return OnnxEncoder.load(encoder_folder)
