"""How a started process tells whoever started it that it is ready: a person, a script, or `p2pd start --detach`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping

READY_FD = "P2PD_READY_FD"  # set by `--detach`: the pipe that the line goes to, and that is closed then


def write_ready(text: str) -> None:
    """Writes the lines to the pipe that `--detach` reads, else to standard output."""
    fd = os.environ.pop(READY_FD, "")
    if not fd.isdigit():
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        return
    with open(int(fd), "w", encoding="utf-8") as pipe:
        pipe.write(text + "\n")


def ready_line(fields: Mapping[str, object]) -> str:
    """One line of JSON that begins with the event's name."""
    return json.dumps({"event": "ready", **fields}, ensure_ascii=False)
