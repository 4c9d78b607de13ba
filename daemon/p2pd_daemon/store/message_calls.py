"""A part of `Store`: messages, and what became of one's own."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.store import carried, changes, delivery, deposits, history, lasts, reactions
from p2pd_daemon.store.calls import StoreCalls
from p2pd_daemon.store.carried import Carried
from p2pd_daemon.store.rows import LastRow, MessageRow, OutboxCounts, VersionRow


class MessageCalls(StoreCalls):
    # Messages

    async def history(
        self,
        room_n: int,
        *,
        limit: int = 50,
        before: bytes | None = None,
        after: bytes | None = None,
        search: str | None = None,
        hide_authors: Collection[PeerId] = frozenset(),
    ) -> list[MessageRow]:
        """The newest `limit` messages older than `before`, or those that follow `after`, oldest first, by (ts_ms,
        id). Raises NoSuchMessage.
        """
        return await self._read(
            history.load_history,
            room_n,
            limit=limit,
            before=before,
            after=after,
            search=search,
            hide_authors=hide_authors,
        )

    async def lasts(self, rooms: Collection[int], hide_authors: Collection[PeerId]) -> dict[int, LastRow]:
        """The newest message of each of these rooms that has one."""
        return await self._read(lasts.load_lasts, tuple(rooms), hide_authors)

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
        self,
        ids: Collection[bytes],
        state: str,
        *,
        now_ms: int,
        reason: str = "",
        sent_to: int | None = None,
        durable: bool = True,
    ) -> list[bytes]:
        """Notes what became of own records, with a "delivery" event for each message that changed; returns
        those ids.

        DELIVERED is final. DELIVERED and REFUSED leave the outbox, QUEUED puts a refused one back. `durable` as in
        `ingest`.
        """
        write = self._write if durable else self._write_lazily
        return await write(
            delivery.set_state, tuple(ids), state, now_ms=now_ms, reason=reason, sent_to=sent_to
        )

    async def take_carried(self, message: Carried) -> bool:
        """Stores what another program's protocol carried here; False if it is there already."""
        return await self._write(carried.take_carried, message)

    async def note_carried(self, ids: Collection[bytes], via: str) -> None:
        """Own messages that another program's protocol carried."""
        await self._write(carried.note_carried, tuple(ids), via)

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
