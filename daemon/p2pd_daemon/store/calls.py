"""How the store's methods reach SQLite: through lanes to its threads."""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection
from typing import Concatenate, ParamSpec, TypeVar

import trio

from p2pd_daemon.store.events import events_after, read_news
from p2pd_daemon.store.flusher import Flush
from p2pd_daemon.store.rows import EventRow, News
from p2pd_daemon.store.worker import Lane, Writer

NEWS_EVENTS = 512
"""What followers of the events get without reading it again; who is further behind reads the database."""

P = ParamSpec("P")
T = TypeVar("T")


class StoreCalls:
    """What the parts of `Store` have in common."""

    _writer: Writer

    def __init__(self) -> None:
        self._writes = Lane()
        self._reads = Lane()
        self._news = News(0)
        self._news_read = 0  # by the writing thread
        self._followers = 0  # who wait for events
        self._followed = False  # somebody has asked for events since the last commit
        self._changed = trio.Event()

    async def _write(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._writes.call(lambda conn: fn(conn, *args, **kwargs))

    async def _write_lazily(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `_write`, of what can be had again: does not wait for the disk (flusher.py)."""
        return await self._writes.call(lambda conn: fn(conn, *args, **kwargs), durable=False)

    def begin_flush(self) -> Flush:
        """For who wants to know when all that was committed before is on the disk."""
        return self._writer.begin_flush()

    async def _read(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._reads.call(lambda conn: fn(conn, *args, **kwargs))

    async def events_after(self, n: int, limit: int = 500) -> list[EventRow]:
        """The next events, oldest first. A message is as it is now: the nick, the state, the text."""
        self._followed = True
        news = self._news
        if news.after <= n < news.newest and news.events:
            await trio.lowlevel.checkpoint_if_cancelled()
            return [event for event in news.events if event.n > n][:limit]
        return await self._read(events_after, n, limit)

    async def newest_event(self) -> int:
        """The largest number that was committed, 0 before the first."""
        await trio.lowlevel.checkpoint()
        return self._news.newest

    async def wait_events(self, after_n: int) -> int:
        """Returns the newest number as soon as it is above `after_n`; wakes on commit, without polling."""
        if self._news.newest > after_n:
            await trio.lowlevel.checkpoint()
            return self._news.newest
        self._followers += 1
        try:
            while self._news.newest <= after_n:
                await self._changed.wait()
        finally:
            self._followers -= 1
        return self._news.newest

    def _read_news(self, conn: Connection) -> News:
        """In the writing thread, after a commit: a row that the commit before gave out may be another by now."""
        wanted = self._followers or self._followed
        news = read_news(conn, self._news_read, NEWS_EVENTS if wanted else 0)
        self._news_read = news.newest
        return news

    def _committed(self, news: News) -> None:
        risen = news.newest > self._news.newest
        self._news = news
        if risen:
            self._followed = False
            self._changed.set()
            self._changed = trio.Event()
