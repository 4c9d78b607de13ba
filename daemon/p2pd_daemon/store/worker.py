"""The threads that hold the SQLite connections: one that writes in groups, and a few that read.

A trio task hands a function to a thread and waits. Writes that wait at the same moment are committed
together, so a burst costs one fsync and not one each; flusher.py says which writes need none. A
cancelled waiter leaves its function in the queue: it still runs, as a whole.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import trio

from p2pd_daemon.errors import StoreError
from p2pd_daemon.store.connection import close_writer, explain
from p2pd_daemon.store.flusher import Flush, Flusher, FlushTimer, Waiter
from p2pd_daemon.store.rows import News

log = logging.getLogger(__name__)

T = TypeVar("T")

QUEUE_CALLS = 256
"""Calls that may wait per lane; further callers wait before the queue. More would only hide that the disk is
slow.
"""

GROUP_CALLS = 256
"""Writes in one commit: as many as can wait."""

GROUP_SECONDS = 0.05
"""A group takes no further write after this long, so that the first of it does not wait for a whole burst."""


@dataclass(slots=True, eq=False)
class _Call(Generic[T]):
    run: Callable[[sqlite3.Connection], T]
    done: trio.Event
    durable: bool = True  # of a write: done only when it is on the disk
    result: T | None = None
    error: BaseException | None = None


class Lane:
    """A bounded queue of calls between trio tasks and one or more threads."""

    def __init__(self, capacity: int = QUEUE_CALLS) -> None:
        self._room = trio.Semaphore(capacity)
        self._calls: queue.SimpleQueue[_Call[Any] | None] = queue.SimpleQueue()
        self._closed = False

    async def call(self, run: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Runs `run(connection)` in a thread of this lane and returns what it returns or raises.

        When cancelled while waiting for the result, `run` still happens. A write that is not `durable` need not be
        on the disk by then (flusher.py).
        """
        await self._room.acquire()
        if self._closed:
            self._room.release()
            raise StoreError("The store is closed.", hint="The daemon is stopping; start it again.")
        call = _Call(run, trio.Event(), durable)
        self._calls.put(call)
        await call.done.wait()
        if call.error is not None:
            raise call.error
        return call.result  # type: ignore[return-value]  # None only where T allows it

    def finish(self, calls: Iterable[_Call[Any]]) -> None:
        """Wakes the waiters. In the loop's thread."""
        for call in calls:
            self._room.release()
            call.done.set()

    def close(self, threads: int) -> None:
        """No further calls; each of the lane's threads ends after those that are queued."""
        self._closed = True
        for _ in range(threads):
            self._calls.put(None)

    def take(self, seconds: float | None = None) -> _Call[Any] | None:
        """The next call, waiting for it; None at the end. In a thread. Raises queue.Empty after `seconds`."""
        return self._calls.get(timeout=seconds)

    def take_nowait(self) -> _Call[Any] | None:
        """The next call; raises queue.Empty. In a thread."""
        return self._calls.get_nowait()


class Thread:
    """A thread that trio can wait for."""

    def __init__(self, name: str, main: Callable[[], None]) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._ended = trio.Event()
        self._main = main
        # A daemon thread: if the loop dies without closing the store, the process must still end. SQLite can
        # be killed at any moment.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._main()
        finally:
            tell(self._token, self._ended.set)

    async def join(self) -> None:
        await self._ended.wait()
        self._thread.join()


def tell(token: trio.lowlevel.TrioToken, sync_fn: Callable[..., object], *args: Any) -> None:
    """Runs `sync_fn(*args)` in the loop's thread, soon. A loop that has ended needs no news."""
    try:
        token.run_sync_soon(sync_fn, *args)
    except trio.RunFinishedError:
        log.debug("the loop ended before the store was closed")


def serve_reads(
    conn: sqlite3.Connection, path: Path, lane: Lane, token: trio.lowlevel.TrioToken
) -> Callable[[], None]:
    """The main function of a reading thread. Each call sees one state of the database."""

    def main() -> None:
        try:
            while (call := lane.take()) is not None:
                _run_alone(conn, path, call, begin="BEGIN")
                tell(token, lane.finish, [call])
        finally:
            conn.close()

    return main


