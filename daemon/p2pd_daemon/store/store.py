"""The store: everything that a node keeps, as async methods. SQLite runs in threads of its own.

Every method returns after the commit of what it wrote. Where that can be had again from others it need not be on the
disk yet (flusher.py). A method that is cancelled while it waits has either happened as a whole or not at all; nothing
else is affected. Methods raise StoreError (disk full, file not writable) and StoreDamaged beside what they name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import trio

from p2pd_daemon.core.limits import DEFAULT_LIMITS
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.store import events, heads, meta, people, records, rooms
from p2pd_daemon.store.connection import open_connections
from p2pd_daemon.store.message_calls import MessageCalls
from p2pd_daemon.store.rows import (
    OPEN,
    Ingested,
    KnownPeer,
    NewRecord,
    News,
    ProfileRow,
    Released,
    RoomRow,
)
from p2pd_daemon.store.sync_calls import SyncCalls
from p2pd_daemon.store.worker import Thread, Writer, serve_reads

READERS = 2
"""Reading threads, each with a connection: one long search leaves the other free. SQLite's work releases the
GIL.
"""


@asynccontextmanager
async def open_store(path: Path, *, events_kept: int = DEFAULT_LIMITS.events) -> AsyncIterator[Store]:
    """Opens the database at `path`, making it if it is not there; its folder has to be.

    Raises StoreDamaged, StoreTooNew, StoreError. At the end waits for pending writes, also when cancelled.
    The caller sees to it that no other process has the same file open. `events_kept` 0 keeps all events.
    """
    writer, readers = await trio.to_thread.run_sync(open_connections, path, READERS)
    store = Store()
    token = trio.lowlevel.current_trio_token()
    writing = store._writer = Writer(
        writer,
        path,
        store._writes,
        before_commit=partial(events.prune_events, kept=events_kept),
        read_news=store._read_news,
        committed=store._committed,
    )
    writer_thread = Thread("store-writer", writing.main)
    reader_threads = [
        Thread(f"store-reader-{i}", serve_reads(conn, path, store._reads, token))
        for i, conn in enumerate(readers)
    ]
    try:
        store._committed(News(await store._read(events.newest_event)))
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


class Store(MessageCalls, SyncCalls):
    """Made by open_store."""

    # Single values

    async def last_seqno(self) -> int:
        """The largest sequence number that was stored with an own record, 0 before the first."""
        return await self._read(meta.load_last_seqno)

    async def get_meta(self, key: str) -> str | None:
        return await self._read(meta.load_meta, key)

    async def set_meta(self, key: str, value: str) -> None:
        await self._write(meta.save_meta, key, value)

    # Rooms

    async def add_room(self, name: str, topic: str, now_ms: int, kind: str = OPEN) -> RoomRow:
        """Makes the room known and joined; one that is known keeps its messages."""
        return await self._write(rooms.add_room, name, topic, now_ms, kind)

    async def open_conversation(self, peer: PeerId, topic: str, now_ms: int) -> RoomRow:
        """The direct conversation with `peer`, made if there is none yet."""
        return await self._write(rooms.open_conversation, peer, topic, now_ms)

    async def set_joined(self, topic: str, joined: bool) -> None:
        """Raises NoSuchRoom. Messages are kept."""
        await self._write(rooms.set_joined, topic, joined)

    async def rooms(self, *, joined_only: bool = True, kind: str | None = None) -> list[RoomRow]:
        """By name; direct conversations, whose name is "", come first. `kind` None is all kinds."""
        return await self._read(rooms.load_rooms, joined_only=joined_only, kind=kind)

    async def room_by_topic(self, topic: str) -> RoomRow | None:
        return await self._read(rooms.room_by_topic, topic)

    async def room_by_name(self, name: str) -> RoomRow | None:
        """The room that people know by this name, joined or not."""
        return await self._read(rooms.room_by_name, name)

    async def room_by_peer(self, peer: PeerId) -> RoomRow | None:
        return await self._read(rooms.room_by_peer, peer)

    async def mark_read(self, room_n: int) -> None:
        await self._write_lazily(rooms.mark_read, room_n)

    async def heads(self, room_n: int) -> tuple[list[tuple[int, bytes]], list[bytes]]:
        """(heads as (ts_ms, id) in order, ids of parents that are not here)."""
        return await self._read(heads.load_heads, room_n)

    # Records

    async def ingest(self, batch: Sequence[NewRecord], *, durable: bool = True) -> list[Ingested]:
        """Stores a batch in one transaction, with all that follows; one answer per record, in order.

        Not `durable`: of what others have as well, so that it need not wait for the disk (flusher.py).
        """
        write = self._write if durable else self._write_lazily
        return await write(records.ingest, tuple(batch))

    async def ingest_own(
        self,
        room_n: int,
        compose: Callable[[list[tuple[int, bytes]], list[bytes]], Sequence[NewRecord]],
    ) -> tuple[Sequence[NewRecord], list[Ingested]]:
        """As `ingest`, not `durable`, of what `compose` makes from the room's `heads` in the same transaction.

        `compose` runs in the writing thread, and again if the transaction has to be repeated.
        """
        return await self._write_lazily(_ingest_own, room_n, compose)

    async def release_quarantined(self, now_ms: int, *, limit: int = 500) -> list[Released]:
        """Records whose time has come, at most `limit`, as if they had arrived now. Call again after a full
        batch.
        """
        return await self._write(records.release_quarantined, now_ms, limit)

    async def quarantined(self, room_n: int) -> int:
        return await self._read(records.count_quarantined, room_n)

    async def drop_body(self, record_id: bytes) -> bool:
        """Forgets text and signed bytes, keeps (ts, id). False if there is no such record."""
        return await self._write(records.drop_body, record_id)

    async def raws(self, ids: Collection[bytes]) -> dict[bytes, bytes]:
        """The signed bytes of those that are here with their body."""
        return await self._read(records.load_raws, ids)

    async def known(self, ids: Collection[bytes]) -> set[bytes]:
        """Which of these are here, with or without body."""
        return await self._read(records.load_known, ids)

    # People

    async def profiles(self, authors: Collection[PeerId] | None = None) -> dict[PeerId, ProfileRow]:
        """What people last said about themselves; of these authors, or of all."""
        return await self._read(people.load_profiles, authors)

    async def latest_profile_raw(self, author: PeerId, room_n: int) -> bytes | None:
        """The signed bytes of the newest profile of `author` in this room."""
        return await self._read(people.load_latest_profile, author, room_n)

    async def contacts(self) -> dict[PeerId, str]:
        """Petnames, by name."""
        return await self._read(people.load_contacts)

    async def set_petname(self, peer: PeerId, petname: str, now_ms: int) -> None:
        await self._write(people.save_petname, peer, petname, now_ms)

    async def remove_contact(self, peer: PeerId) -> bool:
        return await self._write(people.remove_contact, peer)

    async def block(self, peer: PeerId, now_ms: int) -> bool:
        """False if it was blocked already."""
        return await self._write(people.block, peer, now_ms)

    async def unblock(self, peer: PeerId) -> bool:
        """False if it was not blocked."""
        return await self._write(people.unblock, peer)

    async def blocked(self) -> frozenset[PeerId]:
        return await self._read(records.load_blocked)

    async def remember_peer(self, peer: PeerId, addrs: Sequence[str], now_ms: int, source: str) -> None:
        """Puts `addrs` before the addresses known so far (8 are kept, of at most 1,000 peers)."""
        await self._write_lazily(people.remember_peer, peer, tuple(addrs), now_ms, source)

    async def peers_known(self, limit: int = 100) -> list[KnownPeer]:
        """The last seen first."""
        return await self._read(people.load_known_peers, limit)

    async def forget_peer(self, peer: PeerId) -> None:
        await self._write(people.forget_peer, peer)

    # Events

    async def add_event(self, kind: str, now_ms: int, data: Mapping[str, Any]) -> int:
        """Adds an event with JSON data; returns its number."""
        return await self._write_lazily(events.add_event, kind, now_ms, data)

    async def oldest_event(self) -> int:
        """The smallest number that is still kept; newest_event() + 1 when none is."""
        return await self._read(events.oldest_event)


def _ingest_own(
    conn: Connection,
    room_n: int,
    compose: Callable[[list[tuple[int, bytes]], list[bytes]], Sequence[NewRecord]],
) -> tuple[Sequence[NewRecord], list[Ingested]]:
    batch = compose(*heads.load_heads(conn, room_n))
    return batch, records.ingest(conn, batch)
