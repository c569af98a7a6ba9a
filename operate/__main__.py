"""What the operator of an installation types: `python -m operate --help`.

Exit codes: 0 done; 1 refused or failed, with the reason on standard error; 2 the command line is
wrong.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from operate import prepare
from operate.agents import add_agent, ask_password, count_agents
from operate.feedback import to_look_at
from operate.purchases import import_purchases
from operate.running import check_free, is_healthy, supervise
from operate.settings import Settings, environment_of_parts, read_settings
from operate.steps import ROOT, StepFailed, say
from operate.supervisor import programs
from support.conversation import utcnow

HOW_TO_ADD_AN_AGENT = "make agent EMAIL=mira@example.org NAME=Mira"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    options = _parser().parse_args(arguments)
    # Folders and database files are named relative to the project.
    invoked_in = Path.cwd()
    os.chdir(ROOT)
    run: Callable[[argparse.Namespace, Path], int] = options.run
    try:
        return run(options, invoked_in)
    except StepFailed as failure:
        print(failure, file=sys.stderr)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m operate", description="Set up and run this installation."
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(
        name: str,
        run: Callable[[argparse.Namespace, Path], int],
        text: str,
        among: "argparse._SubParsersAction[argparse.ArgumentParser]" = commands,
    ) -> argparse.ArgumentParser:
        added = among.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    command("prepare", _prepare, "make what is missing or out of date, and start nothing")
    command("run", _run, "prepare, then run everything until Ctrl-C")
    command("status", _status, "say how the three parts are")
    command("train", _train, "train the bot, whether or not anything has changed")
    command("index", _index, "read the articles again, whether or not one has changed")
    command("adapt", _adapt, "teach the encoder the articles' phrases, and read the articles again")
    command("watch", _watch, "read an article again whenever it is saved, until Ctrl-C")
    command("feedback", _feedback, "list the articles that their owners should look at")

    agent = commands.add_parser("agent", help="the people who answer").add_subparsers(
        required=True, metavar="command"
    )
    one = command("add", _add_agent, "add an agent, or give one a new name and password", agent)
    one.add_argument("--email", required=True, help="what the agent signs in with")
    one.add_argument("--name", required=True, help="what customers see")
    one.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input"
    )

    bought = commands.add_parser("purchases", help="what customers bought").add_subparsers(
        required=True, metavar="command"
    )
    one = command("import", _import_purchases, "insert or replace the purchases of a file", bought)
    one.add_argument("file", type=Path, help="CSV; its first line names the columns")
    return parser


def _prepare(_options: argparse.Namespace, _folder: Path) -> int:
    settings = _settings()
    prepare.prepare(settings)
    say("Everything is up to date. Start it with: make run")
    return 0


def _run(_options: argparse.Namespace, _folder: Path) -> int:
    settings = _settings()
    parts = programs(settings)
    check_free(parts)  # before minutes of preparation, not after
    prepare.prepare(settings)

    def welcome() -> None:
        say()
        say(f"  The shop, with the chat   {settings.gateway_url}/")
        say(f"  The agents' console       {settings.gateway_url}/console")
        say(f"  The API                   {settings.gateway_url}/docs")
        say()
        if count_agents(settings.database_url) == 0:
            say("  Nobody can answer in the console yet. Add yourself, in another terminal:")
        else:
            say("  To add an agent, in another terminal:")
        say(f"      {HOW_TO_ADD_AN_AGENT}")
        say("  Ctrl-C stops everything.")
        say()

    return supervise(parts, environment_of_parts(settings), welcome)


def _status(_options: argparse.Namespace, _folder: Path) -> int:
    well = True
    for part in programs(read_settings()):
        healthy, said = is_healthy(part)
        well = well and healthy
        say(f"{part.name:<8} {said:<32} {part.health_url}")
    return 0 if well else 1


def _train(_options: argparse.Namespace, _folder: Path) -> int:
    settings = _settings()
    prepare.export_encoder(settings)
    prepare.train(settings, always=True)
    say("A running bot goes on with the model it has. Start again to use the new one.")
    return 0


def _index(_options: argparse.Namespace, _folder: Path) -> int:
    settings = _settings()
    prepare.export_encoder(settings)
    prepare.build_index(settings, always=True)
    say("A running bot answers from the new articles within seconds.")
    return 0


def _adapt(_options: argparse.Namespace, _folder: Path) -> int:
    settings = _settings()
    prepare.export_encoder(settings)
    prepare.adapt(settings)
    prepare.build_index(settings)
    say("A running bot answers from the new index within seconds.")
    return 0


def _watch(_options: argparse.Namespace, _folder: Path) -> int:
    settings = _settings()
    prepare.export_encoder(settings)
    # In place of this process: Ctrl-C and signals are the watcher's.
    os.execv(sys.executable, prepare.retrieval_command(settings, "watch"))  # noqa: S606


def _feedback(_options: argparse.Namespace, _folder: Path) -> int:
    settings = _settings()
    prepare.upgrade_database(settings)
    say(
        to_look_at(
            settings.database_url,
            settings.knowledge_folder,
            settings.gateway_url,
            utcnow().date(),
        )
    )
    return 0


def _add_agent(options: argparse.Namespace, _folder: Path) -> int:
    settings = _settings()
    prepare.upgrade_database(settings)
    password = ask_password(options.password_stdin)
    agent = add_agent(settings.database_url, options.email, options.name, password)
    say(f"{agent.name} can sign in as {agent.email} at {settings.gateway_url}/console")
    return 0


def _import_purchases(options: argparse.Namespace, folder: Path) -> int:
    settings = _settings()
    prepare.upgrade_database(settings)
    number = import_purchases(settings.database_url, folder / options.file)
    say(f"Imported {number} purchases")
    return 0


def _settings() -> Settings:
    prepare.make_settings()
    return read_settings()


if __name__ == "__main__":
    sys.exit(main())
