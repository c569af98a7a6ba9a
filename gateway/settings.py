"""The gateway's configuration: read in `__main__`, then handed along."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt
from pydantic.functional_validators import BeforeValidator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65535)]
Origins = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(lambda value: tuple(value.split()) if isinstance(value, str) else value),
]


class Settings(BaseSettings):
    """Every setting comes from the environment as AFTERCARE_<NAME>; see `.env.example`."""

    model_config = SettingsConfigDict(
        env_prefix="AFTERCARE_", env_ignore_empty=True, extra="ignore"
    )

    secret_key: str = Field(min_length=32)
    turn_secret: str = Field(min_length=32)

    gateway_host: str = "127.0.0.1"
    gateway_port: Port = 8000
    public_url: str = "http://127.0.0.1:8000"
    widget_origins: Origins = ()  # shops that may show the widget, e.g. "https://shop.example"
    rasa_port: Port = 5005
    actions_port: Port = 5055

    database_url: str = "sqlite+aiosqlite:///var/aftercare.db"
    knowledge_folder: Path = Path("var/knowledge")

    # A reply or a notice has to come within 8 seconds: what is left is for the way to the customer.
    notice_after_seconds: PositiveFloat = 5.0
    # A restart of Rasa takes some 15 seconds; after this long a person is asked instead.
    bot_patience_seconds: PositiveFloat = 45.0
    turn_timeout_seconds: PositiveFloat = 20.0  # one attempt; longer than the slowest action
    failed_turn_attempts: PositiveInt = 3  # an action that raises is tried this often
    turns_in_flight: PositiveInt = 4  # Rasa computes on one core: more only wait inside it

    max_message_characters: PositiveInt = 4000
    messages_per_minute: PositiveInt = 60  # by one visitor
    conversations_per_minute: PositiveInt = 30  # from one address
    sign_ins_per_minute: PositiveInt = 10  # from one address
    help_searches_per_minute: PositiveInt = 30  # from one address
    page_verdicts_per_minute: PositiveInt = 10  # from one address
    session_hours: PositiveInt = 12
    # Given, `/metrics` asks for it as a bearer token; not given, only this machine may read them.
    metrics_token: str | None = None

    @property
    def rasa_url(self) -> str:
        """Where Rasa listens: on loopback, always."""
        return f"http://127.0.0.1:{self.rasa_port}"

    @property
    def actions_url(self) -> str:
        """Where the action server listens: on loopback, always."""
        return f"http://127.0.0.1:{self.actions_port}"
