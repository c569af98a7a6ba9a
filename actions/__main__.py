"""Builds the actions and serves them to Rasa, on loopback only: `python -m actions`."""

import logging
import sys

import structlog

from actions.base import Tools
from actions.policies import PolicyRefused, read_policies
from actions.registry import all_actions, executor_of
from actions.server import create_app
from actions.settings import Settings
from actions.verdicts import keep_taking_up
from retrieval.errors import RetrievalError
from retrieval.knowledge_base import KnowledgeBase
from store.database import Database
from support.conversation import utcnow

HOST = "127.0.0.1"  # and nothing else: whoever can call actions can act for any customer


def main() -> int:
    """Serve until stopped; 1 if something needed is missing."""
    _configure_logs()
    log = structlog.get_logger(__name__)
    settings = Settings()
    try:
        tools = Tools(
            database=Database(settings.database_url),
            now=utcnow,
            knowledge=KnowledgeBase.open(settings.knowledge_folder, settings.encoder_folder),
            policies=read_policies(settings.policies_folder),
        )
    except (RetrievalError, PolicyRefused) as error:
        log.error("actions cannot start", reason=str(error))
        return 1
    actions = all_actions(tools)
    app = create_app(executor_of(actions), tools)
    app.add_task(keep_taking_up(tools))
    log.info("actions ready", port=settings.actions_port, actions=len(actions),
             knowledge=tools.knowledge.release)  # fmt: skip
    app.run(host=HOST, port=settings.actions_port, single_process=True, access_log=False,
            motd=False)  # fmt: skip
    return 0


def _configure_logs() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # The SDK and SQLAlchemy log what they are given at lower levels: that is customers' words.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    for name in ("rasa_sdk", "sqlalchemy", "aiosqlite"):
        logging.getLogger(name).setLevel(logging.ERROR)


if __name__ == "__main__":
    sys.exit(main())
