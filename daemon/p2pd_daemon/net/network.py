"""The network as the node sees it: one object to publish, connect and look through, opened by `open_network`."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from p2pd_daemon.net.host import OpenHost, open_host
from p2pd_daemon.net.interface import Connected, NetworkConfig, NetworkEvents, PeerConnection

if TYPE_CHECKING:
    from p2pd_daemon.core.keys import SigningKey
    from p2pd_daemon.core.peer_id import PeerId
    from p2pd_daemon.core.push import Ack
    from p2pd_daemon.core.record import Record

__all__ = ["Connected", "Network", "NetworkConfig", "NetworkEvents", "PeerConnection", "open_network"]


class Network:
    """A running node on the network. All peers are named by PeerId; libp2p's own types stay inside net/."""

    def __init__(self, opened: OpenHost) -> None:
        self._opened = opened
        self.peer_id = opened.peer_id
        self.dropped: Counter[str] = Counter()

    def addrs(self) -> list[str]:
        return self._opened.addrs()

    async def subscribe(self, topic: str) -> None:
        raise NotImplementedError

    async def unsubscribe(self, topic: str) -> None:
        raise NotImplementedError

    def members(self, topic: str) -> list[PeerId]:
        raise NotImplementedError

    async def publish(self, record: Record) -> int:
        raise NotImplementedError

    async def connect(self, target: str, timeout: float = 8.0) -> Connected:
        raise NotImplementedError

    async def disconnect(self, peer: PeerId) -> None:
        raise NotImplementedError

    async def ping(self, peer: PeerId, count: int) -> list[float]:
        raise NotImplementedError

    def peers(self) -> list[PeerConnection]:
        raise NotImplementedError

    def is_connected(self, peer: PeerId) -> bool:
        raise NotImplementedError

    async def push(self, peer: PeerId, raws: Sequence[bytes]) -> list[Ack]:
        raise NotImplementedError

    async def advertise(self, tags: Collection[str]) -> None:
        raise NotImplementedError


@asynccontextmanager
async def open_network(
    key: SigningKey,
    config: NetworkConfig,
    events: NetworkEvents,
    known: Sequence[tuple[PeerId, Sequence[str]]],
) -> AsyncIterator[Network]:
    """Start everything on the network side; ends orderly when the block ends. Raises as `open_host`."""
    async with open_host(key, config) as opened:
        yield Network(opened)
