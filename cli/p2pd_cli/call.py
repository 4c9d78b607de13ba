"""One short request to the daemon of this command line's home, over its unix socket."""

from __future__ import annotations

from typing import Any

from p2pd_client import quick

from p2pd_cli.params import given_home

ASK_TIMEOUT_S = 30.0


def ask(method: str, path: str, body: object = None, *, timeout: float = ASK_TIMEOUT_S) -> Any:
    """The decoded JSON answer. Raises ApiError: DaemonNotRunning, ConnectionLost or what the daemon says."""
    return quick.ask(method, path, body, home=given_home(), timeout=timeout)
