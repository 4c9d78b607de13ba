"""The node: what the network brings goes to the room or conversation it belongs to."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import trio

from p2pd_daemon.core.admission import BELOW_FLOOR, Admission, Outcome, TopicKind, Verdict
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.push import Ack, AckStatus
from p2pd_daemon.core.record import Record, decode_record, verify_record
from p2pd_daemon.core.room import DIRECT_PREFIX
from p2pd_daemon.core.store_frames import Request, Response, StoreRefusal
from p2pd_daemon.core.uc_discovery import TOPIC as PEER_TOPIC
from p2pd_daemon.errors import P2pdError, RemoteProtocolError
from p2pd_daemon.keeper.keeper import Keeper
from p2pd_daemon.net.sync import SyncChannel
from p2pd_daemon.node.clock import Clock
from p2pd_daemon.node.direct import Conversations
from p2pd_daemon.node.foreign import Foreign
from p2pd_daemon.node.greeter import Greeter
from p2pd_daemon.node.outbox import Outbox
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.reconciler import Reconciler
from p2pd_daemon.node.rooms import Rooms
from p2pd_daemon.node.store_nodes import StoreNodes
from p2pd_daemon.node.ways import Ways

log = logging.getLogger(__name__)

RELEASE_EVERY_S = 5.0  # how late a quarantined record may come to light


class Node:
    """Takes the network's events. They wait until `start` has put the pieces together."""

    def __init__(
        self, clock: Clock, limits: Limits, bootstrap: Sequence[str] = (), keeper: Keeper | None = None
    ) -> None:
        self.keeper = keeper
        self._bootstrap = bootstrap
        self._clock = clock
        self._limits = limits
        self._admission = Admission(limits)
        self._quarantined = 0
        self._ready = trio.Event()
        self.foreign = Foreign(clock, limits)
        self._parts: Parts
        self.rooms: Rooms
        self.conversations: Conversations
        self.reconciler: Reconciler
        self.store_nodes: StoreNodes

    async def start(self, parts: Parts) -> None:
        """Joins what was joined, goes on with what waited; returns when messages can be said and taken."""
        self._parts = parts
        self.rooms = Rooms(parts)
        ways = Ways(parts)
        self._outbox = Outbox(parts, ways)
        self.conversations = Conversations(parts, self._outbox, ways)
        self.store_nodes = StoreNodes(parts, self._bootstrap, self.on_push)
        self.reconciler = self.rooms.listener = Reconciler(parts, self.rooms, self.store_nodes)
        if self.keeper is not None:
            self.keeper.dropped = parts.network.dropped
            self.reconciler.keep = self.keeper.answer
        self.store_nodes.met = self._met_store
        self._outbox.leave = self.store_nodes.leave
        await self.store_nodes.start()
        self._greeter = Greeter(parts, self.rooms)
        await self.rooms.start()
        await self._count_quarantined()
        await self._outbox.start()
        parts.nursery.start_soon(self._greeter.run)
        parts.nursery.start_soon(self.reconciler.run)
        parts.nursery.start_soon(self.rooms.peer_topic.run)
        parts.nursery.start_soon(self.store_nodes.run)
        parts.nursery.start_soon(self._release_due)
        self._ready.set()
        self.foreign.start(parts, self.conversations)

    # NetworkEvents

    def check_record(self, record: Record, source: PeerId) -> Verdict:
        if record.topic == PEER_TOPIC and self._ready.is_set():
            return self.rooms.peer_topic.check(record)
        room = self.rooms.get(record.topic) if self._ready.is_set() else None
        verdict = self._check(record, room.kind if room else TopicKind.UNKNOWN)
        if room and verdict.event and verdict.event.ts_ms < room.floor_ts:
            return Verdict(Outcome.IGNORE, BELOW_FLOOR, verdict.event)
        return verdict

    async def on_record(self, record: Record, source: PeerId, verdict: Verdict) -> None:
        room = self.rooms.get(record.topic)
        if room is None:
            return
        if verdict.outcome is Outcome.QUARANTINE:
            self._quarantined += 1
        await room.timeline.take(record, verdict.event)

    async def on_push(self, raw: bytes, source: PeerId) -> Ack:
        await self._ready.wait()
        limit = self._limits.record_bytes
        record = decode_record(raw, max_bytes=0)
        if limit and len(raw) > limit:
            return Ack(record.id, AckStatus.TOO_LARGE, f"the limit is {limit} bytes")
        try:
            return await self._take_pushed(record, source)
        except RemoteProtocolError as error:
            self._parts.network.dropped["bad_record"] += 1
            return Ack(record.id, AckStatus.INVALID, error.message)
        except P2pdError as error:  # our disk, our bug: the peer keeps it and tries again
            log.exception("could not take a pushed record")
            return Ack(record.id, AckStatus.OVER_LIMIT, error.message)

    async def on_sync(self, channel: SyncChannel) -> None:
        await self._ready.wait()
        await self.reconciler.answer(channel)

    async def on_connected(self, peer: PeerId) -> None:
        await self._ready.wait()
        self.store_nodes.look()
        self._outbox.wake(peer)
        await self._note_peer(peer, connected=True)

    async def on_disconnected(self, peer: PeerId) -> None:
        await self._ready.wait()
        self.store_nodes.left(peer)
        await self._note_peer(peer, connected=False)

    async def on_member(self, topic: str, peer: PeerId, joined: bool) -> None:
        await self._ready.wait()
        if topic == PEER_TOPIC:
            self.rooms.peer_topic.on_member(joined)
            return
        await self.rooms.on_member(topic, peer, joined)
        if joined:
            self._greeter.greet(topic, peer)

    async def remember(self, peer: PeerId, addrs: Sequence[str], source: str) -> None:
        await self._ready.wait()
        await self._parts.store.remember_peer(peer, list(addrs), self._clock.now_ms(), source)

    async def on_store_request(self, request: Request, source: PeerId) -> Response:
        """For a store node only: what a peer asks by /p2pd/store/1.0.0."""
        if self.keeper is None:
            return StoreRefusal("this is no store node")
        return await self.keeper.on_request(request, source)

    # Inside

    def _met_store(self, peer: PeerId) -> None:
        self.reconciler.met_store(peer)
        self._outbox.wake_all()

    def _check(self, record: Record, kind: TopicKind) -> Verdict:
        return self._admission.check(
            record, kind, self._clock.now_ms(), self._clock.monotonic(), quarantined=self._quarantined
        )

    async def _take_pushed(self, record: Record, source: PeerId) -> Ack:
        room = self.rooms.get(record.topic)
        if room is None and not record.topic.startswith(DIRECT_PREFIX):
            return Ack(record.id, AckStatus.NOT_MINE, "this node is not in that room")
        if room is None and not self._parts.people.blocked.isdisjoint({source, record.author}):
            self._parts.network.dropped["blocked"] += 1
            return Ack(record.id, AckStatus.BLOCKED, "blocked")
        if room is None and not self.conversations.is_ours(record):
            return Ack(record.id, AckStatus.NOT_MINE, "not a conversation with this node")
        verify_record(record)
        verdict = self._check(record, room.kind if room else TopicKind.DIRECT)
        if not verdict.keep:
            self._parts.network.dropped[verdict.reason] += 1
            never = verdict.outcome is Outcome.REJECT  # else the peer may try again later
            return Ack(record.id, AckStatus.INVALID if never else AckStatus.OVER_LIMIT, verdict.reason)
        if verdict.outcome is Outcome.QUARANTINE:
            self._quarantined += 1
        if room is None:
            await self.conversations.take(record)
            return Ack(record.id, AckStatus.STORED, "")
        await room.timeline.take_and_wait(record, verdict.event)
        return Ack(record.id, AckStatus.STORED, "")

    async def _note_peer(self, peer: PeerId, *, connected: bool) -> None:
        event = {"peer_id": peer, "connected": connected}
        await self._parts.store.add_event("peer", self._clock.now_ms(), event)

    async def _release_due(self) -> None:
        """Quarantined records whose time has come join their rooms."""
        while True:
            await trio.sleep(RELEASE_EVERY_S)
            try:
                if await self._parts.store.release_quarantined(self._clock.now_ms()):
                    await self._parts.people.load(self._parts.store)
                    await self._count_quarantined()
            except P2pdError:  # a full disk: they wait for the next time
                log.exception("could not release records whose time has come")

    async def _count_quarantined(self) -> None:
        counts = [await self._parts.store.quarantined(room.room_n) for room in self.rooms.all()]
        self._quarantined = sum(counts)
