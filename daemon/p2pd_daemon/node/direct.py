"""Direct conversations: sealed to the two of us, carried by the outbox, opened here.

With a peer whose key cannot agree on a secret (RSA, Secp256k1, ECDSA: never a p2pd's) nothing can be sealed. What is
said there goes by another program's protocol, and our own records of it stay here.
"""

from __future__ import annotations

from functools import lru_cache, partial

import msgspec
import trio
from p2pd_client.shapes import Sent

from p2pd_daemon.core.event import Body, Profile, decode_event
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.record import Record
from p2pd_daemon.core.room import DIRECT_PREFIX
from p2pd_daemon.core.seal import DirectBox, direct_box
from p2pd_daemon.errors import BadPeerId, Blocked, OverLimit, Refused, UsageError
from p2pd_daemon.node.codec import Codec, DirectCodec, OpenCodec
from p2pd_daemon.node.outbox import Outbox
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.timeline import Timeline
from p2pd_daemon.node.ways import Way, Ways
from p2pd_daemon.store.rows import DELIVERED, QUEUED, REFUSED, RoomRow
from p2pd_daemon.tasks import TaskStatus

# How long `msg` waits for a connected peer's answer before it says what is known so far.
SETTLE_S = 2.0
KEYLESS = "keyless"  # in the topic of a conversation that nothing is sealed in; tags have no such length
OPEN_CONVERSATIONS = 1000  # timelines kept in memory; the least recently used one is closed


class Conversations:
    """Direct conversations by peer; each has a task while it is in use."""

    def __init__(self, parts: Parts, outbox: Outbox, ways: Ways) -> None:
        self._parts = parts
        self._ways = ways
        self._outbox = outbox
        self._open: dict[PeerId, tuple[Timeline, trio.CancelScope]] = {}
        self._opening = trio.Lock()
        self._box = lru_cache(maxsize=OPEN_CONVERSATIONS)(
            partial(direct_box, parts.key, text_bytes=parts.limits.text_bytes)
        )

    async def say(self, peer: PeerId, body: Body) -> Sent:
        """Stores a record for the peer and hands it to the outbox; the state is what is known after a short wait.

        Raises Blocked, OverLimit, Refused (the peer said no, or its program cannot be told that), NotSpoken.
        """
        if peer == self._parts.me:
            raise UsageError("that is this node's own peer ID", hint="Direct messages go to somebody else.")
        if peer in self._parts.people.blocked:
            raise Blocked(f"{self._parts.people.name_of(peer)} is blocked here", hint=f"p2pd unblock {peer}")
        way = await self._ways.check(peer, body)
        timeline = await self.timeline(peer)
        limit = self._parts.limits.outbox
        waiting = await self._parts.store.outbox_counts(peer)
        if limit and waiting.queued + waiting.sent >= limit:
            raise OverLimit(
                f"{limit} messages wait for {self._parts.people.name_of(peer)} already",
                hint="Wait until they are back, or raise limits.outbox.",
            )
        if way is not Way.UC:
            await self._introduce(timeline)
        said = await timeline.say(body)
        self._outbox.wake(peer)
        sent = Sent(id=said.record.id_hex, to=peer, ts_ms=said.ts_ms, state=QUEUED)
        if not self._parts.network.is_connected(peer):
            return sent
        await self._outbox.wait_settled(said.record.id, SETTLE_S)
        row = await self._parts.store.message(said.record.id)
        if row.state == REFUSED:
            raise Refused(
                f"{self._parts.people.name_of(peer)} did not take the message: {row.reason}",
                hint="It is kept here, marked as refused, and is not sent again.",
            )
        return msgspec.structs.replace(sent, state=row.state, via=row.via)

    async def row(self, peer: PeerId) -> RoomRow:
        """The conversation in the store, which is made if there is none yet."""
        found = await self._parts.store.room_by_peer(peer)
        return found or await self._open_row(peer)

    async def _open_row(self, peer: PeerId) -> RoomRow:
        try:
            topic = self._box(peer).topic
        except BadPeerId:
            topic = f"{DIRECT_PREFIX}{KEYLESS}/{peer}"
        return await self._parts.store.open_conversation(peer, topic, self._parts.clock.now_ms())

    def codec(self, peer: PeerId) -> Codec:
        """How our records in the conversation are written and read."""
        try:
            return DirectCodec(self._box(peer), self._parts.me, self._parts.nonce)
        except BadPeerId:
            return OpenCodec(self._parts.limits.text_bytes)

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
        timeline = Timeline(await self._open_row(peer), self._parts, self.codec(peer), own_state=QUEUED)
        scope = trio.CancelScope()

        async def run(*, task_status: TaskStatus[None]) -> None:
            with scope:
                await timeline.run(task_status=task_status)

        await self._parts.nursery.start(run)
        return timeline, scope
