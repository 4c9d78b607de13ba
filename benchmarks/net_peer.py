"""p2pd's network layer alone as a peer (see peer.py): no store, no API, no rooms, and every record is welcome.

`python -m benchmarks.net_peer [--profile FILE]`. It does what the other implementations' peers do: signs, sends, checks
signatures, forwards, and hands over what it gets. Topics are the rooms' names as they are given. It also has echo and
bulk of net_streams.py.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from typing import Any

import trio
from p2pd_daemon.core.admission import Outcome, Verdict
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.push import Ack, AckStatus
from p2pd_daemon.core.record import Record, sign_record
from p2pd_daemon.net.interface import NetworkConfig
from p2pd_daemon.net.network import Network, open_network
from p2pd_daemon.net.sync import SyncChannel

from .net_streams import StreamCommands
from .trio_peer import Command, Traffic, open_acks, profiled, serve_peer

NAME = "p2pd net"
WELCOME = Verdict(Outcome.ACCEPT)


class NetPeer:
    """The node's side of the network: takes what comes. Also the commands of its own."""

    def __init__(self, key: SigningKey, acks: trio.socket.SocketType) -> None:
        self._key = key
        self._seqno = time.time_ns()
        self.network: Network | None = None
        self.traffic = Traffic(self, acks)

    @property
    def _network(self) -> Network:
        assert self.network is not None
        return self.network

    async def publish(self, room: str, content: bytes) -> None:
        self._seqno += 1
        await self._network.publish(sign_record(self._key, self._seqno, room, content))

    async def join(self, room: str) -> dict[str, Any]:
        await self._network.subscribe(room)
        return {}

    async def connect(self, addr: str) -> dict[str, Any]:
        connected = await self._network.connect(addr)
        return {"ms": connected.ms, "peer_id": connected.peer_id}

    async def disconnect(self, peer_id: str) -> dict[str, Any]:
        await self._network.disconnect(PeerId(peer_id))
        return {}

    async def members(self, room: str) -> dict[str, Any]:
        return {"count": len(self._network.members(room))}

    def check_record(self, _record: Record, _source: PeerId) -> Verdict:
        return WELCOME

    async def on_record(self, record: Record, _source: PeerId, _verdict: Verdict) -> None:
        await self.traffic.take(record.data)

    async def on_push(self, _raw: bytes, _source: PeerId) -> Ack:
        return Ack(b"", AckStatus.NOT_MINE, "a benchmark")

    async def on_sync(self, _channel: SyncChannel) -> None:
        """Ends the session at once."""

    async def on_connected(self, _peer: PeerId) -> None: ...

    async def on_disconnected(self, _peer: PeerId) -> None: ...

    async def on_member(self, _topic: str, _peer: PeerId, _joined: bool) -> None: ...

    async def remember(self, _peer: PeerId, _addrs: Sequence[str], _source: str) -> None: ...


async def serve() -> None:
    acks, port = await open_acks()
    peer = NetPeer(SigningKey.from_seed(os.urandom(32)), acks)
    config = NetworkConfig(listen=("/ip4/127.0.0.1/tcp/0",), mdns=False, limits=Limits())
    async with open_network(peer._key, config, peer, ()) as network:
        peer.network = network
        ready = {
            "implementation": NAME,
            "peer_id": network.peer_id,
            "addr": network.addrs()[0],
            "addrs": network.addrs(),
            "acks": port,
        }
        own: dict[str, Command] = {
            "join": peer.join,
            "connect": peer.connect,
            "disconnect": peer.disconnect,
            "members": peer.members,
            **StreamCommands(network._opened.host).commands,
        }
        await serve_peer(ready, own, peer.traffic)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="", metavar="FILE")
    with profiled(parser.parse_args().profile):
        trio.run(serve)


if __name__ == "__main__":
    main()
