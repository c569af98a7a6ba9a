"""Becomes another program, one that ends when whoever started it ends.

    python tether.py KILL program argument ...

A supervisor that is killed outright cannot stop its programs, and they would hold their ports and
the database for ever. Linux sends them this signal instead. Elsewhere nothing is tethered, and
the next start says which port is still taken.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Tie this process to its parent, then become the program."""
    parent = os.getppid()
    name, *command = sys.argv[1:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.Signals[f"SIG{name}"], 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        if os.getppid() != parent:
            sys.exit(1)  # it ended while we were tying the knot
    os.execvp(command[0], command)  # noqa: S606  # the command is the supervisor's own


if __name__ == "__main__":
    main()
