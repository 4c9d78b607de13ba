"""Catching up: when to compare a room with whom, and what follows from it.

Whenever two members of a room meet, after entering it, when a record names a parent that is not here, a little after
one of ours was said, and every few minutes with somebody at random. A session between equal sides costs a few hundred
bytes, so none of this waits for a sign that something is missing.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from statistics import median

import trio

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.sync import (
    Batch,
    Effect,
    Load,
    LoadPage,
    Receive,
    Send,
    Session,
    Side,
    SyncResult,
    Take,
    initiate,
    respond,
)
from p2pd_daemon.core.sync_frames import NOT_HERE, Hello, Refusal, sync_tag
from p2pd_daemon.errors import NetworkError, RemoteProtocolError
from p2pd_daemon.net.sync import SyncChannel
from p2pd_daemon.node.catch_up import Intake
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.rooms import Room, Rooms

log = logging.getLogger(__name__)

AT_ONCE = 4  # sessions that we begin at the same time: each may hold a batch of records
SESSION_S = 900.0  # for a whole session: 100,000 records take about a minute
MEET_S = (
    0.3  # after meeting a member, for the one with the smaller peer ID; the other waits in case it need not
)
WAIT_S = 2.0
MISSING_S = 1.0  # after a missing parent was named: it may still arrive by itself
CONFIRM_S = 5.0  # after we said something: who has it?
CONFIRM_PEERS = 8  # members asked
EVERY_S = 180.0  # a round with a random member
CLOCK_PEERS = 16  # whose clocks we remember


@dataclass(slots=True)
class Progress:
    """A session under way."""

    room: str
    peer: PeerId
    total: int  # records the peer has
    got: int = 0


class Reconciler:
    """Plans sessions, runs them, and answers those of others."""

    def __init__(self, parts: Parts, rooms: Rooms) -> None:
        self._parts = parts
        self._rooms = rooms
        self._intake = Intake(parts)
        self._planned: set[tuple[str, PeerId]] = set()
        self._slots = trio.CapacityLimiter(AT_ONCE)
        self._clocks: dict[PeerId, int] = {}
        self.active: list[Progress] = []

    async def run(self) -> None:
        """Every few minutes, each room with one of its members."""
        while True:
            await trio.sleep(EVERY_S * random.uniform(0.7, 1.3))  # noqa: S311 - to spread load
            for room in self._rooms.all():
                members = self._parts.network.members(room.topic)
                if members:
                    self._plan(room, random.choice(members), random.uniform(0, MEET_S))  # noqa: S311

    @property
    def clock_ms(self) -> int | None:
        """The others' clocks less ours, in the middle; None before anybody told."""
        return round(median(self._clocks.values())) if self._clocks else None

    # Reasons to compare

    def met(self, room: Room, peer: PeerId) -> None:
        """A connected peer is in the room."""
        first = self._parts.me < peer
        self._plan(room, peer, (MEET_S if first else WAIT_S) * random.uniform(0.7, 1.3))  # noqa: S311

    async def watch(self, room: Room) -> None:
        """Runs as long as the room is joined: asks around when parents are missing."""
        while True:
            await room.timeline.lacking.wait()
            await trio.sleep(MISSING_S * random.uniform(0.5, 1.5))  # noqa: S311
            _, missing = await self._parts.store.heads(room.room_n)
            members = self._parts.network.members(room.topic)
            if missing and members:
                self._plan(room, random.choice(members), 0.0)  # noqa: S311

    def said(self, room: Room) -> None:
        """We said something: in a while, see who has it."""
        for peer in self._parts.network.members(room.topic)[:CONFIRM_PEERS]:
            self._plan(room, peer, CONFIRM_S * random.uniform(0.7, 1.3))  # noqa: S311

    def _plan(self, room: Room, peer: PeerId, delay: float) -> None:
        if (room.topic, peer) not in self._planned:
            self._planned.add((room.topic, peer))
            self._parts.nursery.start_soon(self._later, room, peer, delay)

    async def _later(self, room: Room, peer: PeerId, delay: float) -> None:
        try:
            await trio.sleep(delay)
            async with self._slots:
                self._planned.discard((room.topic, peer))
                if self._rooms.get(room.topic) is room and self._parts.network.is_connected(peer):
                    await self._begin(room, peer)
        finally:
            self._planned.discard((room.topic, peer))

    # Sessions

    async def _begin(self, room: Room, peer: PeerId) -> None:
        try:
            async with self._parts.network.open_sync(peer) as channel:
                side = await self._side(room)
                await self._run(initiate(side), room, channel)
        except RemoteProtocolError as error:
            self._parts.network.dropped["sync protocol"] += 1
            log.warning("catching up in %s with %s: %s", room.name, peer, error.message)
        except NetworkError as error:  # it went away, or does not speak the protocol
            log.debug("catching up in %s with %s: %s", room.name, peer, error.message)

    async def answer(self, channel: SyncChannel) -> None:
        """A session that a peer begins. Raises RemoteProtocolError, NetworkError."""
        hello = await channel.receive()
        if not isinstance(hello, Hello):
            raise RemoteProtocolError(f"a session that begins with {type(hello).__name__}")
        room = next((room for room in self._rooms.all() if sync_tag(room.topic) == hello.tag), None)
        if room is None:
            await channel.send(Refusal(NOT_HERE, "this node is not in that room"))
            return
        side = await self._side(room)
        await self._run(respond(side, hello), room, channel, total=hello.count)

    async def _side(self, room: Room) -> Side:
        tree = await room.timeline.places.tree()
        return Side(sync_tag(room.topic), tree, room.floor_ts, self._parts.clock.now_ms())

    async def _run(self, session: Session, room: Room, channel: SyncChannel, total: int = 0) -> None:
        store = self._parts.store
        own_n = await store.newest_own(room.room_n)
        progress = Progress(room.name, channel.peer, total)
        self.active.append(progress)
        try:
            with trio.fail_after(SESSION_S):
                result = await self._drive(session, room, channel, progress)
        except trio.TooSlowError:
            log.warning("catching up in %s with %s took too long", room.name, channel.peer)
            return
        finally:
            self.active.remove(progress)
            session.close()
        await self._note(result, room, channel.peer, own_n)

    async def _drive(
        self, session: Session, room: Room, channel: SyncChannel, progress: Progress
    ) -> SyncResult:
        outcome: object = None
        while True:
            try:
                effect: Effect = session.send(outcome)
            except StopIteration as stop:
                result: SyncResult = stop.value
                return result
            outcome = None
            match effect:
                case Send(frame):
                    await channel.send(frame)
                case Receive():
                    outcome = frame = await channel.receive()
                    if isinstance(frame, Hello):
                        progress.total = frame.count
                case LoadPage(before, floor_ts, max_bytes):
                    page = await self._parts.store.page(room.room_n, before, floor_ts, max_bytes)
                    outcome = Batch(page.raws, page.gone, page.more)
                case Load(ids):
                    found = await self._parts.store.batch(room.room_n, ids)
                    outcome = Batch(found.raws, found.gone)
                case Take(raws, gone):
                    outcome = taken = await self._intake.take(room, channel.peer, raws, gone)
                    progress.got += taken.new

    async def _note(self, result: SyncResult, room: Room, peer: PeerId, own_n: int) -> None:
        if result.refused:
            log.debug("%s does not compare %s: %s", peer, room.name, result.refused)
            return
        now_ms = self._parts.clock.now_ms()
        self._clocks.pop(peer, None)
        self._clocks[peer] = result.clock_ms
        if len(self._clocks) > CLOCK_PEERS:
            del self._clocks[next(iter(self._clocks))]
        news = {"room": room.name, "peer_id": peer}
        if result.complete and await self._parts.store.note_holds(room.room_n, peer, own_n, now_ms) and own_n:
            await self._parts.store.add_event("held", now_ms, news)
        if result.got or result.gave:
            told = {"got": result.got, "gave": result.gave, "complete": result.complete}
            await self._parts.store.add_event("synced", now_ms, news | told)
