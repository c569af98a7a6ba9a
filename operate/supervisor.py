"""The configuration of `supervisord`, which keeps the three parts running."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from operate.settings import Settings
from operate.steps import ROOT

TETHER = Path(__file__).with_name("tether.py")
STOP_SECONDS = 10  # from a polite request to a kill
LOG_BYTES = 10_000_000
LOG_BACKUPS = 5


@dataclass(frozen=True, slots=True)
class Program:
    """One program to keep running."""

    name: str
    command: Sequence[str]
    port: int
    port_setting: str  # the line of .env that changes the port
    health_url: str
    host: str = "127.0.0.1"
    health_headers: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)  # nothing secret: it is written


def programs(settings: Settings, root: Path = ROOT) -> list[Program]:
    """The three parts."""
    app = str(root / ".venvs" / "app" / "bin" / "python")
    rasa = str(root / ".venvs" / "rasa" / "bin" / "python")
    log_settings = root / "bot" / "logging.yml"
    return [
        Program(
            name="actions",
            command=[app, "-m", "actions"],
            port=settings.actions_port,
            port_setting="AFTERCARE_ACTIONS_PORT",
            health_url=f"http://127.0.0.1:{settings.actions_port}/health",
        ),
        Program(
            name="rasa",
            command=[
                *(rasa, "-m", "rasa", "run"),
                *("-i", "127.0.0.1", "-p", str(settings.rasa_port), "-m", "models"),
                *("--endpoints", "endpoints.yml", "--credentials", "credentials.yml"),
                *(["--logging-config-file", str(log_settings)] if log_settings.is_file() else []),
            ],
            port=settings.rasa_port,
            port_setting="AFTERCARE_RASA_PORT",
            health_url=f"http://127.0.0.1:{settings.rasa_port}/dialogue/health",
            health_headers={"Authorization": f"Bearer {settings.turn_secret}"},
            # A turn is one short sentence: more threads only get in each other's way.
            environment={"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"},
        ),
        Program(
            name="gateway",
            command=[app, "-m", "gateway"],
            host=settings.gateway_host,
            port=settings.gateway_port,
            port_setting="AFTERCARE_GATEWAY_PORT",
            health_url=f"{settings.gateway_url}/health",
        ),
    ]


def write_configuration(parts: Sequence[Program], root: Path = ROOT) -> Path:
    """Write `var/supervisord.conf`; its path.

    It opens no port and no socket, and holds no secret: the parts inherit the environment.
    """
    for folder in (root / "var" / "log", root / "var" / "run"):
        folder.mkdir(parents=True, exist_ok=True)
    sections = [
        _section(
            "supervisord",
            nodaemon="true",
            silent="true",
            identifier="aftercare",
            # Paths are relative to the root, in which supervisord is started: it expands the name
            # of a log file twice, so that no escape saves a folder with "%" in its name.
            childlogdir="var/log",
            logfile="var/log/supervisord.log",
            logfile_maxbytes=LOG_BYTES,
            logfile_backups=LOG_BACKUPS,
            pidfile=pid_file(root).relative_to(root),
        )
    ]
    for part in parts:
        # A supervisor that is killed cannot stop its programs: the tether does.
        command = [sys.executable, "-I", str(TETHER), "KILL", *part.command]
        environment = ",".join(
            f'{name}="{_literal(value)}"' for name, value in part.environment.items()
        )
        sections.append(
            _section(
                f"program:{part.name}",
                command=_literal(shlex.join(command)),
                **({"environment": environment} if environment else {}),
                autostart="true",
                autorestart="true",
                # Dead within three seconds: tried again after 1, 2, 3 ... seconds, for days.
                startsecs=3,
                startretries=100_000,
                stopsignal="TERM",
                stopwaitsecs=STOP_SECONDS,
                stopasgroup="true",
                killasgroup="true",
                redirect_stderr="true",
                stdout_logfile=log_file(part, root).relative_to(root),
                stdout_logfile_maxbytes=LOG_BYTES,
                stdout_logfile_backups=LOG_BACKUPS,
            )
        )
    path = root / "var" / "supervisord.conf"
    path.write_text("\n".join(sections), encoding="utf-8")
    return path


def pid_file(root: Path = ROOT) -> Path:
    """Where the running supervisor writes its process id."""
    return root / "var" / "run" / "supervisord.pid"


def log_file(part: Program, root: Path = ROOT) -> Path:
    """What a part prints."""
    return root / "var" / "log" / f"{part.name}.log"


def _section(name: str, **values: object) -> str:
    return "\n".join([f"[{name}]", *(f"{key}={value}" for key, value in values.items()), ""])


def _literal(value: object) -> str:
    # supervisord expands %(...)s in every value.
    return str(value).replace("%", "%%")
