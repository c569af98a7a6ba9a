"""What the operator's commands need to know of `.env`, and what the three parts inherit."""

import os
import secrets
from pathlib import Path
from typing import Annotated

from dotenv import dotenv_values
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from operate.steps import ROOT, StepFailed

Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(BaseSettings):
    """The part of `.env.example` that starting and importing depend on."""

    model_config = SettingsConfigDict(
        env_prefix="AFTERCARE_", env_ignore_empty=True, extra="ignore"
    )

    turn_secret: str = Field(default="", min_length=32, validate_default=True)
    gateway_host: str = "127.0.0.1"
    gateway_port: Port = 8000
    rasa_port: Port = 5005
    actions_port: Port = 5055
    database_url: str = "sqlite+aiosqlite:///var/aftercare.db"
    tracker_db: str = "sqlite:///var/trackers.db"
    knowledge_folder: Path = Path("var/knowledge")
    encoder_folder: Path = Path("var/encoder")
    sample_shop: bool = True  # a new database gets the sample shop's purchases

    @property
    def gateway_url(self) -> str:
        """The gateway, as seen from this machine."""
        everywhere = self.gateway_host in ("0.0.0.0", "::")  # noqa: S104  # compared, not bound
        host = "127.0.0.1" if everywhere else self.gateway_host
        return f"http://{host}:{self.gateway_port}"


def read_settings(root: Path = ROOT) -> Settings:
    """The settings, from the environment and `.env`.

    Raises:
        StepFailed: One is missing or wrong; says which.
    """
    try:
        return Settings(_env_file=root / ".env")  # type: ignore[call-arg]
    except ValidationError as error:
        problems = [
            "AFTERCARE_"
            + "_".join(str(part) for part in problem["loc"]).upper()
            + f": {problem['msg']}. See .env.example."
            for problem in error.errors()
        ]
        raise StepFailed("\n".join(problems)) from error


def make_env_file(root: Path = ROOT) -> bool:
    """Copy `.env.example` to `.env`, with random secrets; never over one that is there.

    Returns:
        Whether the file is new. It can be read by its owner alone.
    """
    lines = []
    for line in (root / ".env.example").read_text(encoding="utf-8").splitlines():
        name = line.partition("=")[0]
        is_secret = name.startswith("AFTERCARE_") and name.endswith(("_SECRET", "_SECRET_KEY"))
        lines.append(f"{name}={secrets.token_urlsafe(32)}" if is_secret else line)
    try:
        handle = os.open(root / ".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return True


def environment_of_parts(settings: Settings, root: Path = ROOT) -> dict[str, str]:
    """The whole environment of the three parts: this process's, `.env`, and what follows."""
    told = {name: value for name, value in dotenv_values(root / ".env").items() if value}
    tracker = settings.tracker_db
    return {
        **told,
        **os.environ,  # what was said just now counts more than what was written down
        # Compiled modules halve the bot's start; the first start writes them.
        "PYTHONDONTWRITEBYTECODE": "",
        # endpoints.yml takes whole values only.
        "AFTERCARE_ACTIONS_URL": f"http://127.0.0.1:{settings.actions_port}/webhook",
        "AFTERCARE_TRACKER_DB": tracker if "://" in tracker else f"sqlite:///{tracker}",
        "RASA_TELEMETRY_ENABLED": "false",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONUNBUFFERED": "1",
    }