class Writer:
    """The writing thread's work: groups of calls, each group one transaction, each call in a savepoint of
    it.
    """

    def __init__(
        self,
        conn: sqlite3.Connection,
        path: Path,
        lane: Lane,
        *,
        before_commit: Callable[[sqlite3.Connection], None],
        read_news: Callable[[sqlite3.Connection], News],
        committed: Callable[[News], None],
    ) -> None:
        """`read_news` runs after each commit; `committed` gets it in the loop's thread, before the waiters wake."""
        self._conn = conn
        self._path = path
        self._lane = lane
        self._before_commit = before_commit
        self._read_news = read_news
        self._news = News(0)
        self._committed = committed
        self._token = trio.lowlevel.current_trio_token()
        self._flusher = Flusher(path, self._tell_flushed)
        self._timer = FlushTimer()

    def main(self) -> None:
        try:
            going = True
            while going and (first := self._take()) is not None:
                group = [first]
                going = self._commit(group)
                self._hand_on(group)
        finally:
            self._flusher.close()
            close_writer(self._conn)

    def begin_flush(self) -> Flush:
        """Of all that was committed before. In the loop's thread."""
        flush = Flush()
        self._flusher.flush(flush.finish)
        return flush

    def _take(self) -> _Call[Any] | None:
        """The next call, waiting for it; None at the end. What nobody waits for is flushed when it is time to."""
        try:
            return self._lane.take(self._timer.seconds_left())
        except queue.Empty:
            self._flush(())
            return self._lane.take()

    def _flush(self, calls: Sequence[_Call[Any]]) -> None:
        self._flusher.flush(partial(self._finish_durable, calls))
        self._timer.flushed(self._news.newest)

    def _hand_on(self, group: list[_Call[Any]]) -> None:
        """Tells those who wait for no more than the commit, and lets the others wait for the disk."""
        durable = [call for call in group if call.durable and call.error is None]
        others = [call for call in group if not call.durable or call.error is not None]
        tell(self._token, self._finish, others, self._news)
        if durable or self._timer.seconds_left() == 0.0:
            self._flush(durable)

    def _finish(self, calls: list[_Call[Any]], news: News) -> None:
        self._committed(news)
        self._lane.finish(calls)

    def _finish_durable(self, calls: Sequence[_Call[Any]], error: StoreError | None) -> None:
        for call in calls:
            call.error = error
        self._lane.finish(calls)

    def _tell_flushed(self, waiters: Sequence[Waiter], error: StoreError | None) -> None:
        """In the flusher's thread."""
        tell(self._token, _finish_all, waiters, error)

    def _note_commit(self) -> None:
        try:
            self._news = self._read_news(self._conn)
        except sqlite3.Error as exc:
            log.warning("the newest events cannot be read: %s", exc)
        self._timer.committed(self._news.newest)

    def _commit(self, group: list[_Call[Any]]) -> bool:
        """Runs the group's first call and those that wait behind it, and commits. False when the lane is
        closed.
        """
        going = True
        try:
            self._conn.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as exc:
            # Another program holds the lock, longer than the busy timeout: the others wait their turn.
            group[0].error = _explained(exc, self._path)
            return going
        try:
            deadline = time.monotonic() + GROUP_SECONDS
            self._run_in_savepoint(group[0])
            while going and len(group) < GROUP_CALLS and time.monotonic() < deadline:
                try:
                    call = self._lane.take_nowait()
                except queue.Empty:
                    break
                if call is None:
                    going = False
                else:
                    group.append(call)
                    self._run_in_savepoint(call)
            self._before_commit(self._conn)
            self._conn.execute("COMMIT")
        except Exception as exc:
            # The whole transaction is lost (disk full, I/O error). Alone, those that can succeed do.
            log.warning("a commit of %d writes failed (%s); trying them one by one", len(group), exc)
            _roll_back(self._conn)
            for call in group:
                _run_alone(self._conn, self._path, call, begin="BEGIN IMMEDIATE")
        self._note_commit()
        return going

    def _run_in_savepoint(self, call: _Call[Any]) -> None:
        self._conn.execute("SAVEPOINT call")
        try:
            call.result = call.run(self._conn)
        except Exception as exc:
            if not self._conn.in_transaction:
                raise  # SQLite has rolled everything back; the group starts over
            self._conn.execute("ROLLBACK TO call")
            call.error = _explained(exc, self._path)
        self._conn.execute("RELEASE call")


def _finish_all(waiters: Sequence[Waiter], error: StoreError | None) -> None:
    for waiter in waiters:
        waiter(error)


def _run_alone(conn: sqlite3.Connection, path: Path, call: _Call[Any], *, begin: str) -> None:
    call.result, call.error = None, None
    try:
        conn.execute(begin)
        call.result = call.run(conn)
        conn.execute("COMMIT")
    except Exception as exc:
        _roll_back(conn)
        call.error = _explained(exc, path)


def _roll_back(conn: sqlite3.Connection) -> None:
    try:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
    except sqlite3.Error as exc:
        log.warning("rolling back failed: %s", exc)


def _explained(exc: Exception, path: Path) -> Exception:
    """What the one who waits gets: SQLite's errors put into words, all others as they are."""
    error = explain(exc, path)
    if error is not exc:
        error.__cause__ = exc
    return error
