"""Errors as a person sees them, and the exit codes that scripts see.

0 done, 1 failed, 2 usage, 3 daemon not running, 4 no such room, peer or message, 5 network, 6 refused or over a limit;
130 after Ctrl-C and 141 when the reader of our output has gone, as the shell has it for signals.
"""

from __future__ import annotations

import os
import sys

from p2pd_daemon.core.terminal import sanitise

from p2pd_cli.output import coloured

INTERRUPTED = 130
READER_GONE = 141


class CliError(Exception):
    """An error found by the command itself, not by the daemon."""

    def __init__(self, message: str, *, hint: str = "", exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


def report(message: str, hint: str = "") -> None:
    """Writes `error: …` and `hint: …` to stderr."""
    print(f"{coloured('error:', '31', sys.stderr)} {sanitise(message)}", file=sys.stderr)
    if hint:
        print(f"{coloured('hint:', '36', sys.stderr)} {sanitise(hint)}", file=sys.stderr)


def leave_closed_pipe() -> int:
    """After BrokenPipeError: keeps the interpreter from complaining about stdout once more at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return READER_GONE
