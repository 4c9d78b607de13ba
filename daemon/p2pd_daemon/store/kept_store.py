"""The database of a store node as async methods, as `store.py` is for a node's own. Raises the same errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from sqlite3 import Connection
from typing import Concatenate, ParamSpec, TypeVar

import trio

from p2pd_daemon.core.keeping import KeptRecord, KeptTotals
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.store import kept, kept_mail, kept_undated, sync
from p2pd_daemon.store.connection import open_connections
from p2pd_daemon.store.kept import Added, KeptSet
from p2pd_daemon.store.migrations import KEPT
from p2pd_daemon.store.rows import News
from p2pd_daemon.store.sync import SyncBatch
from p2pd_daemon.store.worker import Lane, Thread, Writer, serve_reads

READERS = 2

P = ParamSpec("P")
T = TypeVar("T")


@asynccontextmanager
async def open_kept(path: Path) -> AsyncIterator[KeptStore]:
    """Opens the database at `path`, making it if it is not there; its folder has to be. As `open_store`."""
    writer, readers = await trio.to_thread.run_sync(open_connections, path, READERS, KEPT)
    store = KeptStore()
    token = trio.lowlevel.current_trio_token()
    writing = Writer(
        writer,
        path,
        store._writes,
        before_commit=lambda conn: None,
        read_news=lambda conn: News(0),
        committed=lambda news: None,
    )
    writer_thread = Thread("kept-writer", writing.main)
    reader_threads = [
        Thread(f"kept-reader-{i}", serve_reads(conn, path, store._reads, token))
        for i, conn in enumerate(readers)
    ]
    try:
        yield store
    finally:
        with trio.CancelScope(shield=True):
            for conn in readers:
                conn.interrupt()
            store._reads.close(READERS)
            for thread in reader_threads:
                await thread.join()
            store._writes.close(1)
            await writer_thread.join()


class KeptStore:
    """Made by open_kept."""

    def __init__(self) -> None:
        self._writes = Lane()
        self._reads = Lane()

    async def _write(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._writes.call(lambda conn: fn(conn, *args, **kwargs))

    async def _read(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._reads.call(lambda conn: fn(conn, *args, **kwargs))

    # Rooms

    async def find_room(self, tag: bytes) -> KeptSet | None:
        return await self._read(kept.find_set, kept.ROOM, tag)

    async def refusal(self, peer: PeerId, room: KeptSet | None, limits: Limits) -> str:
        """Why the peer may bring nothing to the room (None: a new one); "" when it may."""
        return await self._read(kept_undated.refusal, peer, room, limits)

    async def touch(self, set_n: int, now_ms: int) -> None:
        """Somebody asked for it."""
        await self._write(kept.touch_set, set_n, now_ms)

    async def known(self, set_n: int, ids: Sequence[bytes]) -> set[bytes]:
        return await self._read(kept.known_ids, set_n, ids)

    async def add_records(
        self, tag: bytes, peer: PeerId, batch: Sequence[KeptRecord], *, now_ms: int, limits: Limits
    ) -> Added:
        """Keeps verified records of a room; see store/kept.py for what gives way to them."""
        return await self._write(kept.add_records, tag, peer, batch, now_ms=now_ms, limits=limits)

    async def places(self, room_n: int) -> list[tuple[int, bytes]]:
        """(ts_ms, id) of every record, in order."""
        return await self._read(sync.load_places, room_n)

    async def page(
        self, room_n: int, before: tuple[int, bytes] | None, floor_ts: int, max_bytes: int
    ) -> SyncBatch:
        return await self._read(kept_undated.load_page, room_n, before, floor_ts, max_bytes)

    async def batch(self, room_n: int, ids: Sequence[bytes]) -> SyncBatch:
        return await self._read(kept_undated.load_batch, room_n, ids)

    # Mailboxes

    async def add_mail(
        self, tag: bytes, peer: PeerId, one: KeptRecord, *, now_ms: int, limits: Limits
    ) -> str:
        """Keeps a verified direct message; "" or the quota that forbids it."""
        return await self._write(kept_mail.add_mail, tag, peer, one, now_ms=now_ms, limits=limits)

    async def mail_after(
        self, tag: bytes, after: tuple[int, bytes] | None, max_bytes: int
    ) -> tuple[list[bytes], bool]:
        """(the oldest records after a place, whether there are more)."""
        return await self._read(kept_mail.mail_after, tag, after, max_bytes)

    async def drop_mail(self, tag: bytes, ids: Sequence[bytes]) -> None:
        await self._write(kept_mail.drop_mail, tag, ids)

    # All

    async def expire(self, before_ms: int) -> list[int]:
        """Gives up what nobody asked for since; the numbers of the rooms that went."""
        return await self._write(kept.expire, before_ms)

    async def totals(self) -> KeptTotals:
        return await self._read(kept.totals)
