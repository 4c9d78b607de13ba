"""The store: everything that a node keeps, as async methods. SQLite runs in threads of its own.

Every method returns after the commit of what it wrote. A method that is cancelled while it waits has either
happened as a whole or not at all; nothing else is affected. Methods raise StoreError (disk full, file not
writable) and StoreDamaged beside what they name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Concatenate, ParamSpec, TypeVar

import trio

from p2pd_daemon.core.limits import DEFAULT_LIMITS
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.store import (
    changes,
    delivery,
    deposits,
    events,
    export,
    heads,
    history,
    meta,
    people,
    reactions,
    records,
    retention,
    rooms,
    sync,
)
from p2pd_daemon.store.connection import open_connections
from p2pd_daemon.store.export import ExportRow, ExportStart
from p2pd_daemon.store.rows import (
    OPEN,
    EventRow,
    Ingested,
    KnownPeer,
    MessageRow,
    NewRecord,
    OutboxCounts,
    ProfileRow,
    Released,
    RoomRow,
    VersionRow,
)
from p2pd_daemon.store.sync import SyncBatch
from p2pd_daemon.store.worker import Lane, Thread, Writer, serve_reads

READERS = 2
"""Reading threads, each with a connection: one long search leaves the other free. SQLite's work releases the
GIL.
"""

P = ParamSpec("P")
T = TypeVar("T")


@asynccontextmanager
async def open_store(path: Path, *, events_kept: int = DEFAULT_LIMITS.events) -> AsyncIterator[Store]:
    """Opens the database at `path`, making it if it is not there; its folder has to be.

    Raises StoreDamaged, StoreTooNew, StoreError. At the end waits for pending writes, also when cancelled.
    The caller sees to it that no other process has the same file open. `events_kept` 0 keeps all events.
    """
    writer, readers = await trio.to_thread.run_sync(open_connections, path, READERS)
    store = Store()
    token = trio.lowlevel.current_trio_token()
    writing = Writer(
        writer,
        path,
        store._writes,
        before_commit=partial(events.prune_events, kept=events_kept),
        newest_event=events.newest_event,
        committed=store._committed,
    )
    writer_thread = Thread("store-writer", writing.main)
    reader_threads = [
        Thread(f"store-reader-{i}", serve_reads(conn, path, store._reads, token))
        for i, conn in enumerate(readers)
    ]
    try:
        store._newest_event = await store.newest_event()
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


class Store:
    """Made by open_store."""

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

    async def room_by_peer(self, peer: PeerId) -> RoomRow | None:
        return await self._read(rooms.room_by_peer, peer)

    async def mark_read(self, room_n: int) -> None:
        await self._write(rooms.mark_read, room_n)

    async def heads(self, room_n: int) -> tuple[list[tuple[int, bytes]], list[bytes]]:
        """(heads as (ts_ms, id) in order, ids of parents that are not here)."""
        return await self._read(heads.load_heads, room_n)

    # Records

    async def ingest(self, batch: Sequence[NewRecord]) -> list[Ingested]:
        """Stores a batch in one transaction, with all that follows; one answer per record, in order."""
        return await self._write(records.ingest, tuple(batch))

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

    # Reconciliation

    async def places(self, room_n: int) -> list[tuple[int, bytes]]:
        """(ts_ms, id) of every record of the room, in order."""
        return await self._read(sync.load_places, room_n)

    async def page(
        self, room_n: int, before: tuple[int, bytes] | None, floor_ts: int, max_bytes: int
    ) -> SyncBatch:
        """The newest records before a place, about `max_bytes` of them."""
        return await self._read(sync.load_page, room_n, before, floor_ts, max_bytes)

    async def batch(self, room_n: int, ids: Sequence[bytes]) -> SyncBatch:
        """These records of the room, as far as they are here."""
        return await self._read(sync.load_batch, room_n, ids)

    async def deleters(self, room_n: int, record_id: bytes) -> frozenset[PeerId]:
        """Who, of all that is here, took that record back."""
        return await self._read(sync.deleters, room_n, record_id)

    async def note_gone(self, room_n: int, place: tuple[int, bytes], now_ms: int) -> bool:
        """As `keep_deleted`, for one; False if there is a record already."""
        return bool(await self._write(changes.keep_deleted, room_n, (place,), now_ms))

    async def newest_own(self, room_n: int) -> int:
        """The number of our newest record in the room, for `note_holds`."""
        return await self._read(sync.newest_own, room_n)

    async def note_members(self, room_n: int, peers: Collection[PeerId], now_ms: int) -> None:
        """These peers were seen in the room."""
        await self._write(sync.save_members, room_n, peers, now_ms)

    async def note_holds(self, room_n: int, peer: PeerId, own_n: int, now_ms: int) -> bool:
        """The peer has all our records of the room up to number `own_n`; whether that is news."""
        return await self._write(sync.save_holds, room_n, peer, own_n, now_ms)

    async def nth_newest_ts(self, room_n: int, nth: int) -> int | None:
        """The ts of the `nth` newest record of the room, None when it has fewer."""
        return await self._read(retention.nth_newest_ts, room_n, nth)

    async def raise_floor(self, room_n: int, floor_ts: int) -> int:
        """Gives up some records from before `floor_ts`; how many. Call again until it is 0."""
        return await self._write(retention.raise_floor, room_n, floor_ts)

    # Exports

    async def know_room(self, name: str, topic: str) -> RoomRow:
        """The open room, known from now on, and joined only if it was."""
        return await self._write(export.know_room, name, topic)

    async def begin_export(self, room_n: int, after: tuple[int, bytes]) -> ExportStart:
        """The set of all records after a place that are here now."""
        return await self._read(export.begin_export, room_n, after)

    async def export_page(
        self, room_n: int, until_n: int, after: tuple[int, bytes], *, max_rows: int, max_bytes: int
    ) -> list[ExportRow]:
        """The next records of such a set, in order; empty at the end."""
        return await self._read(
            export.load_export_page, room_n, until_n, after, max_rows=max_rows, max_bytes=max_bytes
        )

    # Messages

    async def history(
        self,
        room_n: int,
        *,
        limit: int = 50,
        before: bytes | None = None,
        search: str | None = None,
        hide_authors: Collection[PeerId] = frozenset(),
    ) -> list[MessageRow]:
        """The newest `limit` messages older than `before`, oldest first, by (ts_ms, id). Raises
        NoSuchMessage.
        """
        return await self._read(
            history.load_history, room_n, limit=limit, before=before, search=search, hide_authors=hide_authors
        )

    async def message(self, record_id: bytes) -> MessageRow:
        """Any record, shown or not. Raises NoSuchMessage."""
        return await self._read(history.load_message, record_id)

    async def find_lines(self, prefix: str, limit: int = 8) -> list[bytes]:
        """Ids of messages, of all rooms, that begin with these (6 to 64, lower-case) hexadecimal digits."""
        return await self._read(history.find_lines, prefix, limit)

    async def versions(self, record_id: bytes) -> list[VersionRow]:
        """What a message has said, oldest first. Empty when it is deleted. Raises NoSuchMessage."""
        return await self._read(history.load_versions, record_id)

    async def own_symbols(self, record_id: bytes, room_n: int) -> dict[str, bool]:
        """What we have reacted with, and whether it stands."""
        return await self._read(reactions.load_own_symbols, record_id, room_n)

    async def keep_deleted(
        self, room_n: int, places: Sequence[tuple[int, bytes]], now_ms: int
    ) -> list[tuple[int, bytes]]:
        """Takes in (ts_ms, id) of records without their bodies, where a delete that is here names them; those
        that are new.
        """
        return await self._write(changes.keep_deleted, room_n, tuple(places), now_ms)

    async def set_state(
        self, ids: Collection[bytes], state: str, *, now_ms: int, reason: str = "", sent_to: int | None = None
    ) -> list[bytes]:
        """Notes what became of own records, with a "delivery" event for each message that changed; returns
        those ids.

        DELIVERED is final. DELIVERED and REFUSED leave the outbox, QUEUED puts a refused one back.
        """
        return await self._write(
            delivery.set_state, tuple(ids), state, now_ms=now_ms, reason=reason, sent_to=sent_to
        )

    async def own_unsent(self, room_n: int, limit: int = 100) -> list[tuple[bytes, bytes]]:
        """(id, raw) of own room records that are still STORED, the oldest first."""
        return await self._read(delivery.own_unsent, room_n, limit)

    async def outbox_pending(self, peer: PeerId, limit: int = 100) -> list[tuple[bytes, bytes]]:
        """(id, raw) of direct messages that `peer` has not acknowledged, QUEUED or SENT, the oldest first."""
        return await self._read(delivery.outbox_pending, peer, limit)

    async def outbox_peers(self) -> list[PeerId]:
        return await self._read(delivery.outbox_peers)

    async def outbox_counts(self, peer: PeerId | None = None) -> OutboxCounts:
        """Of one peer, or of all."""
        return await self._read(delivery.outbox_counts, peer)

    async def deposited(self, ids: Collection[bytes], at: PeerId | None = None) -> set[bytes]:
        """Which of these own messages wait at a store node (None: at any) as well."""
        return await self._read(deposits.deposited, tuple(ids), at)

    async def note_deposited(self, ids: Collection[bytes], at: PeerId) -> None:
        await self._write(deposits.save_deposited, tuple(ids), at)

    async def waiting_for(self, peer: PeerId, ids: Collection[bytes]) -> list[bytes]:
        """Which of these are own messages that the peer has not acknowledged."""
        return await self._read(deposits.waiting_for, peer, tuple(ids))

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
        await self._write(people.remember_peer, peer, tuple(addrs), now_ms, source)

    async def peers_known(self, limit: int = 100) -> list[KnownPeer]:
        """The last seen first."""
        return await self._read(people.load_known_peers, limit)

    async def forget_peer(self, peer: PeerId) -> None:
        await self._write(people.forget_peer, peer)

    # Events

    async def add_event(self, kind: str, now_ms: int, data: Mapping[str, Any]) -> int:
        """Adds an event with JSON data; returns its number."""
        return await self._write(events.add_event, kind, now_ms, data)

    async def events_after(self, n: int, limit: int = 500) -> list[EventRow]:
        """The next events, oldest first. A message is as it is now: the nick, the state, the text."""
        return await self._read(events.events_after, n, limit)

    async def newest_event(self) -> int:
        """The largest number ever given, 0 before the first."""
        return await self._read(events.newest_event)

    async def oldest_event(self) -> int:
        """The smallest number that is still kept; newest_event() + 1 when none is."""
        return await self._read(events.oldest_event)

    async def wait_events(self, after_n: int) -> int:
        """Returns the newest number as soon as it is above `after_n`; wakes on commit, without polling."""
        while self._newest_event <= after_n:
            await self._changed.wait()
        await trio.lowlevel.checkpoint_if_cancelled()
        return self._newest_event
