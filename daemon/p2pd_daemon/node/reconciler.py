"""Catching up: when to compare a room with whom, and what follows from it.

Whenever two members of a room meet, after entering it, when a record names a parent that is not here, a little after
one of ours was said, and every few minutes with somebody at random. A session between equal sides costs a few hundred
bytes, so none of this waits for a sign that something is missing.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import trio

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.sync import (
    Batch,
    Effect,
    Load,
    LoadPage,
    Peek,
    Receive,
    Send,
    Session,
    Settle,
    Side,
    SyncResult,
    Take,
    initiate,
    respond,
)
from p2pd_daemon.core.sync_frames import BUSY, NOT_HERE, Frame, Hello, PageRequest, Refusal, sync_tag
from p2pd_daemon.errors import NetworkError, RemoteProtocolError
from p2pd_daemon.net.sync import SyncChannel
from p2pd_daemon.node.catch_up import Arrivals, Intake
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.peer_clocks import PeerClocks
from p2pd_daemon.node.room import Room
from p2pd_daemon.node.rooms import Rooms
from p2pd_daemon.node.store_nodes import UNSENT, StoreNodes
from p2pd_daemon.node.turns import NotNow, Turn, Turns

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
AGAIN_S = 3.0  # when one of us was busy, or a limit ended a session before all was here
STORE_S = 1.0  # after we said something: store nodes get it before we may be gone
EVERY_S = 180.0  # a round with a random member


@dataclass(slots=True)
class Progress:
    """A session under way."""

    room: str
    peer: PeerId
    total: int  # records the peer has
    got: int = 0


@dataclass(frozen=True, slots=True)
class _Running:
    """What a session under way works with."""

    room: Room
    channel: SyncChannel
    turn: Turn
    arrivals: Arrivals
    progress: Progress


class Reconciler:
    """Plans sessions, runs them, and answers those of others."""

    def __init__(self, parts: Parts, rooms: Rooms, stores: StoreNodes) -> None:
        self._parts = parts
        self._rooms = rooms
        self._intake = Intake(parts)
        self._planned: set[tuple[str, PeerId]] = set()
        self._slots = trio.CapacityLimiter(AT_ONCE)
        self._turns = Turns(parts.me)
        self.clocks = PeerClocks()
        self._stores = stores
        self.keep: Callable[[SyncChannel, Hello], Awaitable[None]] | None = None  # rooms that we are not in
        self.active: list[Progress] = []

    async def run(self) -> None:
        """Every few minutes, each room with one of its members."""
        while True:
            await trio.sleep(EVERY_S * random.uniform(0.7, 1.3))  # noqa: S311 - to spread load
            for room in self._rooms.all():
                members = self._comparable(room)
                for peer in self._stores.here():
                    self._plan(room, peer, random.uniform(0, STORE_S))  # noqa: S311
                if members:
                    self._plan(room, random.choice(members), random.uniform(0, MEET_S))  # noqa: S311

    # Reasons to compare

    def met(self, room: Room, peer: PeerId) -> None:
        """A connected peer is in the room."""
        first = self._parts.me < peer
        self._plan(room, peer, (MEET_S if first else WAIT_S) * random.uniform(0.7, 1.3))  # noqa: S311

    def met_store(self, peer: PeerId) -> None:
        """A store node of ours is connected."""
        for room in self._rooms.all():
            self._plan(room, peer, random.uniform(0, MEET_S))  # noqa: S311

    async def watch(self, room: Room) -> None:
        """Runs as long as the room is joined: asks around when parents are missing."""
        for peer in self._stores.here():
            self._plan(room, peer, MEET_S)
        while True:
            await room.timeline.lacking.wait()
            await trio.sleep(MISSING_S * random.uniform(0.5, 1.5))  # noqa: S311
            _, missing = await self._parts.store.heads(room.room_n)
            members = [*self._comparable(room), *self._stores.here()]
            if missing and members:
                self._plan(room, random.choice(members), 0.0)  # noqa: S311

    def said(self, room: Room) -> None:
        """We said something: in a while, see who has it."""
        for peer in self._comparable(room)[:CONFIRM_PEERS]:
            self._plan(room, peer, CONFIRM_S * random.uniform(0.7, 1.3))  # noqa: S311
        for peer in self._stores.here():
            self._plan(room, peer, STORE_S)

    def _comparable(self, room: Room) -> list[PeerId]:
        """The connected members but those of other programs."""
        network = self._parts.network
        return [peer for peer in network.members(room.topic) if network.may_compare(peer)]

    def _plan(self, room: Room, peer: PeerId, delay: float) -> None:
        if (room.topic, peer) not in self._planned:
            self._planned.add((room.topic, peer))
            self._parts.nursery.start_soon(self._later, room, peer, delay)

    async def _later(self, room: Room, peer: PeerId, delay: float) -> None:
        try:
            await trio.sleep(delay)
            await self._turns.wait(room.topic, peer)
            await self._slots.acquire()
        finally:
            # Exactly once: by the end of the session the pair may be planned anew, and that is another task's place.
            self._planned.discard((room.topic, peer))
        try:
            network = self._parts.network
            here = network.is_connected(peer) and network.may_compare(peer)
            if self._rooms.get(room.topic) is room and here:
                await self._begin(room, peer)
        finally:
            self._slots.release()

    def _again(self, room: Room, peer: PeerId) -> None:
        self._plan(room, peer, AGAIN_S * random.uniform(0.7, 1.3))  # noqa: S311

    # Sessions

    async def _begin(self, room: Room, peer: PeerId) -> None:
        try:
            with self._turns.take(room.topic, peer, ours=True) as turn:
                async with self._parts.network.open_sync(peer) as channel:
                    side = await self._side(room)
                    await self._run(initiate(side), self._running(room, channel, turn))
        except NotNow:
            self._again(room, peer)
        except RemoteProtocolError as error:
            self._parts.network.dropped["sync protocol"] += 1
            log.warning("catching up in %s with %s: %s", room.name, peer, error.message)
        except NetworkError as error:  # it went away, or does not speak the protocol
            log.debug("catching up in %s with %s: %s", room.name, peer, error.message)
        except Exception:  # our store, or a bug of ours: it costs this session
            log.exception("catching up in %s with %s failed here", room.name, peer)

    async def answer(self, channel: SyncChannel) -> None:
        """A session that a peer begins. Raises P2pdError, which costs the session."""
        hello = await channel.receive()
        if not isinstance(hello, Hello):
            raise RemoteProtocolError(f"a session that begins with {type(hello).__name__}")
        room = next((room for room in self._rooms.all() if sync_tag(room.topic) == hello.tag), None)
        if room is None and self.keep is not None:
            await self.keep(channel, hello)
            return
        if room is None:
            await channel.send(Refusal(NOT_HERE, "this node is not in that room"))
            return
        try:
            with self._turns.take(room.topic, channel.peer, ours=False) as turn:
                side = await self._side(room)
                running = self._running(room, channel, turn, hello.count)
                await self._run(respond(side, hello), running)
        except NotNow:
            await channel.send(Refusal(BUSY, "comparing this room already"))

    async def _side(self, room: Room) -> Side:
        tree = await room.timeline.places.tree()
        return Side(sync_tag(room.topic), tree, room.floor_ts, self._parts.clock.now_ms())

    def _running(self, room: Room, channel: SyncChannel, turn: Turn, total: int = 0) -> _Running:
        progress = Progress(room.name, channel.peer, total)
        return _Running(room, channel, turn, self._intake.open(room, channel.peer), progress)

    async def _run(self, session: Session, running: _Running) -> None:
        room, peer = running.room, running.channel.peer
        own_n = await self._parts.store.newest_own(room.room_n)
        unsent = [one for one, _ in await self._parts.store.own_unsent(room.room_n, UNSENT)]
        self.active.append(running.progress)
        try:
            with trio.fail_after(SESSION_S):
                result = await self._drive(session, running)
                result.complete = result.complete and not running.arrivals.bad
        except trio.TooSlowError:
            log.warning("catching up in %s with %s took too long", room.name, peer)
            return
        finally:
            self.active.remove(running.progress)
            session.close()
        await self._note(result, room, peer, own_n, unsent)

    async def _drive(self, session: Session, running: _Running) -> SyncResult:
        outcome: object = None
        while True:
            try:
                effect: Effect = session.send(outcome)
            except StopIteration as stop:
                result: SyncResult = stop.value
                return result
            outcome = await self._do(effect, running)

    async def _do(self, effect: Effect, running: _Running) -> object:
        """What the session is told in return."""
        store, room_n = self._parts.store, running.room.room_n
        match effect:
            case Send(frame):
                if isinstance(frame, PageRequest):
                    self._turns.pull(running.room.topic, running.turn)
                await running.channel.send(frame)
            case Receive():
                return await self._receive(running)
            case LoadPage(before, floor_ts, max_bytes):
                page = await store.page(room_n, before, floor_ts, max_bytes)
                return Batch(page.raws, page.gone, page.more, page.seen)
            case Load(ids):
                found = await store.batch(room_n, ids)
                return Batch(found.raws, found.gone, seen=found.seen)
            case Peek(raws, gone):
                return await running.arrivals.peek(raws, gone)
            case Take(raws, gone, seen):
                taken = await running.arrivals.take(raws, gone, seen)
                running.progress.got += taken.new
                return taken
            case Settle():
                await running.arrivals.settle()
                # All else is stored; but that we have all of theirs would be untrue.
                if running.arrivals.bad and not running.turn.ours:
                    bad = running.arrivals.bad
                    raise RemoteProtocolError(f"{len(bad)} damaged records, for example {bad[0]}")
        return None

    async def _receive(self, running: _Running) -> Frame:
        frame = await running.channel.receive()
        if isinstance(frame, Hello) and running.turn.ours:
            running.progress.total = frame.count
        return frame

    async def _note(
        self, result: SyncResult, room: Room, peer: PeerId, own_n: int, unsent: Sequence[bytes]
    ) -> None:
        if result.refused:
            log.debug("%s does not compare %s: %s", peer, room.name, result.refused)
            if result.busy:
                self._again(room, peer)
            return
        now_ms = self._parts.clock.now_ms()
        self.clocks.note(peer, result.clock_ms)
        news = {"room": room.name, "peer_id": peer}
        if peer in self._stores.here() and peer not in self._parts.network.members(room.topic):
            if await self._stores.note_session(room.topic, peer, result, unsent):
                self._again(room, peer)
        elif (
            result.complete and await self._parts.store.note_holds(room.room_n, peer, own_n, now_ms) and own_n
        ):
            await self._parts.store.add_event("held", now_ms, news)
        if result.got and not result.complete:
            self._again(room, peer)
        if result.got or result.gave:
            told = {"got": result.got, "gave": result.gave, "complete": result.complete}
            await self._parts.store.add_event("synced", now_ms, news | told)
