"""A libp2p host that is set up sanely: TCP and WebSocket, Noise or TLS, yamux, health checks, honest addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.host.basic_host import BasicHost
from libp2p.network.config import ConnectionConfig
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE, Transport as NoiseTransport
from libp2p.security.tls.transport import PROTOCOL_ID as TLS, TLSTransport
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX, Yamux
from libp2p.transport.tcp.tcp import TCP
from libp2p.transport.upgrader import TransportUpgrader
from libp2p.transport.websocket.transport import WebsocketTransport
from multiaddr import Multiaddr

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.net.interface import NetworkConfig

if TYPE_CHECKING:
    from p2pd_daemon.core.keys import SigningKey


@dataclass(frozen=True, slots=True)
class OpenHost:
    """A running host. `own_id` is libp2p's form of `peer_id`."""

    host: BasicHost
    swarm: Swarm
    own_id: ID
    peer_id: PeerId

    def addrs(self) -> list[str]:
        """Full dialable multiaddrs, each ending in /p2p/<our peer ID>."""
        return [str(addr) for addr in self.host.get_addrs()]


def connection_config() -> ConnectionConfig:
    return ConnectionConfig(
        max_connections_per_peer=1,
        enable_health_monitoring=True,
        health_initial_delay=1,
        health_warmup_window=0,
        health_check_interval=3,
        ping_timeout=3,
        abort_connection_on_ping_failure=True,
        min_connections=0,
        low_watermark=0,
    )


@asynccontextmanager
async def open_host(key: SigningKey, config: NetworkConfig) -> AsyncIterator[OpenHost]:
    """Open a host that listens on `config.listen`; it is closed, sockets included, when the block ends.

    Raises AddressInUse when a port that was asked for is taken, BadMultiaddr for an address we cannot listen on.
    """
    pair = create_new_key_pair(key.seed)
    own_id = ID.from_pubkey(pair.public_key)
    peerstore = PeerStore()
    peerstore.add_key_pair(own_id, pair)
    upgrader = TransportUpgrader(
        {
            NOISE: NoiseTransport(pair, noise_privkey=create_noise_key_pair().private_key),
            TLS: TLSTransport(pair),
        },
        {YAMUX: Yamux},
    )
    swarm = Swarm(
        own_id,
        peerstore,
        upgrader,
        transports=[TCP(), WebsocketTransport(upgrader)],
        connection_config=connection_config(),
    )
    host = BasicHost(swarm)
    listen = [Multiaddr(addr) for addr in config.listen]
    async with host.run(listen_addrs=listen):
        try:
            yield OpenHost(host, swarm, own_id, PeerId(own_id.to_base58()))
        finally:
            await host.close()
