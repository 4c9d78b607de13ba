"""Ctrl-C while a node starts, before its loop listens for signals: the process ends at once and says nothing.

Nothing needs an orderly end until a node is ready: the store survives kill -9, and the kernel gives the lock back.
"""

from __future__ import annotations

import signal


def hold_interrupts() -> None:
    """Before exec: a Ctrl-C waits for the new program, whose interpreter would answer it with a traceback."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def let_interrupts_end() -> None:
    """From here on a Ctrl-C ends the process, unless a loop listens for it. Where it is ignored it stays ignored."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
