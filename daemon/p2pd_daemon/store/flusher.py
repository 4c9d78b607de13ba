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

import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

import trio

from p2pd_daemon.errors import StoreError

log = logging.getLogger(__name__)

Waiter = Callable[[StoreError | None], None]

FLUSH_SECONDS = 0.25
"""Nothing is committed and not on the disk for longer."""

UNFLUSHED_EVENTS = 1_000
"""With so many new events a flush does not wait for FLUSH_SECONDS. After an unclean end so many numbers are skipped, so
that none that a client has seen is given to another event.
"""

FLUSHED_TOGETHER = UNFLUSHED_EVENTS // 2  # and as many again while that flush goes on

_flush_file = getattr(os, "fdatasync", os.fsync)  # macOS has only the latter


class Flush:
    """One who waits for the disk."""

    def __init__(self) -> None:
        self._done = trio.Event()
        self._error: StoreError | None = None

    def finish(self, error: StoreError | None) -> None:
        self._error = error
        self._done.set()

    async def wait(self) -> None:
        """Raises StoreError when the disk fails."""
        await self._done.wait()
        if self._error is not None:
            raise self._error


class Flusher:
    """The thread. Whoever waits is told in the loop's thread, with the error if there was one."""

    def __init__(self, path: Path, tell: Callable[[list[Waiter], StoreError | None], None]) -> None:
        """`tell` is called in this thread."""
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._tell = tell
        self._waiting: queue.SimpleQueue[Waiter | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-flusher", daemon=True)
        self._thread.start()

    def flush(self, waiter: Waiter) -> None:
        """Soon, what was committed before. From any thread."""
        self._waiting.put(waiter)

    def close(self) -> None:
        """Returns when all who wait have been told. Not from the flusher's thread."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            waiters = [first]
            going = self._add_waiting(waiters)
            self._tell(waiters, self._flush())
            if not going:
                return

    def _add_waiting(self, waiters: list[Waiter]) -> bool:
        """Those who wait by now: one flush is for all of them. False at the end."""
        while True:
            try:
                waiter = self._waiting.get_nowait()
            except queue.Empty:
                return True
            if waiter is None:
                return False
            waiters.append(waiter)

    def _flush(self) -> StoreError | None:
        try:
            log_file = os.open(self._log, os.O_RDWR | os.O_CLOEXEC)
            try:
                _flush_file(log_file)
            finally:
                os.close(log_file)
        except FileNotFoundError:  # SQLite took it away when it had moved all into the database
            return None
        except OSError as error:
            log.warning("%s cannot be brought to the disk: %s", self._path, error)
            return unflushed(self._path, error)
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


def unflushed(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{path} cannot be brought to the disk: {error.strerror}.",
        hint="What was written last may be lost if the power fails. Check the disk (dmesg).",
    )
