"""One topic's records, owned by one task.

Everything that changes the topic (what we say, what others said) goes through one inbox to that task. It takes all
that waits, composes ours, and commits in batches: so a burst costs few commits, our own records keep the order in
which they were said, and each names as parents what this node had seen just before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice

import trio

from p2pd_daemon.core.arrival import ArrivalOrder
from p2pd_daemon.core.clock import is_due
from p2pd_daemon.core.event import Action, Body, ChatEvent, Profile, Text, kind_of
from p2pd_daemon.core.record import Record, sign_record
from p2pd_daemon.core.room import Heads
from p2pd_daemon.errors import NoSuchRoom, P2pdError
from p2pd_daemon.node.bell import Bell
from p2pd_daemon.node.codec import Codec
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.places import Places
from p2pd_daemon.node.reply import Reply, refuse, refuse_waiting
from p2pd_daemon.node.said import Composed, Item, Say, Take, TakeMany, size
from p2pd_daemon.node.stored import stored_record
from p2pd_daemon.store.rows import QUARANTINED, RECEIVED, SENT, Ingested, NewRecord, RoomRow
from p2pd_daemon.tasks import TaskStatus

log = logging.getLogger(__name__)

# What may wait for the task before a sender (a client, or a peer's stream) has to: about a second's work.
INBOX_ITEMS = 1024
# Records in one transaction: beyond this a commit's cost is already spread thin, and the first would wait too long.
BATCH_RECORDS = 256

VISIBLE_BODIES = frozenset({"text", "action", "profile", "edit", "delete", "reaction"})


class Timeline:
    """A room's or a conversation's records.

    `own_state` is what an own record is when committed: `stored` or `queued`.
    """

    def __init__(self, row: RoomRow, parts: Parts, codec: Codec, *, own_state: str) -> None:
        self.row = row
        self.own_nick: str | None = None  # the nickname that we last announced here
        self._key = parts.key
        self._store = parts.store
        self._clock = parts.clock
        self._seqnos = parts.seqnos
        self._people = parts.people
        self._codec = codec
        self._own_state = own_state
        self._arrivals = ArrivalOrder()  # where records carry no time
        self.places = Places(parts.store, row.room_n)
        self.lacking = Bell()  # rings when a record names parents that are not here
        self._send, self._receive = trio.open_memory_channel[Item](INBOX_ITEMS)

    async def run(self, *, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Owns the topic until cancelled; what waits then is refused. Ready once messages can be said and taken."""
        try:
            await self._run(task_status)
        finally:
            refuse_waiting(self._receive, self._left())

    async def _run(self, task_status: TaskStatus[None]) -> None:
        announced = await self._store.latest_profile_raw(self._key.peer_id, self.row.room_n)
        record = stored_record(announced, "the own profile") if announced is not None else None
        if record is not None:
            body = self._codec.open(record).body
            self.own_nick = body.nick if isinstance(body, Profile) else None
        if not self._codec.dated:
            self._arrivals = ArrivalOrder(await self._store.nth_newest_ts(self.row.room_n, 1) or 0)
        task_status.started(None)
        async for first in self._receive:
            await self._commit(self._take_waiting(first))

    async def say(self, body: Body) -> Composed:
        """Signs and stores a record of ours; returns when it is on the disk. Waits while the inbox is full."""
        [composed] = await (await self.begin_say([body])).wait()
        await composed.on_disk.wait()
        return composed

    async def begin_say(
        self, bodies: Sequence[Body], then: Callable[[Sequence[Composed]], None] | None = None
    ) -> Reply[list[Composed]]:
        """Like `say`, for several in this order, but returns once they are in the inbox.

        `then` gets them after the commit, and in the order of the commits.
        """
        reply: Reply[list[Composed]] = Reply()
        await self._put(Say(bodies, reply, then))
        return reply

    async def take(self, record: Record, event: ChatEvent | None = None) -> None:
        """Hands over a verified record of somebody's; returns once it is in the inbox (back-pressure).

        `event` is what the record says, where somebody has opened it already. Raises RemoteProtocolError when its
        payload is not an event of this topic.
        """
        await self._put(Take(record, event or self._codec.open(record), None))

    async def take_and_wait(self, record: Record, event: ChatEvent | None = None) -> Ingested:
        """Like `take`, but returns after the commit."""
        reply: Reply[Ingested] = Reply()
        await self._put(Take(record, event or self._codec.open(record), reply))
        return await reply.wait()

    async def take_many(self, records: Sequence[tuple[Record, ChatEvent]]) -> list[Ingested]:
        """Verified records that reconciliation brought; returns after the commit.

        Those from before this node was first in the room are history: they make nothing unread and tell nobody.
        """
        return await (await self.begin_many(records)).wait()

    async def begin_many(self, records: Sequence[tuple[Record, ChatEvent]]) -> Reply[list[Ingested]]:
        """Like `take_many`, but returns once they are in the inbox, with what will be known after the commit."""
        reply: Reply[list[Ingested]] = Reply()
        await self._put(TakeMany(records, reply))
        return reply

    async def _put(self, item: Item) -> None:
        try:
            try:
                self._send.send_nowait(item)  # no turn of the loop for each of a burst
            except trio.WouldBlock:
                await self._send.send(item)
        except trio.BrokenResourceError:
            raise self._left() from None

    def _left(self) -> NoSuchRoom:
        return NoSuchRoom(f"{self.row.name!r} was left meanwhile")

    def _take_waiting(self, first: Item) -> list[Item]:
        items = [first]
        records = size(first)
        while records < BATCH_RECORDS:
            try:
                items.append(self._receive.receive_nowait())
            except trio.WouldBlock:
                break
            records += size(items[-1])
        return items

    async def _commit(self, items: list[Item]) -> None:
        """What others said first, so that ours can name it as its parents."""
        takes = [item for item in items if isinstance(item, Take)]
        many = [item for item in items if isinstance(item, TakeMany)]
        says = [item for item in items if isinstance(item, Say)]
        now_ms = self._clock.now_ms()
        try:
            if takes:
                durable = any(item.reply is not None for item in takes)  # somebody is told that it is here
                taken = await self._ingest([self._admit(item, now_ms) for item in takes], durable=durable)
                for take, result in zip(takes, taken, strict=True):
                    if take.reply is not None:
                        take.reply.give(result)
            for brought in many:
                batch = [self._catch_up(record, event, now_ms) for record, event in brought.records]
                brought.reply.give(await self._ingest(batch))
            if says:
                await self._say_all(says, now_ms)
        except P2pdError as error:
            log.exception("could not store %d records of %s", len(items), self.row.topic)
            refuse(items, error)
        except trio.Cancelled:
            refuse(items, self._left())
            raise

    async def _say_all(self, says: Sequence[Say], now_ms: int) -> None:
        batch = await self._ingest_own([body for say in says for body in say.bodies], now_ms)
        flush = self._store.begin_flush()
        composed = iter([Composed(new.record, new.ts_ms, flush) for new in batch])
        for say in says:
            part = list(islice(composed, len(say.bodies)))
            if say.then is not None:
                say.then(part)
            say.reply.give(part)

    async def _ingest(self, batch: Sequence[NewRecord], *, durable: bool = True) -> list[Ingested]:
        results = await self._store.ingest(batch, durable=durable)
        self._took(batch, results)
        return results

    async def _ingest_own(self, bodies: Sequence[Body], now_ms: int) -> Sequence[NewRecord]:
        """Signs and stores them in the order they were said."""
        if not self._codec.dated:
            undated = [self._compose_undated(body, now_ms) for body in bodies]
            await self._ingest(undated, durable=False)
            return undated
        seqnos = [self._seqnos.take() for _ in bodies]
        compose = partial(self._compose, bodies, seqnos, now_ms)
        batch, results = await self._store.ingest_own(self.row.room_n, compose)
        self._took(batch, results)
        return batch

    def _took(self, batch: Sequence[NewRecord], results: Sequence[Ingested]) -> None:
        for new, result in zip(batch, results, strict=True):
            self._note(new)
            if result.new:
                self.places.add(new.ts_ms if self._codec.dated else 0, new.record.id)
        if any(result.missing for result in results):
            self.lacking.set()

    def _note(self, new: NewRecord) -> None:
        """Takes over what a committed record says about its author."""
        body = new.event.body
        if not isinstance(body, Profile) or new.state == QUARANTINED:
            return
        self._people.note_profile(new.record.author, new.ts_ms, new.record.id, body.nick)
        if new.own:
            self.own_nick = body.nick

    def _compose(
        self,
        bodies: Sequence[Body],
        seqnos: Sequence[int],
        now_ms: int,
        found: list[tuple[int, bytes]],
        missing: list[bytes],
    ) -> list[NewRecord]:
        """The first after all that the store has, each next one after it. In the writing thread: touches nothing."""
        heads = Heads(found, missing)
        batch = []
        for body, seqno in zip(bodies, seqnos, strict=True):
            ts_ms, parents = heads.next(now_ms)
            event = ChatEvent(ts_ms=ts_ms, parents=parents, body=body)
            record = sign_record(self._key, seqno, self.row.topic, self._codec.encode(event, seqno=seqno))
            heads.add(record.id, ts_ms, parents)
            batch.append(self._row(record, event, now_ms, own=True, due=True))
        return batch

    def _compose_undated(self, body: Body, now_ms: int) -> NewRecord:
        seqno = self._seqnos.take()
        payload = self._codec.encode(ChatEvent(0, (), body), seqno=seqno)
        record = sign_record(self._key, seqno, self.row.topic, payload)
        return self._row(record, self._codec.open(record), now_ms, own=True, due=True)

    def _admit(self, item: Take, now_ms: int) -> NewRecord:
        own = item.record.author == self._key.peer_id
        return self._row(item.record, item.event, now_ms, own=own, due=is_due(item.event.ts_ms, now_ms))

    def _catch_up(self, record: Record, event: ChatEvent, now_ms: int) -> NewRecord:
        """Somebody else had it: so one of ours was sent, even if we do not remember."""
        own = record.author == self._key.peer_id
        due = is_due(event.ts_ms, now_ms)
        return self._row(record, event, now_ms, own=own, due=due, caught_up=True)

    def _row(
        self,
        record: Record,
        event: ChatEvent,
        now_ms: int,
        *,
        own: bool,
        due: bool,
        caught_up: bool = False,
    ) -> NewRecord:
        kind = kind_of(event.body)
        ts_ms = event.ts_ms if self._codec.dated else self._arrivals.place(now_ms, event.ts_ms)
        state = self._own_state if own else RECEIVED
        if caught_up and own:
            state = SENT
        elif not due:
            state = QUARANTINED
        return NewRecord(
            room_n=self.row.room_n,
            record=record,
            event=event,
            kind=kind,
            text=event.body.text if isinstance(event.body, (Text, Action)) else None,
            ts_ms=ts_ms,
            arrived_ms=now_ms,
            own=own,
            state=state,
            visible=kind in VISIBLE_BODIES,
            heads=self._codec.dated,
            notify=not caught_up or ts_ms >= self.row.created_ms,
            caught_up=caught_up,
        )
