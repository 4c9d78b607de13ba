"""Taking in what an export holds: checked like what others send, but each record by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import trio

from p2pd_daemon.core.clock import is_due
from p2pd_daemon.core.event import ChatEvent
from p2pd_daemon.core.export import BadLine, decode_base64
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.record import Record, decode_record, verify_record
from p2pd_daemon.core.room import DIRECT_PREFIX, Wire, room_of_topic
from p2pd_daemon.errors import BadPeerId, Refused, RemoteProtocolError, UsageError
from p2pd_daemon.node.codec import Codec, DirectCodec, room_codec
from p2pd_daemon.node.direct import Conversations
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.rooms import Rooms
from p2pd_daemon.node.timeline import Timeline
from p2pd_daemon.store.rows import OPEN, STORED, RoomRow

Place = tuple[int, bytes]
Opened = tuple[Record, ChatEvent]


@dataclass(slots=True)
class Outcome:
    """What became of one batch. Skipped ones: their index in it, and why."""

    row: RoomRow
    new: int = 0
    known: int = 0
    skipped: dict[int, str] = field(default_factory=dict)
    gone_skipped: dict[int, str] = field(default_factory=dict)


class Importer:
    """Takes batches of records into rooms and conversations. What is here already stays as it is."""

    def __init__(self, parts: Parts, rooms: Rooms, conversations: Conversations) -> None:
        self._parts = parts
        self._rooms = rooms
        self._conversations = conversations

    async def take(
        self,
        topic: str,
        peers: Iterable[PeerId],
        records: Sequence[str],
        gone: Sequence[Place],
        seen_ms: Sequence[int] = (),
    ) -> Outcome:
        """Stores those records (base64) that are sound, and those places of deleted ones that a delete here names.

        A room that this node does not know is known from then on, and not joined. `peers` are who a direct
        conversation might be with; `seen_ms` are times for records that carry none.
        Raises UsageError for a topic of no kind we know, Refused for a conversation of
        others.
        """
        read, skipped = await trio.to_thread.run_sync(_read, records, topic)
        if topic.startswith(DIRECT_PREFIX):
            row = await self._parts.store.room_by_topic(topic)
            known = [row.peer] if row is not None and row.peer is not None else []
            authors = [record.author for record in read.values()]
            peer = self._find_peer(topic, [*known, *peers, *authors])
            codec = DirectCodec(self._conversations.box(peer), self._parts.me, self._parts.nonce)
            outcome = await self._into(await self._conversations.timeline(peer), codec, read, gone)
        else:
            outcome = await self._into_room(topic, read, gone, seen_ms)
        outcome.skipped.update(skipped)
        return outcome

    async def _into_room(
        self, topic: str, read: Mapping[int, Record], gone: Sequence[Place], seen_ms: Sequence[int]
    ) -> Outcome:
        found = room_of_topic(topic)
        if found is None:
            raise UsageError(f"{topic!r} is no topic of a room that this version knows", hint="Update p2pd.")
        name, wire = found
        people, me = self._parts.people, self._parts.me
        codec = room_codec(wire, me, lambda: people.nick_of(me), text_bytes=0)
        async with self._rooms.settled(topic) as room, trio.open_nursery() as nursery:
            if room is not None:
                return await self._into(room.timeline, codec, read, gone, seen_ms)
            row = await self._parts.store.know_room(name, topic, OPEN if wire is Wire.P2PD else wire.value)
            timeline = Timeline(row, self._parts, codec, own_state=STORED)
            await nursery.start(timeline.run)
            outcome = await self._into(timeline, codec, read, gone, seen_ms)
            nursery.cancel_scope.cancel()
        return outcome

    async def _into(
        self,
        timeline: Timeline,
        codec: Codec,
        read: Mapping[int, Record],
        gone: Sequence[Place],
        seen_ms: Sequence[int] = (),
    ) -> Outcome:
        outcome = Outcome(timeline.row)
        opened, outcome.skipped = await trio.to_thread.run_sync(_open, read, codec)
        await self._leave_out(outcome, opened)
        if not codec.dated:
            opened = {
                index: (record, replace(event, ts_ms=seen_ms[index] if index < len(seen_ms) else 0))
                for index, (record, event) in opened.items()
            }
        stored = await timeline.take_many(list(opened.values())) if opened else []
        outcome.new = sum(result.new for result in stored)
        outcome.known = len(stored) - outcome.new
        await self._take_gone(outcome, timeline, gone)
        if outcome.new:
            what = {"room": timeline.row.name or None, "peer": timeline.row.peer, "new": outcome.new}
            await self._parts.store.add_event("imported", self._parts.clock.now_ms(), what)
        return outcome

    async def _leave_out(self, outcome: Outcome, opened: dict[int, Opened]) -> None:
        """Moves from `opened` what this node's limits do not let in."""
        limits, now_ms = self._parts.limits, self._parts.clock.now_ms()
        quarantined = await self._parts.store.quarantined(outcome.row.room_n)
        for index, (record, event) in list(opened.items()):
            due = is_due(event.ts_ms, now_ms)
            quarantined += not due
            if limits.record_bytes and len(record.raw) > limits.record_bytes:
                why = f"it has {len(record.raw)} bytes; this node takes {limits.record_bytes}"
            elif event.ts_ms < outcome.row.floor_ts:
                why = "it is older than what this node keeps (`keep`)"
            elif not due and limits.quarantine and quarantined > limits.quarantine:
                why = f"its time has not come, and this node keeps {limits.quarantine} such records already"
            else:
                continue
            outcome.skipped[index] = why
            del opened[index]

    async def _take_gone(self, outcome: Outcome, timeline: Timeline, gone: Sequence[Place]) -> None:
        store, room_n = self._parts.store, timeline.row.room_n
        known = await store.known([record_id for _, record_id in gone])
        fresh = [place for place in gone if place[1] not in known]
        kept = set(await store.keep_deleted(room_n, fresh, self._parts.clock.now_ms()))
        for place in kept:
            timeline.places.add(*place)
        outcome.new += len(kept)
        outcome.known += len(known)
        for index, place in enumerate(gone):
            if place[1] not in known and place not in kept:
                outcome.gone_skipped[index] = "no record here says that its author deleted it"

    def _find_peer(self, topic: str, candidates: Iterable[PeerId]) -> PeerId:
        for peer in dict.fromkeys(candidates):
            try:
                if peer != self._parts.me and self._conversations.box(peer).topic == topic:
                    return peer
            except BadPeerId:  # a key that cannot agree on a secret
                continue
        raise Refused(
            "this is a conversation of two others",
            hint="A direct conversation can be imported by the two who had it, with the identity they had.",
        )


def _read(records: Sequence[str], topic: str) -> tuple[dict[int, Record], dict[int, str]]:
    """By index: the records of this topic whose signature is right; what is wrong with the others."""
    read: dict[int, Record] = {}
    skipped: dict[int, str] = {}
    for index, encoded in enumerate(records):
        try:
            record = decode_record(decode_base64(encoded), max_bytes=0)
            verify_record(record)
        except BadLine as error:
            skipped[index] = str(error)
        except RemoteProtocolError as error:
            skipped[index] = error.message
        else:
            if record.topic == topic:
                read[index] = record
            else:
                skipped[index] = f"it is a record of another room ({record.topic})"
    return read, skipped


def _open(records: Mapping[int, Record], codec: Codec) -> tuple[dict[int, Opened], dict[int, str]]:
    """By index: each with its event; what is wrong with the others."""
    opened: dict[int, Opened] = {}
    skipped: dict[int, str] = {}
    for index, record in records.items():
        try:
            opened[index] = (record, codec.open(record))
        except RemoteProtocolError as error:
            skipped[index] = error.message
    return opened, skipped
