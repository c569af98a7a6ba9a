"""`python -m gateway`: reads the settings and serves until it is told to stop."""

import sys

import uvicorn
from pydantic import ValidationError

from gateway import logs
from gateway.app import create_app
from gateway.settings import Settings

GRACE_SECONDS = 5  # for requests in flight when the process is told to stop


def main() -> int:
    """Serve; 2 if a setting is missing or wrong."""
    logs.configure()
    try:
        settings = Settings()  # type: ignore[call-arg]  # the environment gives the rest
    except ValidationError as error:
        for problem in error.errors():
            name = "AFTERCARE_" + "_".join(str(part) for part in problem["loc"]).upper()
            print(f"{name}: {problem['msg']}. See .env.example.", file=sys.stderr)
        return 2
    uvicorn.run(
        create_app(settings),
        host=settings.gateway_host,
        port=settings.gateway_port,
        log_config=None,  # what `logs.configure` set up
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ws_max_size=16 * 1024,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
