"""Direct conversations: sealed to the two of us, carried by the outbox, opened here."""

from __future__ import annotations

from functools import lru_cache, partial

import trio

from p2pd_daemon.core.event import Body, Profile, decode_event
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.record import Record
from p2pd_daemon.core.seal import DirectBox, direct_box
from p2pd_daemon.errors import BadPeerId, Blocked, OverLimit, Refused, UsageError
from p2pd_daemon.node.codec import DirectCodec
from p2pd_daemon.node.outbox import Outbox
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.timeline import Composed, Timeline
from p2pd_daemon.store.rows import DELIVERED, QUEUED, REFUSED
from p2pd_daemon.tasks import TaskStatus

# How long `msg` waits for a connected peer's answer before it says what is known so far.
SETTLE_S = 2.0
OPEN_CONVERSATIONS = 1000  # timelines kept in memory; the least recently used one is closed


class Conversations:
    """Direct conversations by peer; each has a task while it is in use."""

    def __init__(self, parts: Parts, outbox: Outbox) -> None:
        self._parts = parts
        self._outbox = outbox
        self._open: dict[PeerId, tuple[Timeline, trio.CancelScope]] = {}
        self._opening = trio.Lock()
        self._box = lru_cache(maxsize=OPEN_CONVERSATIONS)(
            partial(direct_box, parts.key, text_bytes=parts.limits.text_bytes)
        )

    async def say(self, peer: PeerId, body: Body) -> tuple[Composed, str]:
        """Stores a record for the peer and hands it to the outbox; the state is what is known after a short wait.

        Raises Blocked, OverLimit, Refused (the peer said no).
        """
        if peer == self._parts.me:
            raise UsageError("that is this node's own peer ID", hint="Direct messages go to somebody else.")
        if peer in self._parts.people.blocked:
            raise Blocked(f"{self._parts.people.name_of(peer)} is blocked here", hint=f"p2pd unblock {peer}")
        timeline = await self.timeline(peer)
        limit = self._parts.limits.outbox
        waiting = await self._parts.store.outbox_counts(peer)
        if limit and waiting.queued + waiting.sent >= limit:
            raise OverLimit(
                f"{limit} messages wait for {self._parts.people.name_of(peer)} already",
                hint="Wait until they are back, or raise limits.outbox.",
            )
        await self._introduce(timeline)
        said = await timeline.say(body)
        self._outbox.wake(peer)
        if not self._parts.network.is_connected(peer):
            return said, QUEUED
        await self._outbox.wait_settled(said.record.id, SETTLE_S)
        row = await self._parts.store.message(said.record.id)
        if row.state == REFUSED:
            raise Refused(
                f"{self._parts.people.name_of(peer)} did not take the message: {row.reason}",
                hint="It is kept here, marked as refused, and is not sent again.",
            )
        return said, row.state

    def box(self, peer: PeerId) -> DirectBox:
        """Raises BadPeerId for a peer whose key cannot agree on a secret."""
        return self._box(peer)

    def is_ours(self, record: Record) -> bool:
        """Whether it belongs to a conversation of its author with us."""
        try:
            return record.author != self._parts.me and self._box(record.author).topic == record.topic
        except BadPeerId:  # an author whose key cannot agree on a secret
            return False

    async def take(self, record: Record) -> None:
        """A verified record that `is_ours`; returns after the commit. Raises RemoteProtocolError."""
        timeline = await self.timeline(record.author)
        await timeline.take_and_wait(record)
        await self._note_seen(record)

    async def _note_seen(self, record: Record) -> None:
        """A record of the peer names as parents what the peer has: a receipt, also by way of a store node."""
        parents = decode_event(record.data, text_bytes=0).parents
        seen = await self._parts.store.waiting_for(record.author, parents)
        if seen:
            await self._parts.store.set_state(seen, DELIVERED, now_ms=self._parts.clock.now_ms())

    async def _introduce(self, timeline: Timeline) -> None:
        nick = self._parts.people.nick_of(self._parts.me)
        if nick != (timeline.own_nick or ""):
            await timeline.say(Profile(nick=nick, status=""))

    async def timeline(self, peer: PeerId) -> Timeline:
        """The conversation's, which is made if there is none yet."""
        async with self._opening:
            found = self._open.pop(peer, None)
            if found is None:
                found = await self._start(peer)
                if len(self._open) >= OPEN_CONVERSATIONS:
                    oldest = next(iter(self._open))
                    self._open.pop(oldest)[1].cancel()
            self._open[peer] = found  # last in the dict: used most recently
            return found[0]

    async def _start(self, peer: PeerId) -> tuple[Timeline, trio.CancelScope]:
        parts = self._parts
        box = self._box(peer)
        row = await parts.store.open_conversation(peer, box.topic, parts.clock.now_ms())
        timeline = Timeline(row, parts, DirectCodec(box, parts.me, parts.nonce), own_state=QUEUED)
        scope = trio.CancelScope()

        async def run(*, task_status: TaskStatus[None]) -> None:
            with scope:
                await timeline.run(task_status=task_status)

        await parts.nursery.start(run)
        return timeline, scope
