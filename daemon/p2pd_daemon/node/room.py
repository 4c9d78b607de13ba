"""One joined room: what is said there is stored, then published in order, and what became of it is noted."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import trio

from p2pd_daemon.core.admission import AuthorRates, TopicKind, own_pace
from p2pd_daemon.core.event import Body
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.record import Record
from p2pd_daemon.errors import NoSuchRoom, OverLimit, P2pdError
from p2pd_daemon.node.codec import room_codec
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.reply import Reply, refuse, refuse_waiting
from p2pd_daemon.node.said import Composed
from p2pd_daemon.node.stored import stored_record
from p2pd_daemon.node.timeline import Timeline
from p2pd_daemon.store.rows import SENT, STORED, RoomRow
from p2pd_daemon.tasks import TaskStatus

log = logging.getLogger(__name__)

# Records handed to gossip before others have a turn: one write, and one commit where they arrive.
PUBLISHED_TOGETHER = 16
NOTED_TOGETHER = 1024  # records published before what became of them is written down
# Between two notes: under load one commit for many, while a single message's is written at once.
NOTE_EVERY_S = 0.05
# How long a sender waits for its turn when it is faster than `author_rate`; longer is for the client to decide.
RATE_PATIENCE_S = 5.0
# What was said while nobody was there and is said again when somebody is; older ones are for reconciliation.
REPEAT_RECORDS = 1000


class RoomListener(Protocol):
    """Who is told what happens in rooms (the reconciler)."""

    async def watch(self, room: Room) -> None:
        """Runs as long as the room is joined."""

    def met(self, room: Room, peer: PeerId) -> None:
        """A connected peer is in the room."""

    def said(self, room: Room) -> None:
        """A record of ours was published, be it to nobody."""


Said: TypeAlias = tuple[Composed, int]
"""A record of ours, and to how many peers it went."""


@dataclass(frozen=True, slots=True, eq=False)
class _Outgoing:
    """Stored records, to be published in this order; the reply has the number of peers for each, or why not."""

    records: Sequence[Record]
    reply: Reply[list[int | P2pdError]] = field(default_factory=Reply)


class Room:
    """One joined room: its timeline, and a task that publishes what was said, in order."""

    def __init__(self, row: RoomRow, parts: Parts) -> None:
        self.name = row.name
        self.topic = row.topic
        self.room_n = row.room_n
        self.wire = row.wire
        self.kind = TopicKind(row.kind)
        self._codec = room_codec(
            row.wire, parts.me, lambda: parts.people.nick_of(parts.me), parts.limits.text_bytes
        )
        self.timeline = Timeline(row, parts, self._codec, own_state=STORED)
        self._parts = parts
        # Unbounded, but for each of them a request waits, or it is one of REPEAT_RECORDS.
        self._outgoing, self._to_publish = trio.open_memory_channel[_Outgoing](math.inf)
        self._published, self._to_note = trio.open_memory_channel[tuple[bytes, int]](NOTED_TOGETHER)
        self._rates = AuthorRates(own_pace(parts.limits))
        self._alone = True  # something of ours may be stored that nobody was there to hear
        self.floor_ts = row.floor_ts  # records before it are not kept and take no part in reconciliation
        self.scope = trio.CancelScope()

    async def run(
        self, listener: RoomListener, *, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Owns the room until left. Ready once messages can be said and taken."""
        with self.scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.timeline.run)
                nursery.start_soon(self._publish)
                nursery.start_soon(self._note_published, listener)
                nursery.start_soon(listener.watch, self)
                task_status.started(None)

    def check(self, body: Body) -> None:
        """Raises Refused for what cannot be said in this room."""
        self._codec.check(body)

    async def say(self, body: Body) -> tuple[Composed, int]:
        """Stores and publishes; returns the record and to how many peers it went.

        Keeps to the rate beyond which the others would not relay us: waits a little, then raises OverLimit.
        """
        with trio.move_on_after(RATE_PATIENCE_S) as waiting:
            await self.keep_rate(1)
        if waiting.cancelled_caught:
            rate = self._parts.limits.author_rate
            raise OverLimit(
                f"more was said in {self.name!r} than the others relay: {rate} messages a second",
                hint="Wait a little. limits.author_rate, author_burst and author_day say how much is relayed.",
            )
        [outcome] = await (await self.begin_say([body]))()
        if isinstance(outcome, P2pdError):
            raise outcome
        return outcome

    async def keep_rate(self, most: int) -> int:
        """How many of `most` records the others would relay now: waits until it is at least one."""
        taken = 0
        while taken < most:
            if self.scope.cancel_called:
                raise self._left()
            if self._take_token():
                taken += 1
            elif taken:
                break
            else:
                await trio.sleep(1 / (self._parts.limits.author_rate or 1))
        return taken

    def _take_token(self) -> bool:
        return self._rates.take(self._parts.me, self.topic, self._parts.clock.monotonic())

    async def begin_say(self, bodies: Sequence[Body]) -> Callable[[], Awaitable[Sequence[Said | P2pdError]]]:
        """Like `say`, of several in this order and whatever the rate; returns when they are in the timeline's inbox."""
        published: Reply[list[int | P2pdError]] = Reply()

        def publish(composed: Sequence[Composed]) -> None:
            try:
                self._outgoing.send_nowait(_Outgoing([said.record for said in composed], published))
            except trio.BrokenResourceError:
                published.fail(self._left())

        stored = await self.timeline.begin_say(bodies, publish)

        async def outcomes() -> Sequence[Said | P2pdError]:
            try:
                composed = await stored.wait()
                counts = await published.wait()
                if composed:
                    await composed[-1].on_disk.wait()
            except P2pdError as error:
                return [error] * len(bodies)
            return [
                count if isinstance(count, P2pdError) else (said, count)
                for said, count in zip(composed, counts, strict=True)
            ]

        return outcomes

    async def repeat_unheard(self) -> None:
        """Publishes again, byte for byte, what was said while nobody was there."""
        if not self._alone:
            return
        self._alone = False
        for record_id, raw in await self._parts.store.own_unsent(self.room_n, REPEAT_RECORDS):
            if record := stored_record(raw, f"the record {record_id.hex()}"):
                self._take_token()  # the others count it now; they did not when it was said
                await self._outgoing.send(_Outgoing([record]))

    def _left(self) -> NoSuchRoom:
        return NoSuchRoom(
            f"the room {self.name!r} was left before this was sent", hint=f"p2pd join {self.name}"
        )

    async def _publish(self) -> None:
        try:
            async for outgoing in self._to_publish:
                try:
                    outgoing.reply.give(await self._publish_all(outgoing.records))
                except trio.Cancelled:
                    refuse([outgoing], self._left())
                    raise
        finally:
            refuse_waiting(self._to_publish, self._left())

    async def _publish_all(self, records: Sequence[Record]) -> list[int | P2pdError]:
        counts: list[int | P2pdError] = []
        for number, record in enumerate(records, 1):
            if number % PUBLISHED_TOGETHER == 0:
                await trio.lowlevel.checkpoint()
            try:
                count = await self._parts.network.publish(record)
            except P2pdError as error:  # gossip does not carry it; it stays stored, for reconciliation
                log.warning("%s: a record was not published: %s", self.name, error.message)
                counts.append(error)
                continue
            counts.append(count)
            try:
                self._published.send_nowait((record.id, count))
            except trio.WouldBlock:
                await self._published.send((record.id, count))
        return counts

    async def _note_published(self, listener: RoomListener) -> None:
        """Writes down what was published, together what comes at the same time, while more is being published."""
        async for first in self._to_note:
            heard: defaultdict[int, list[bytes]] = defaultdict(list)  # by the number of peers
            for record_id, count in (first, *self._waiting()):
                heard[count].append(record_id)
            self._alone |= bool(heard.pop(0, None))
            now_ms = self._parts.clock.now_ms()
            try:
                for count, ids in heard.items():
                    await self._parts.store.set_state(ids, SENT, now_ms=now_ms, sent_to=count, durable=False)
            except P2pdError:  # a full disk: they stay `stored`, and are said again to who comes next
                log.exception("could not note what was sent in %s", self.name)
                self._alone = True
            listener.said(self)
            await trio.sleep(NOTE_EVERY_S)

    def _waiting(self) -> Iterator[tuple[bytes, int]]:
        """What has come in meanwhile, one by one."""
        for _ in range(NOTED_TOGETHER):
            try:
                yield self._to_note.receive_nowait()
            except trio.WouldBlock:
                return
