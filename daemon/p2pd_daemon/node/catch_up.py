"""Records that a session brings: checked like live ones, but in batches and off the event loop."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import trio

from p2pd_daemon.core.admission import BAD_EVENT, BELOW_FLOOR, QUARANTINE_FULL, RATE, TOO_LARGE, AuthorRates
from p2pd_daemon.core.clock import is_due
from p2pd_daemon.core.event import ChatEvent
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.payload import read_payload
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.record import Record, decode_record, verify_record
from p2pd_daemon.core.room import Wire
from p2pd_daemon.core.sync import Place, Taken
from p2pd_daemon.errors import RemoteProtocolError
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.reply import Reply
from p2pd_daemon.node.room import Room
from p2pd_daemon.store.rows import Ingested

log = logging.getLogger(__name__)

BAD_RECORDS = 16  # in one session: a peer's disk may be damaged, what sends more is no honest peer
GONE_WITNESSES = 2
GONE_REMEMBERED = 10_000  # records of which too few have said so yet


Opened: TypeAlias = tuple[Record, ChatEvent | None]


class Intake:
    """What all sessions share. A daily quota per author holds; the rate per second is for live records only."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._limits = parts.limits
        self._gone: dict[bytes, set[PeerId]] = {}  # who says that a record was deleted
        self._rates = AuthorRates(
            Limits(author_rate=0, author_day=parts.limits.author_day, authors=parts.limits.authors)
        )

    def open(self, room: Room, peer: PeerId) -> Arrivals:
        """For one session."""
        return Arrivals(self, self._parts, room, peer)

    async def take_gone(self, room: Room, peer: PeerId, place: Place) -> None:
        """Believes that a record was deleted when a delete of it is here, and two peers say so: without the body nobody
        can check that the delete is the author's, and one alone could make up both. Where there are no deletes it is a
        record that members do not keep any more: then two who say so are enough.
        """
        deletes = room.wire is Wire.P2PD
        deleters = deletes and await self._parts.store.deleters(room.room_n, place[1])
        if (deletes and not deleters) or place[0] < room.floor_ts:
            return
        said = self._gone.setdefault(place[1], set())
        said.add(peer)
        if len(said) < GONE_WITNESSES:
            if len(self._gone) > GONE_REMEMBERED:
                del self._gone[next(iter(self._gone))]
            return
        del self._gone[place[1]]
        note = self._parts.store.note_gone if deletes else self._parts.store.note_forgotten
        if await note(room.room_n, place, self._parts.clock.now_ms()):
            room.timeline.places.add(*place)

    async def within_limits(self, room: Room, records: Sequence[Opened]) -> list[tuple[Record, ChatEvent]]:
        now_ms, monotonic = self._parts.clock.now_ms(), self._parts.clock.monotonic()
        quarantined = await self._parts.store.quarantined(room.room_n)
        left_out: Counter[str] = Counter()
        kept: list[tuple[Record, ChatEvent]] = []
        for record, event in records:
            due = event is None or is_due(event.ts_ms, now_ms)
            quarantined += not due
            if event is None:
                left_out[BAD_EVENT] += 1
            elif self._limits.record_bytes and len(record.raw) > self._limits.record_bytes:
                left_out[TOO_LARGE] += 1
            elif not due and self._limits.quarantine and quarantined > self._limits.quarantine:
                left_out[QUARANTINE_FULL] += 1
            elif event.ts_ms < room.floor_ts:
                left_out[BELOW_FLOOR] += 1
            elif not self._rates.take(record.author, record.topic, monotonic):
                left_out[RATE] += 1
            else:
                kept.append((record, event))
        self._parts.network.dropped.update(left_out)
        return kept


