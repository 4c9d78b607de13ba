"""Where the daemon is: its home folder holds `run.json` while it runs.

Imports neither `typing` nor `dataclasses`, which would double the time that `p2pd status` takes.
"""

from __future__ import annotations

import json
import os

from .errors import DaemonNotRunning

RUN_FIELDS = ("pid", "socket", "http", "peer_id", "started_ms")


class Daemon:
    """A daemon's `run.json`: `http` is its page's address without the token, or None."""

    def __init__(
        self, *, home: str, pid: int, socket: str, http: str | None, peer_id: str, started_ms: int
    ) -> None:
        self.home = home
        self.pid = pid
        self.socket = socket
        self.http = http
        self.peer_id = peer_id
        self.started_ms = started_ms


def home_path(home: str | os.PathLike[str] | None = None) -> str:
    """The home folder: what is given, else `$P2PD_HOME`, else `p2pd` in the platform's user data folder."""
    chosen = home or os.environ.get("P2PD_HOME")
    if chosen:
        return os.path.abspath(os.path.expanduser(chosen))
    import platformdirs  # noqa: PLC0415  # costs milliseconds that most commands need not pay

    return platformdirs.user_data_dir("p2pd", appauthor=False)


def find_daemon(home: str | os.PathLike[str] | None = None) -> Daemon:
    """Raises DaemonNotRunning when none has said where it is. One that was killed may still be named."""
    folder = home_path(home)
    try:
        with open(os.path.join(folder, "run.json"), "rb") as file:
            run = json.loads(file.read())
        return Daemon(home=folder, **{name: run[name] for name in RUN_FIELDS})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DaemonNotRunning(f"its home is {folder}") from error


def load_token(home: str | os.PathLike[str] | None = None) -> str:
    """The token for TCP, from the home folder."""
    try:
        with open(os.path.join(home_path(home), "token"), encoding="ascii") as file:
            return file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DaemonNotRunning(f"no token in {home_path(home)}") from error
