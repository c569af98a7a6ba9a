"""Runs the parts of a test as `python -m operate run` runs the real ones."""

import json
import os
import sys
from pathlib import Path

from operate.running import supervise
from operate.steps import StepFailed, say
from operate.supervisor import Program

root, parts = Path(sys.argv[1]), json.loads(sys.argv[2])
programs = [
    Program(
        name=part["name"],
        command=part["command"],
        port=part["port"],
        port_setting=f"PORT_OF_{part['name'].upper()}",
        health_url=f"http://127.0.0.1:{part['port']}/health",
    )
    for part in parts
]
try:
    sys.exit(supervise(programs, os.environ, lambda: say("READY"), root))
except StepFailed as failure:
    sys.exit(str(failure))
