"""Three tiny programs in place of the three parts; each answers on /health."""

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Health(BaseHTTPRequestHandler):
    """Tells who answers."""

    def do_GET(self) -> None:
        """Answer with the process id and what was inherited."""
        body = {"pid": os.getpid(), "child": CHILD, "secret": os.environ.get("PART_SECRET")}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Print a line that belongs to this part."""
        print(f"{NAME} was asked", flush=True)


NAME, PORT = sys.argv[1], int(sys.argv[2])
# A part may have a process of its own, which has to end with it.
CHILD = None
if "with-child" in sys.argv:
    CHILD = subprocess.Popen(["sleep", "600"]).pid
print(f"{NAME} starts", flush=True)
HTTPServer(("127.0.0.1", PORT), Health).serve_forever()
