"""`p2pd stop`, `status`, `id`."""

from __future__ import annotations

import os
import select
import signal
import time

import click
from p2pd_client.errors import ApiError, DaemonNotRunning
from p2pd_daemon.identity import load_or_create_identity
from p2pd_daemon.paths import Home, holder_of, open_home

from p2pd_cli.call import ask
from p2pd_cli.failures import CliError
from p2pd_cli.output import one_line, print_fields, print_json
from p2pd_cli.params import current_home, home_option, json_option
from p2pd_cli.quick_status import status_fields

STOP_PATIENCE_S = 30.0  # an orderly stop is a second or two; a full disk or a debugger may hold it up


@click.command("status")
@home_option
@json_option
def status_command(as_json: bool) -> None:
    """Show the node at a glance.

    Who it is, how long it runs, how many peers, rooms and waiting messages it has.

    \b
    Example:
      p2pd status
      p2pd status --json | jq .peers
    """
    status = ask("GET", "/v1/status")
    if as_json:
        print_json(status)
    else:
        print_fields(status_fields(status))


@click.command("id")
@home_option
@json_option
def id_command(as_json: bool) -> None:
    """Show this node's peer ID, and its addresses when it runs.

    No daemon is needed; a missing key is made.

    \b
    Example:
      p2pd id
      p2pd id --json | jq -r .peer_id
    """
    try:
        shown = ask("GET", "/v1/id")
    except DaemonNotRunning:
        key = load_or_create_identity(open_home(current_home().path))
        shown = {"peer_id": key.peer_id, "addrs": []}
    if as_json:
        print_json(shown)
        return
    print(shown["peer_id"])
    for addr in shown["addrs"]:
        print(one_line(addr))


@click.command("stop")
@home_option
@json_option
def stop_command(as_json: bool) -> None:
    """Stop the node, and return when its process is gone.

    \b
    Example:
      p2pd stop
    """
    home = current_home()
    pid = holder_of(home)
    if pid is None:
        raise DaemonNotRunning(f"its home is {home.path}")
    deadline = time.monotonic() + STOP_PATIENCE_S
    watched = _watch(pid)
    try:
        _ask_to_stop(pid)
        _wait_gone(home, watched, deadline)
    finally:
        if watched is not None:
            os.close(watched)
    if as_json:
        print_json({"ok": True})
    else:
        print("stopped")


def _watch(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None where the system has none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None  # not Linux, or the process is in another pid namespace: the lock tells, too


def _ask_to_stop(pid: int) -> None:
    """By the API; by a signal when the API does not answer (it has not begun to, or it hangs)."""
    try:
        ask("POST", "/v1/stop", {}, timeout=5.0)
    except (ApiError, OSError):
        if pid == 0:
            raise
        os.kill(pid, signal.SIGTERM)


def _wait_gone(home: Home, watched: int | None, deadline: float) -> None:
    if watched is not None:
        select.select([watched], [], [], max(0.0, deadline - time.monotonic()))
    while True:
        pid = holder_of(home)
        if pid is None:
            return
        if time.monotonic() > deadline:
            raise CliError(
                f"process {pid} has not stopped within {STOP_PATIENCE_S:.0f} s",
                hint=f"`kill -9 {pid}` ends it.",
            )
        time.sleep(0.02)