class Arrivals:
    """The batches of one session. One is checked in a thread while the one before it is being committed."""

    def __init__(self, intake: Intake, parts: Parts, room: Room, peer: PeerId) -> None:
        self._intake = intake
        self._store = parts.store
        self._room = room
        self._peer = peer
        self._peeked: tuple[tuple[bytes, ...], list[Opened]] = ((), [])
        self._storing: Reply[list[Ingested]] | None = None
        self.bad: list[str] = []  # what was wrong with the records that were left out for it

    async def peek(self, raws: tuple[bytes, ...], gone: Sequence[Place]) -> Place | None:
        """The oldest place of those that are records of this room. RemoteProtocolError after too many that are not."""
        opened = await self._open(raws)
        places = [(event.ts_ms, record.id) for record, event in opened if event is not None]
        return min((*places, *gone), default=None)

    async def take(self, raws: tuple[bytes, ...], gone: Sequence[Place], seen: Sequence[int] = ()) -> Taken:
        """Checks a batch, and begins to store what is new and ours to keep; that of the batch before is done then.

        A record that is damaged is left out and noted in `bad`, RemoteProtocolError after too many. What only our
        limits refuse is left out and counted: another peer may have larger ones. `seen` are times for records that
        carry none.
        """
        opened, self._peeked = await self._open(raws), ((), [])
        known = await self._store.known([record.id for record, _ in opened])
        fresh = [one for one in opened if one[0].id not in known]
        verified, faults = await trio.to_thread.run_sync(verify_records, fresh)
        self._note_bad(faults)
        kept = await self._intake.within_limits(self._room, verified)
        if self._room.wire is not Wire.P2PD:
            kept = dated(kept, dict(zip(raws, seen, strict=False)))
        await self.settle()
        if kept:
            self._storing = await self._room.timeline.begin_many(kept)
        if gone:
            await self.settle()
        for place in gone:
            await self._intake.take_gone(self._room, self._peer, place)
        return Taken(new=len(kept), known=len(opened) - len(kept))

    async def settle(self) -> None:
        """Returns when all that was taken is stored. Raises StoreError when it could not be."""
        storing, self._storing = self._storing, None
        if storing is not None:
            await storing.wait()

    async def _open(self, raws: tuple[bytes, ...]) -> list[Opened]:
        if self._peeked[0] is not raws:
            opened, faults = await trio.to_thread.run_sync(
                open_records, raws, self._room.topic, self._room.wire
            )
            self._note_bad(faults)
            self._peeked = raws, opened
        return self._peeked[1]

    def _note_bad(self, faults: Sequence[str]) -> None:
        for fault in faults:
            log.warning("catching up in %s with %s: left out %s", self._room.name, self._peer, fault)
        self.bad += faults
        if len(self.bad) > BAD_RECORDS:
            raise RemoteProtocolError(f"{len(self.bad)} damaged records, the last one {self.bad[-1]}")


def open_records(raws: Sequence[bytes], topic: str, wire: Wire) -> tuple[list[Opened], list[str]]:
    """Each record of the topic with its event, None where it is none that we understand; what is wrong with others."""
    opened: list[Opened] = []
    faults: list[str] = []
    for index, raw in enumerate(raws):
        try:
            record = decode_record(raw, max_bytes=0)
        except RemoteProtocolError as error:
            faults.append(f"record {index} of {len(raws)}: {error.message}")
            continue
        if record.topic != topic:
            faults.append(f"record {record.id_hex}: it is of another room")
            continue
        try:
            opened.append((record, read_payload(record.data, wire, text_bytes=0)))
        except RemoteProtocolError:
            opened.append((record, None))
    return opened, faults


def dated(
    records: Sequence[tuple[Record, ChatEvent]], seen: Mapping[bytes, int]
) -> list[tuple[Record, ChatEvent]]:
    """Records that carry no time, with when others first saw them, as far as they say so, in that order."""
    told = [(record, replace(event, ts_ms=seen.get(record.raw, 0))) for record, event in records]
    return sorted(told, key=lambda one: one[1].ts_ms)


def verify_records(records: Sequence[Opened]) -> tuple[list[Opened], list[str]]:
    """Those whose signature is their author's; what is wrong with others."""
    verified: list[Opened] = []
    faults: list[str] = []
    for record, event in records:
        try:
            verify_record(record)
        except RemoteProtocolError as error:
            faults.append(f"record {record.id_hex}: {error.message}")
        else:
            verified.append((record, event))
    return verified, faults
