"""What a client can ask about connections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from p2pd_client.shapes import Connected, Peer, Pinged

from p2pd_daemon.config import Config
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.store_frames import PROTOCOL_ID as STORE
from p2pd_daemon.net.interface import PeerConnection
from p2pd_daemon.net.rendezvous import PROTOCOL_ID as RENDEZVOUS
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.references import References
from p2pd_daemon.node.rooms import Rooms
from p2pd_daemon.node.store_nodes import StoreNodes

RELAY = "/libp2p/circuit/relay/0.2.0/hop"
KINDS = {"bootstrap": RENDEZVOUS, "relay": RELAY, "store": STORE}
"""What a peer does for others, by the protocol that says so."""


class PeerControl:
    """A part of `NodeControl`."""

    _parts: Parts
    _rooms: Rooms
    _references: References
    _store_nodes: StoreNodes
    _config: Config

    async def peers(self) -> Sequence[Peer]:
        people = self._parts.people
        rooms: dict[PeerId, list[str]] = defaultdict(list)
        for room in sorted(self._rooms.all(), key=lambda room: room.name):
            for member in self._parts.network.members(room.topic):
                rooms[member].append(room.name)
        return [
            Peer(
                peer_id=peer.peer_id,
                nick=people.nick_of(peer.peer_id),
                addrs=list(peer.addrs),
                direction=peer.direction,
                since_ms=peer.since_ms,
                rtt_ms=peer.rtt_ms,
                name=people.name_of(peer.peer_id),
                agent=peer.agent,
                rooms=rooms.get(peer.peer_id, []),
                kinds=self._kinds(peer),
                relayed=peer.relayed,
            )
            for peer in self._parts.network.peers()
        ]

    def _kinds(self, peer: PeerConnection) -> list[str]:
        kinds = {kind for kind, protocol in KINDS.items() if protocol in peer.protocols}
        if any(addr.endswith(f"/p2p/{peer.peer_id}") for addr in self._config.bootstrap):
            kinds.add("bootstrap")
        return sorted(kinds)

    async def connect(self, addr: str) -> Connected:
        target = addr if addr.strip().startswith("/") else self._references.resolve(addr).peer
        done = await self._parts.network.connect(target)
        await self._store_nodes.choose(done.peer_id)
        return Connected(peer_id=done.peer_id, addr=done.addr, ms=done.ms)

    async def disconnect(self, peer: str) -> None:
        await self._parts.network.disconnect(self._references.resolve(peer).peer)

    async def ping(self, peer: str, count: int) -> Pinged:
        found = await self._references.reach(peer)
        return Pinged(peer_id=found, rtt_ms=await self._parts.network.ping(found, count))
