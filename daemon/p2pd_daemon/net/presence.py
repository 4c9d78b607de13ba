"""Who is connected: libp2p's notices of connections, turned into one notice per peer, told one after another."""

from __future__ import annotations

import logging

import trio
from libp2p.abc import INetConn, INetStream, INetwork, INotifee
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStoreError
from libp2p.rcmgr import Direction
from multiaddr import Multiaddr

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.net import identify
from p2pd_daemon.net.dialler import Dialler
from p2pd_daemon.net.discovery import Discovery
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.net.interface import NetworkEvents, PeerConnection

log = logging.getLogger(__name__)


class Presence(INotifee):
    """Registered with the swarm by `run`. Dialler and discovery are told at once, the node by `run`'s task in order."""

    def __init__(
        self, opened: OpenHost, dialler: Dialler, discovery: Discovery, events: NetworkEvents
    ) -> None:
        self._opened = opened
        self._dialler = dialler
        self._discovery = discovery
        self._tell = {True: events.on_connected, False: events.on_disconnected}
        self._up: set[PeerId] = set()
        self._told: set[PeerId] = set()
        self._changed: dict[PeerId, None] = {}
        self._wake = trio.Event()

    async def run(self) -> None:
        """Tells until cancelled. A peer that comes and goes while we wait is not told of."""
        self._opened.swarm.register_notifee(self)
        for early in list(self._opened.swarm.connections):
            self._note(PeerId(early.to_base58()), inbound=False)
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            while self._changed:
                peer = next(iter(self._changed))
                del self._changed[peer]
                up = peer in self._up
                if up == (peer in self._told):
                    continue
                (self._told.add if up else self._told.discard)(peer)
                try:
                    await self._tell[up](peer)
                except Exception:
                    log.exception("the node failed at a peer's coming or going")

    def _note(self, peer: PeerId, *, inbound: bool) -> None:
        up = connection_of(self._opened, peer) is not None
        if up == (peer in self._up):
            return
        if up:
            self._up.add(peer)
            self._dialler.connected(peer, inbound=inbound)
        else:
            self._up.discard(peer)
            identify.forget(self._opened.host, ID.from_base58(peer))
            self._dialler.disconnected(peer)
        self._discovery.connected(peer)
        self._changed[peer] = None
        self._wake.set()

    async def connected(self, network: INetwork, conn: INetConn) -> None:
        self._note(
            _peer_of(conn), inbound=isinstance(conn, SwarmConn) and conn.direction is Direction.INBOUND
        )

    async def disconnected(self, network: INetwork, conn: INetConn) -> None:
        self._note(_peer_of(conn), inbound=False)

    async def opened_stream(self, network: INetwork, stream: INetStream) -> None: ...

    async def closed_stream(self, network: INetwork, stream: INetStream) -> None: ...

    async def listen(self, network: INetwork, multiaddr: Multiaddr) -> None: ...

    async def listen_close(self, network: INetwork, multiaddr: Multiaddr) -> None: ...


def _peer_of(conn: INetConn) -> PeerId:
    return PeerId(conn.muxed_conn.peer_id.to_base58())


def connection_of(opened: OpenHost, peer: PeerId) -> SwarmConn | None:
    """The peer's live connection; with two (both sides dialled at once) the older one."""
    for conn in opened.swarm.get_connections(ID.from_base58(peer)):
        if isinstance(conn, SwarmConn) and not conn.is_closed:
            return conn
    return None


LOOPBACK = ("/ip4/127.", "/ip6/::1/")


def describe(opened: OpenHost, peer: PeerId, conn: SwarmConn) -> PeerConnection:
    inbound = conn.direction is Direction.INBOUND
    transport = [str(addr) for addr in conn.get_transport_addresses()]
    announced = [str(addr) for addr in _stored(opened, peer)]
    # The far end of an inbound connection is a port that nobody listens on: what it announced, the host it calls from
    # first, and its own loopback last.
    announced.sort(key=lambda addr: (_host(addr) not in map(_host, transport), addr.startswith(LOOPBACK)))
    addrs = (announced or transport) if inbound else transport
    rtt = conn.muxed_conn.rtt() if hasattr(conn.muxed_conn, "rtt") else 0.0
    return PeerConnection(
        peer_id=peer,
        addrs=tuple(addr if "/p2p/" in addr else f"{addr}/p2p/{peer}" for addr in addrs),
        direction="in" if inbound else "out",
        since_ms=int(conn._created_at * 1000),
        rtt_ms=round(rtt * 1000, 3) if rtt else None,
        agent=agent_of(opened, peer),
        protocols=protocols_of(opened, peer),
        relayed=any("/p2p-circuit" in addr for addr in transport),
    )


def _host(addr: str) -> str:
    """`/ip4/10.0.0.1` of a multiaddr."""
    return "/".join(addr.split("/")[:3])


def _stored(opened: OpenHost, peer: PeerId) -> list[Multiaddr]:
    try:
        return opened.host.get_peerstore().addrs(ID.from_base58(peer))
    except PeerStoreError:
        return []


def agent_of(opened: OpenHost, peer: PeerId) -> str:
    try:
        return str(opened.host.get_peerstore().get(ID.from_base58(peer), identify.AGENT))
    except PeerStoreError:
        return ""


def protocols_of(opened: OpenHost, peer: PeerId) -> tuple[str, ...]:
    """What the peer listed in identify, which comes a moment after it is connected."""
    try:
        return tuple(sorted(opened.host.get_peerstore().get_protocols(ID.from_base58(peer))))
    except PeerStoreError:
        return ()
