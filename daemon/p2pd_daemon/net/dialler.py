"""The task that keeps peers connected, and the two things a person can ask of it: connect and disconnect.

Whom to dial and when is decided by `schedule`; here it is done. Discovery and libp2p's notices only call the methods
that do not wait (`learn`, `connected`, `disconnected`); the run task wakes up and looks at the schedule again.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence

import trio
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStoreError

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.errors import BadMultiaddr, NetworkError
from p2pd_daemon.net.closing import close_connections
from p2pd_daemon.net.dial import dial, live_connection, nothing_known, self_dial
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.net.identify import on_identified
from p2pd_daemon.net.interface import Connected
from p2pd_daemon.net.schedule import Dial, Kind, Pace, Schedule
from p2pd_daemon.net.targets import Target, parse_target

log = logging.getLogger(__name__)

DIAL_S = 4.0  # a background dial; a SYN that was lost is repeated after 1 and 3 s
LOOKUP_S = 2.5  # asking discovery for the addresses of one peer
SWEEP_S = 5.0  # between two looks whether connections ended unnoticed

Remember = Callable[[PeerId, Sequence[str], str], Awaitable[None]]
LookUp = Callable[[PeerId], Awaitable[list[str]]]


async def _no_discovery(peer: PeerId) -> list[str]:
    return []


class Dialler:
    """Started with `run`. `look_up` is discovery's way to find a peer, set by whoever starts both."""

    def __init__(
        self,
        opened: OpenHost,
        remember: Remember,
        *,
        rng: Callable[[], float] = random.random,
        pace: Pace | None = None,
    ) -> None:
        self._opened = opened
        self._remember = remember
        self.look_up: LookUp = _no_discovery
        self.schedule = Schedule(opened.peer_id, rng, pace)
        self._under_way: dict[PeerId, trio.CancelScope] = {}
        self._identified: list[PeerId] = []
        on_identified(opened.host.get_peerstore(), self._note_identified)
        self._news = trio.Event()
        # One attempt per dial: the waits between libp2p's own retries would come on top of the schedule's.
        opened.swarm.retry_config.max_retries = 0
        opened.swarm.refuses = self._refuses

    async def run(self) -> None:
        """Dials until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                self._news = trio.Event()
                now = trio.current_time()
                for one in self.schedule.next_dials(now):
                    nursery.start_soon(self._attempt, one)
                while self._identified:
                    nursery.start_soon(self._keep_addresses, self._identified.pop())
                wake = self.schedule.wake_at(now)
                with trio.move_on_at(min(now + SWEEP_S, math.inf if wake is None else max(wake, now + 0.01))):
                    await self._news.wait()
                self._sweep()

    # News, from anywhere in the loop; none of these waits

    def learn(self, peer: PeerId, addrs: Iterable[str], kind: Kind) -> None:
        """Addresses of a peer, with or without /p2p/… at the end. What cannot be dialled is left out."""
        usable = [target.addr for target in (_usable(peer, addr) for addr in addrs) if target]
        self.schedule.learn(peer, usable, kind, trio.current_time())
        self._news.set()

    def connected(self, peer: PeerId, *, inbound: bool) -> None:
        """libp2p has a connection with this peer."""
        self.schedule.connected(peer, trio.current_time(), inbound=inbound)
        self._news.set()

    def disconnected(self, peer: PeerId) -> None:
        """libp2p's last connection with this peer is gone."""
        self.schedule.disconnected(peer, trio.current_time())
        self._news.set()

    def _refuses(self, peer: ID) -> bool:
        return self.schedule.refuses(PeerId(peer.to_base58()), trio.current_time())

    # What a person asks for

    async def connect(self, text: str, timeout: float = 8.0) -> Connected:
        """Connects to a multiaddr or a peer ID; at once when the peer is connected already.

        Raises BadMultiaddr, BadPeerId, SelfDial, WrongPeerId, ConnectionRefused, DialTimeout, PeerUnreachable or
        DialFailed, at most `timeout` seconds (and a moment) later. Ends the effect of `disconnect`.
        """
        target = parse_target(text)
        peer = target.peer
        if peer == self._opened.peer_id:
            raise self_dial(target)
        self.schedule.release(peer)
        done = await (
            dial(self._opened, [target], timeout) if target.addr else self._connect_known(peer, timeout)
        )
        if live_connection(self._opened, peer) is not None:  # it may be gone again
            self.schedule.connected(peer, trio.current_time(), addr=done.addr)
        self._news.set()
        await self._keep(peer, [done.addr], "dial")
        return done

    async def _connect_known(self, peer: PeerId, timeout: float) -> Connected:
        """First the addresses we have, then those that discovery finds."""
        deadline = trio.current_time() + timeout
        known = self.addrs(peer)
        failed: NetworkError | None = None
        if known or live_connection(self._opened, peer) is not None:
            try:
                return await dial(self._opened, [Target(peer, addr) for addr in known or [""]], timeout / 2)
            except NetworkError as error:
                failed = error
        self.learn(peer, await self._find(peer), Kind.FOUND)
        fresh = [Target(peer, addr) for addr in self.addrs(peer) if addr not in known]
        if not fresh:
            raise failed or nothing_known(peer)
        return await dial(self._opened, fresh, max(1.0, deadline - trio.current_time()))

    async def disconnect(self, peer: PeerId) -> None:
        """Ends the connection, and keeps it ended until `connect`, or until the peer dials us after `Pace.refused`."""
        self.schedule.hold(peer, trio.current_time())
        if peer in self._under_way:
            self._under_way[peer].cancel()
        await close_connections(self._opened.swarm, ID.from_base58(peer))

    def addrs(self, peer: PeerId) -> list[str]:
        """Transport addresses known of a peer, the best first."""
        return list(dict.fromkeys([*self.schedule.addrs(peer), *self._announced(peer)]))

    # Tasks

    async def _attempt(self, one: Dial) -> None:
        addr = ""
        with trio.CancelScope() as scope:
            self._under_way[one.peer] = scope
            try:
                entry = self.schedule.entry(one.peer)
                if one.lookup and entry is not None and entry.kind is not Kind.BOOTSTRAP:
                    self.learn(one.peer, await self._find(one.peer), Kind.FOUND)
                targets = [Target(one.peer, addr) for addr in self.addrs(one.peer)]
                if targets:
                    addr = (await dial(self._opened, targets, DIAL_S)).addr
            except NetworkError as error:
                log.debug("dial of %s: %s", one.peer, error)
            except Exception:
                log.exception("dialling %s failed here", one.peer)  # a bug of ours must not end all dialling
            finally:
                del self._under_way[one.peer]
                # It may be gone again, and the notice of that be past.
                up = live_connection(self._opened, one.peer) is not None
                self.schedule.dialled(one.peer, trio.current_time(), ok=up, addr=addr)
                self._news.set()
            if addr:
                await self._keep(one.peer, [addr], "dial")

    def _sweep(self) -> None:
        """A connection whose end nobody told us of is as good as told of."""
        for peer in self.schedule.connected_peers():
            if live_connection(self._opened, peer) is None:
                self.schedule.disconnected(peer, trio.current_time())

    async def _keep(self, peer: PeerId, addrs: Sequence[str], source: str) -> None:
        try:
            await self._remember(peer, [f"{addr}/p2p/{peer}" for addr in addrs], source)
        except Exception:
            log.exception("the node failed to remember %s", peer)

    async def _find(self, peer: PeerId) -> list[str]:
        with trio.move_on_after(LOOKUP_S):
            return await self.look_up(peer)
        return []

    async def _keep_addresses(self, peer: PeerId) -> None:
        """What a new connection says of itself by identify: a peer that dialled us, or moved, is found again later."""
        addrs = self._announced(peer)
        if addrs:
            self.learn(peer, addrs, Kind.FOUND)
            await self._keep(peer, addrs, "identify")

    def _note_identified(self, peer: ID) -> None:
        self._identified.append(PeerId(peer.to_base58()))
        self._news.set()

    def _announced(self, peer: PeerId) -> list[str]:
        try:
            addrs = self._opened.host.get_peerstore().addrs(ID.from_base58(peer))
        except PeerStoreError:
            return []
        return [target.addr for target in (_usable(peer, str(addr)) for addr in addrs) if target]


def _usable(peer: PeerId, addr: str) -> Target | None:
    """The target, None when the address is none that we can dial or belongs to another peer."""
    try:
        target = parse_target(addr if "/p2p/" in addr else f"{addr}/p2p/{peer}")
    except BadMultiaddr:
        return None
    return target if target.peer == peer and target.addr else None
