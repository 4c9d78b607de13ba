"""How the store's methods reach SQLite: through lanes to its threads."""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection
from typing import Concatenate, ParamSpec, TypeVar

import trio

from p2pd_daemon.store.worker import Lane

P = ParamSpec("P")
T = TypeVar("T")


class StoreCalls:
    """What the parts of `Store` have in common."""

    def __init__(self) -> None:
        self._writes = Lane()
        self._reads = Lane()
        self._newest_event = 0
        self._changed = trio.Event()

    async def _write(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._writes.call(lambda conn: fn(conn, *args, **kwargs))

    async def _read(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._reads.call(lambda conn: fn(conn, *args, **kwargs))

    def _committed(self, newest_event: int) -> None:
        if newest_event > self._newest_event:
            self._newest_event = newest_event
            self._changed.set()
            self._changed = trio.Event()
