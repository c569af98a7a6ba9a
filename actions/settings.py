"""The action server's configuration."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read once in `__main__`, then handed along. `.env.example` lists every setting."""

    model_config = SettingsConfigDict(env_prefix="AFTERCARE_", env_file=".env", extra="ignore")

    actions_port: int = Field(default=5055, ge=0, le=65535)
    database_url: str = "sqlite+aiosqlite:///var/aftercare.db"
    knowledge_folder: Path = Path("var/knowledge")
    encoder_folder: Path = Path("var/encoder")
    policies_folder: Path = Path("policies")
