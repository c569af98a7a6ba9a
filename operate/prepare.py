"""Everything between a clone and a start: settings, encoder, index, model, database.

What is up to date is not made again.
"""

import asyncio
import hashlib
import json
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError

from operate.purchases import import_purchases
from operate.settings import Settings, environment_of_parts, make_env_file
from operate.steps import ROOT, StepFailed, run, say, together
from store.database import Database

APP_PYTHON = ROOT / ".venvs" / "app" / "bin" / "python"
RASA_PYTHON = ROOT / ".venvs" / "rasa" / "bin" / "python"
STAMPS = ROOT / "var" / "stamps"
KEPT_MODELS = 3  # the one in use, and two to go back to


def make_settings() -> None:
    """`.env`, if there is none."""
    if make_env_file():
        say("Made .env with new random secrets; only you can read it.")


def prepare(settings: Settings) -> None:
    """Make what is missing or out of date.

    Raises:
        StepFailed: One of the steps did not work.
    """
    upgrade_database(settings)
    # The featurizer inside the bot and the index share the encoder.
    export_encoder(settings)
    together(lambda: train(settings), lambda: build_index(settings))


def upgrade_database(settings: Settings) -> None:
    """Bring the database to the newest tables.

    A new one gets the purchases of the sample shop, unless the settings say otherwise.

    Raises:
        StepFailed: The database cannot be reached.
    """
    url = settings.database_url
    config = Config(ROOT / "alembic.ini")
    config.attributes["url"] = url
    newest = ScriptDirectory.from_config(config).get_current_head()
    try:
        before = asyncio.run(_revision(url))
        if before == newest:
            return
        command.upgrade(config, "head")
    except OperationalError as error:
        raise StepFailed(
            f"The database cannot be opened: {error.orig}\n"
            "AFTERCARE_DATABASE_URL in .env says which one."
        ) from error
    say(f"Database: brought to revision {newest}")
    sample = ROOT / "sample" / "purchases.csv"
    if before is None and settings.sample_shop and sample.is_file():
        imported = import_purchases(url, sample)
        say(f"Database: imported {imported} purchases of the sample shop")


def export_encoder(settings: Settings) -> None:
    """Write the network that turns sentences into vectors."""
    folder = settings.encoder_folder
    sources = [ROOT / "retrieval" / name for name in ("encoder.py", "export.py")]
    fingerprint = _fingerprint([*sources, ROOT / "requirements.txt"])
    if _is_current("encoder", fingerprint) and (folder / "model-int8.onnx").is_file():
        return
    run(
        "Writing the encoder",
        [APP_PYTHON, "-m", "retrieval", "--encoder", folder, "export-encoder"],
        "export-encoder.log",
        environment_of_parts(settings),
    )
    _keep("encoder", fingerprint)


def build_index(settings: Settings, always: bool = False) -> None:
    """Make the articles searchable. `retrieval` itself knows whether they have changed."""
    run(
        "Reading the knowledge base",
        retrieval_command(settings, "build", *(["--force"] if always else [])),
        "build-index.log",
    )


def adapt(settings: Settings) -> None:
    """Adapt the encoder to the articles, unless it is; what is being done is shown as it goes.

    Raises:
        StepFailed: It was refused, for the reason shown. The encoder before stays in use.
    """
    words = retrieval_command(settings, "adapt")
    if subprocess.run(words, cwd=ROOT, env=environment_of_parts(settings)).returncode:
        raise StepFailed("The encoder was not adapted. Everything goes on as before.")


def retrieval_command(settings: Settings, *arguments: str) -> list[str]:
    """`python -m retrieval` on the folders of this installation."""
    folders = ("--encoder", str(settings.encoder_folder), "--index", str(settings.knowledge_folder))
    return [str(APP_PYTHON), "-m", "retrieval", *folders, *arguments]


def train(settings: Settings, always: bool = False) -> None:
    """Train the bot, if anything that it learns from has changed."""
    fingerprint = _fingerprint(
        [
            ROOT / "config.yml",
            ROOT / "domain.yml",
            *ROOT.glob("data/**/*.yml"),
            *ROOT.glob("bot/*.py"),
            ROOT / "bot" / "requirements.txt",
            settings.encoder_folder / "encoder.json",
        ]
    )
    models = ROOT / "models"
    if not always and _is_current("model", fingerprint) and any(models.glob("*.tar.gz")):
        return
    # A name that rises: Rasa loads the newest of the folder.
    name = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    run(
        "Training the bot",
        [
            *(RASA_PYTHON, "-m", "rasa", "train"),
            *("--domain", "domain.yml", "--config", "config.yml", "--data", "data"),
            *("--out", "models", "--fixed-model-name", name),
        ],
        "train.log",
        environment_of_parts(settings),
    )
    _keep("model", fingerprint)
    for old in sorted(models.glob("*.tar.gz"), key=lambda m: m.stat().st_mtime)[:-KEPT_MODELS]:
        old.unlink()


async def _revision(url: str) -> str | None:
    """The revision a database is at; None for a new one."""
    database = Database(url)
    try:
        async with database.engine.connect() as connection:
            return await connection.run_sync(_current)
    finally:
        await database.close()


def _current(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _fingerprint(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in sorted(set(files)):
        if file.is_file():
            name = str(file.relative_to(ROOT) if file.is_relative_to(ROOT) else file)
            digest.update(name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _is_current(what: str, fingerprint: str) -> bool:
    stamp = STAMPS / f"{what}.json"
    if not stamp.is_file():
        return False
    made_from: object = json.loads(stamp.read_text(encoding="utf-8"))["made_from"]
    return made_from == fingerprint


def _keep(what: str, fingerprint: str) -> None:
    STAMPS.mkdir(parents=True, exist_ok=True)
    told = {"made_from": fingerprint, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    (STAMPS / f"{what}.json").write_text(json.dumps(told) + "\n", encoding="utf-8")
