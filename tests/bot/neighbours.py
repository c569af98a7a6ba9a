"""Real neighbours of the turn channel: Rasa, and an action server with its lines prepared.

The action server speaks rasa-sdk's protocol over HTTP; Rasa is `rasa run` in a process of its
own, on a SQLite tracker store.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-for-tests-only"
Line = Callable[[dict[str, Any]], tuple[int, Any]]


def says(text: str, *events: dict[str, Any], **more: Any) -> Line:
    """An action that utters one text and returns events."""
    return lambda call: (200, {"events": list(events), "responses": [{"text": text, **more}]})


class ScriptedActions:
    """An action server on a free loopback port, until `stop`."""

    def __init__(self, port: int = 0) -> None:
        self.script: dict[str, Line] = {}
        self.calls: list[tuple[str, str]] = []  # (action, message id)
        actions = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                call = json.loads(self.rfile.read(int(self.headers["content-length"])))
                name = call["next_action"]
                actions.calls.append((name, call["tracker"]["latest_message"].get("message_id")))
                status, body = actions.script[name](call)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """Rasa hung up, as some tests want it to."""

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/webhook"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def named(self, action: str) -> list[tuple[str, str]]:
        return [call for call in self.calls if call[0] == action]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class RunningRasa:
    """`rasa run` on a free loopback port with a tracker database of its own."""

    def __init__(
        self,
        model: Path,
        actions_url: str,
        folder: Path,
        endpoints: str = "endpoints.yml",
        **environment: str,
    ) -> None:
        self.database = folder / "trackers.db"
        self.log = folder / "rasa.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        credentials = folder / "credentials.yml"  # the project's, with a shorter patience
        credentials.write_text(
            (ROOT / "credentials.yml")
            .read_text()
            .replace("action_timeout_seconds: 15", "action_timeout_seconds: 2")
        )
        self._command = [
            sys.executable,
            "-m",
            "rasa",
            "run",
            "-i",
            "127.0.0.1",
            "-p",
            str(self.port),
            "--endpoints",
            endpoints,
            "--credentials",
            str(credentials),
            "-m",
            str(model),
        ]
        self._environment = {
            **os.environ,
            "RASA_TELEMETRY_ENABLED": "false",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "AFTERCARE_ACTIONS_URL": actions_url,
            "AFTERCARE_TURN_SECRET": SECRET,
            "AFTERCARE_TRACKER_DB": f"sqlite:///{self.database}",
            **environment,
        }
        self.http = requests.Session()
        self.http.headers["authorization"] = f"Bearer {SECRET}"
        self.url = f"http://127.0.0.1:{self.port}/dialogue"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, ready: int = 200) -> None:
        """Start the process and wait until its health is answered with the status `ready`."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 120
        while True:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Rasa did not start:\n{self.log.read_text()[-3000:]}")
            try:
                if self.http.get(f"{self.url}/health", timeout=5).status_code == ready:
                    return
            except requests.ConnectionError:
                pass  # not yet listening
            time.sleep(0.1)

    def kill(self, how: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)

    def say(self, conversation: str, turn: str, text: str, **timeout: float) -> requests.Response:
        body = {"conversation": conversation, "turn": turn, "text": text}
        return self.http.post(f"{self.url}/turns", json=body, timeout=timeout.get("timeout", 60))

    def press(self, conversation: str, turn: str, payload: str) -> requests.Response:
        body = {"conversation": conversation, "turn": turn, "payload": payload}
        return self.http.post(f"{self.url}/turns", json=body, timeout=60)

    def events(self, conversation: str) -> list[dict[str, Any]]:
        """What the tracker database holds of a conversation."""
        with sqlite3.connect(self.database) as db:
            rows = db.execute(
                "SELECT data FROM events WHERE sender_id = ? ORDER BY id", (conversation,)
            ).fetchall()
        return [json.loads(data) for (data,) in rows]

    def slots(self, conversation: str) -> dict[str, Any]:
        return {e["name"]: e["value"] for e in self.events(conversation) if e["event"] == "slot"}
