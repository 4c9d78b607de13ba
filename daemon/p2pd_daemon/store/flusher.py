"""Bringing commits to the disk, in a thread of its own, while the next ones are made.

A commit writes to the write-ahead log (`synchronous=NORMAL`): there no `kill -9` reaches it, but a power failure may.
Whoever needs more waits for a flush after it: what a person is told is stored, what we acknowledge to a peer. The rest
(what gossip brought, to whom a message was handed) can be had again from others; it is flushed along, or by itself
after FLUSH_SECONDS. When the power fails before, the database is as it was a moment ago, sound, and reconciliation
brings what is missing.

Flushing the log is all that `synchronous=FULL` adds to a commit; before SQLite moves pages from the log into the
database, and before it begins the log anew, it flushes by itself (<https://sqlite.org/pragma.html#pragma_synchronous>).
The log can be opened and closed beside SQLite, which holds its locks on other files.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

FLUSH_SECONDS = 0.25
"""Nothing is committed and not on the disk for longer."""

UNFLUSHED_EVENTS = 1_000
"""With so many new events a flush does not wait for FLUSH_SECONDS. After an unclean end so many numbers are skipped, so
that none that a client has seen is given to another event.
"""

FLUSHED_TOGETHER = UNFLUSHED_EVENTS // 2  # and as many again while that flush goes on

_flush_file = getattr(os, "fdatasync", os.fsync)  # macOS has only the latter


class Flusher(Generic[T]):
    """`done` is told, in the flusher's thread, who has waited and why it failed, if it did."""

    def __init__(self, path: Path, done: Callable[[list[T], OSError | None], None]) -> None:
        self._log = path.with_name(path.name + "-wal")
        self._done = done
        self._waiting: queue.SimpleQueue[list[T] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-flusher", daemon=True)
        self._thread.start()

    def flush(self, waiters: list[T]) -> None:
        """Soon, what was committed before. From any thread."""
        self._waiting.put(waiters)

    def close(self) -> None:
        """Returns when all who wait have been told. Not from the flusher's thread."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (waiters := self._waiting.get()) is not None:
            together = list(waiters)
            more = self._more(together)
            self._done(together, self._flush())
            if not more:
                return

    def _more(self, together: list[T]) -> bool:
        """Adds those who wait by now: one flush is for all of them. False at the end."""
        while True:
            try:
                waiters = self._waiting.get_nowait()
            except queue.Empty:
                return True
            if waiters is None:
                return False
            together += waiters

    def _flush(self) -> OSError | None:
        try:
            log = os.open(self._log, os.O_RDWR | os.O_CLOEXEC)
            try:
                _flush_file(log)
            finally:
                os.close(log)
        except FileNotFoundError:  # SQLite took it away when it had moved all into the database
            return None
        except OSError as error:
            return error
        return None


class FlushTimer:
    """When the writing thread has to have flushed what nobody waits for."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._flushed = 0  # the newest event then

    def seconds_left(self) -> float | None:
        """None when everything was flushed."""
        return None if self._since is None else max(0.0, self._since + FLUSH_SECONDS - time.monotonic())

    def committed(self, newest_event: int) -> None:
        if newest_event - self._flushed > FLUSHED_TOGETHER:
            self._since = 0.0
        elif self._since is None:
            self._since = time.monotonic()

    def flushed(self, newest_event: int) -> None:
        self._since = None
        self._flushed = newest_event
