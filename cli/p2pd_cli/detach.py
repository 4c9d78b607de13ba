"""Starting a process that goes on alone: ready line through a pipe, everything else to daemon.log."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from p2pd_daemon.paths import Home, open_home

from p2pd_cli.failures import CliError

READY_PATIENCE_S = 60.0  # a large database's migration takes seconds; what needs longer is stuck
EXIT_PATIENCE_S = 5.0  # from closing the pipe to the end of a process that failed
LOG_SHOWN_LINES = 15


def start_detached(command: Sequence[str], home: Home) -> None:
    """Starts it in a session of its own and prints what it says when ready.

    The process finds the number of the pipe's file descriptor in P2PD_READY_FD, writes its ready line there and
    closes it. If it ends before that, its error is shown and its exit code becomes ours.
    """
    open_home(home.path)
    log = os.open(home.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    start_of_log = os.fstat(log).st_size
    reader, writer = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=[writer],
            env=os.environ | {"P2PD_READY_FD": str(writer)},
        )
    finally:
        os.close(writer)
        os.close(log)
    try:
        ready = _read_ready(reader, time.monotonic() + READY_PATIENCE_S)
    except BaseException:
        process.terminate()
        raise
    finally:
        os.close(reader)
    if not ready:
        raise _failed(process, home.log, start_of_log)
    sys.stdout.write(ready.decode())
    sys.stdout.flush()
    process.returncode = 0  # it is meant to outlive us: no warning that it still runs


def _read_ready(reader: int, deadline: float) -> bytes:
    """All that is written until the pipe is closed; empty when the process ended without a word."""
    ready = b""
    while True:
        readable, _, _ = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            raise CliError(
                f"the daemon was not ready after {READY_PATIENCE_S:.0f} s, and was stopped",
                hint="Start it without --detach to see what it does.",
            )
        part = os.read(reader, 65536)
        if not part:
            return ready
        ready += part


def _failed(process: subprocess.Popen[bytes], log: Path, start_of_log: int) -> CliError:
    """What the process said before it ended: its own error and hint where it gave them, else the log's end."""
    try:
        code = process.wait(EXIT_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.terminate()
        code = 1
    with log.open("rb") as file:
        file.seek(start_of_log)
        lines = file.read().decode(errors="replace").splitlines()
    message = next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), None)
    hint = next((line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")), "")
    if message is None:
        end = "\n".join(lines[-LOG_SHOWN_LINES:])
        return CliError(f"the daemon ended before it was ready (exit code {code})\n{end}", hint=f"See {log}.")
    return CliError(message, hint=hint, exit_code=code if 0 < code < 128 else 1)
