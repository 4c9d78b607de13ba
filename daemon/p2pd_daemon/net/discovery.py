"""Finding peers: those of our rooms and single ones, at the rendezvous points and on the local network.

Discovery only finds; the dialler dials (trap 15 of LIBP2P.md). One task per rendezvous point talks to it while it is
connected: announces our tags, renews them, looks for others. A point that comes back is told everything at once.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Sequence

import trio

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.room import peer_rendezvous_tag
from p2pd_daemon.errors import NetworkError, RemoteProtocolError
from p2pd_daemon.net.dial import live_connection
from p2pd_daemon.net.dialler import Dialler
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.net.mdns import Mdns
from p2pd_daemon.net.peer_record import AddressRecord, seal_addresses
from p2pd_daemon.net.point_plan import TTL_S, Op, PointPlan, Step
from p2pd_daemon.net.rendezvous import RendezvousRefused, RendezvousSession, open_rendezvous
from p2pd_daemon.net.schedule import Kind

log = logging.getLogger(__name__)

FIND_LIMIT = 8  # registrations asked for under one peer's own tag; there is one, or a few by mistake
CHECK_S = 10.0  # between two looks whether our own addresses changed


class Discovery:
    """Started with `run`. `points` are the bootstrap nodes; the dialler keeps them connected."""

    def __init__(
        self,
        opened: OpenHost,
        dialler: Dialler,
        points: Sequence[PeerId],
        mdns: Mdns | None = None,
        *,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self._opened = opened
        self._dialler = dialler
        self._points = [point for point in dict.fromkeys(points) if point != opened.peer_id]
        self._mdns = mdns
        self._rng = rng
        self._tags: frozenset[str] = frozenset()
        self._news = trio.Event()
        self._sealed: tuple[tuple[str, ...], bytes] = ((), b"")
        dialler.look_up = self.find_peer

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            if self._mdns is not None:
                nursery.start_soon(self._mdns.run)
            for point in self._points:
                nursery.start_soon(self._attend, point)

    def advertise(self, tags: Collection[str]) -> None:
        """The rendezvous tags of our rooms: announced, and looked up, at every point from now on."""
        self._tags = frozenset(tags)
        self._wake()

    def connected(self, peer: PeerId) -> None:
        """Also called when a connection is gone; it may be a point's."""
        if peer in self._points:
            self._wake()

    disconnected = connected

    async def find_peer(self, peer: PeerId) -> list[str]:
        """Addresses of one peer: from the local network, and from the first point that knows it. May be empty."""
        near = self._mdns.addrs(peer) if self._mdns is not None else []
        found: list[str] = []
        async with trio.open_nursery() as nursery:

            async def ask(point: PeerId) -> None:
                try:
                    async with open_rendezvous(self._opened, point) as session:
                        page = await session.discover(peer_rendezvous_tag(peer), FIND_LIMIT)
                except (NetworkError, RemoteProtocolError) as error:
                    log.debug("looking up %s at %s: %s", peer, point, error)
                    return
                for record in page.peers:
                    if record.peer == peer:
                        found.extend(record.addrs)
                if found:
                    nursery.cancel_scope.cancel()

            for point in self._connected_points():
                nursery.start_soon(ask, point)
        return list(dict.fromkeys([*near, *found]))

    # One point

    async def _attend(self, point: PeerId) -> None:
        plan = PointPlan(peer_rendezvous_tag(self._opened.peer_id), self._rng)
        connection: object | None = None
        record = b""
        while True:
            news = self._news
            current = live_connection(self._opened, point)
            if current is None:
                connection = None
                await news.wait()
                continue
            if current is not connection or record != self._record():
                connection, record = current, self._record()
                plan.reset()
            now = trio.current_time()
            plan.want(self._tags, now)
            steps = plan.due(now)
            if steps and record:
                await self._talk(point, plan, steps)
            with trio.move_on_at(min(max(plan.wake_at(), now + 0.01), trio.current_time() + CHECK_S)):
                await news.wait()

    async def _talk(self, point: PeerId, plan: PointPlan, steps: Sequence[Step]) -> None:
        """Does the steps on one stream; on several, with a point that answers only once per stream."""
        left = list(steps)
        while left:
            answered = 0
            try:
                async with open_rendezvous(self._opened, point) as session:
                    while left:
                        await self._do(session, plan, left[0])
                        left.pop(0)
                        answered += 1
            except (NetworkError, RemoteProtocolError) as error:
                log.debug("rendezvous at %s: %s", point, error)
                if not answered:
                    plan.failed(trio.current_time())
                    return
            except Exception:
                log.exception("rendezvous at %s failed here", point)  # a bug of ours must not end discovery
                plan.failed(trio.current_time())
                return

    async def _do(self, session: RendezvousSession, plan: PointPlan, step: Step) -> None:
        try:
            if step.op is Op.UNREGISTER:
                await session.unregister(step.tag)
                plan.unregistered(step.tag)
            elif step.op is Op.REGISTER:
                granted = await session.register(step.tag, self._record(), TTL_S)
                plan.registered(step.tag, granted, trio.current_time())
            else:
                page = await session.discover(step.tag, cookie=step.cookie)
                plan.looked(step.tag, page.cookie, trio.current_time(), more=page.full)
                self._found(page.peers)
        except RendezvousRefused as error:
            log.info("%s %s: %s", step.op.value, step.tag, error)
            plan.refused(step, trio.current_time())

    def _found(self, records: Sequence[AddressRecord]) -> None:
        """In random order: of a large room not everybody dials the same few."""
        for record in sorted(records, key=lambda _: self._rng()):
            if record.peer != self._opened.peer_id:
                self._dialler.learn(record.peer, record.addrs, Kind.FOUND)

    def _connected_points(self) -> list[PeerId]:
        return [point for point in self._points if live_connection(self._opened, point) is not None]

    def _record(self) -> bytes:
        """Our signed addresses; the same bytes as long as the addresses are the same, b"" while there are none."""
        addrs = tuple(self._opened.addrs())
        if addrs and addrs != self._sealed[0]:
            host = self._opened.host
            self._sealed = (addrs, seal_addresses(host.get_private_key(), self._opened.own_id, addrs))
        return self._sealed[1] if addrs else b""

    def _wake(self) -> None:
        self._news.set()
        self._news = trio.Event()
