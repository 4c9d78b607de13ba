"""What a client's words for rooms and peers mean: the one place where they are looked up."""

from __future__ import annotations

import contextlib

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.room import check_room_name, lookup_name
from p2pd_daemon.errors import NetworkError, NoSuchRoom, SelfDial
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.people import Resolved
from p2pd_daemon.store.rows import RoomRow

MSG_DIAL_S = 3.0  # how long `msg MULTIADDR` tries before it says `queued`


class References:
    """Looks up what was typed, among what the node knows now."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def resolve(self, text: str) -> Resolved:
        connected = [peer.peer_id for peer in self._parts.network.peers()]
        return self._parts.people.resolve(text, connected)

    async def remembered(self, text: str) -> PeerId:
        """A peer that is named by an address is remembered with it."""
        found = self.resolve(text)
        if found.addr is not None:
            await self._parts.store.remember_peer(
                found.peer, [found.addr], self._parts.clock.now_ms(), "user"
            )
        return found.peer

    async def reach(self, text: str) -> PeerId:
        """The peer, connected. Raises NetworkError."""
        found = self.resolve(text)
        if found.peer == self._parts.me:
            raise SelfDial(
                "that is this node's own peer ID", hint="Name another peer: p2pd peers lists them."
            )
        if not self._parts.network.is_connected(found.peer):
            await self._parts.network.connect(found.addr or found.peer)
        return found.peer

    async def place(
        self, *, room: str | None = None, peer: str | None = None, target: str | None = None
    ) -> RoomRow | None:
        """The room or conversation; None for a peer with whom nothing was said yet. Raises NoSuchRoom, NoSuchPeer."""
        store = self._parts.store
        if target is not None:
            row = await self._room(target)
            if row is not None:
                return row
            return await store.room_by_peer(self.resolve(target).peer)
        if peer is not None:
            return await store.room_by_peer(self.resolve(peer).peer)
        row = await self._room(room or "")
        if row is None:
            name = check_room_name(room or "")
            raise NoSuchRoom(f"this node has never been in the room {name!r}", hint=f"p2pd join {name}")
        return row

    async def _room(self, name: str) -> RoomRow | None:
        return await self._parts.store.room_by_name(lookup_name(name))

    async def try_connect(self, addr: str) -> None:
        """At once, so that `msg` can say `delivered`; where it fails the outbox goes on trying."""
        with contextlib.suppress(NetworkError):
            await self._parts.network.connect(addr, timeout=MSG_DIAL_S)
