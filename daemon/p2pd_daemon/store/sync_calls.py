"""A part of `Store`: what reconciliation, retention and exports ask of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.store import changes, export, retention, sync, undated
from p2pd_daemon.store.calls import StoreCalls
from p2pd_daemon.store.export import ExportRow, ExportStart
from p2pd_daemon.store.rows import OPEN, RoomRow
from p2pd_daemon.store.sync import SyncBatch


class SyncCalls(StoreCalls):
    # Reconciliation

    async def places(self, room_n: int) -> list[tuple[int, bytes]]:
        """(ts_ms, id) of every record of the room, in order."""
        return await self._read(undated.load_places, room_n)

    async def page(
        self, room_n: int, before: tuple[int, bytes] | None, floor_ts: int, max_bytes: int
    ) -> SyncBatch:
        """The newest records before a place, about `max_bytes` of them."""
        return await self._read(undated.load_page, room_n, before, floor_ts, max_bytes)

    async def batch(self, room_n: int, ids: Sequence[bytes]) -> SyncBatch:
        """These records of the room, as far as they are here."""
        return await self._read(undated.load_batch, room_n, ids)

    async def deleters(self, room_n: int, record_id: bytes) -> frozenset[PeerId]:
        """Who, of all that is here, took that record back."""
        return await self._read(sync.deleters, room_n, record_id)

    async def note_gone(self, room_n: int, place: tuple[int, bytes], now_ms: int) -> bool:
        """As `keep_deleted`, for one; False if there is a record already."""
        return bool(await self._write(changes.keep_deleted, room_n, (place,), now_ms))

    async def note_forgotten(self, room_n: int, place: tuple[int, bytes], now_ms: int) -> bool:
        """In a room without times: a record that nobody keeps any more; False if there is one already."""
        return await self._write(undated.keep_forgotten, room_n, place[1], now_ms)

    async def older_messages(self, room_n: int, before_ms: int, here_since_ms: int) -> list[int]:
        """In a room without times: numbers of some messages seen before then, the oldest ones, that came here before
        `here_since_ms`.
        """
        return await self._read(undated.older_messages, room_n, before_ms, here_since_ms)

    async def forget_messages(self, numbers: Sequence[int]) -> None:
        """Gives up these messages; their places in the set stay."""
        await self._write(undated.forget_messages, tuple(numbers))

    async def newest_own(self, room_n: int) -> int:
        """The number of our newest record in the room, for `note_holds`."""
        return await self._read(sync.newest_own, room_n)

    async def note_members(self, room_n: int, peers: Collection[PeerId], now_ms: int) -> None:
        """These peers were seen in the room."""
        await self._write_lazily(sync.save_members, room_n, peers, now_ms)

    async def members(self, room_n: int, limit: int) -> list[PeerId]:
        """Who was seen in the room, the last seen first."""
        return await self._read(sync.load_members, room_n, limit)

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

    async def know_room(self, name: str, topic: str, kind: str = OPEN) -> RoomRow:
        """The room, known from now on, and joined only if it was."""
        return await self._write(export.know_room, name, topic, kind)

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
