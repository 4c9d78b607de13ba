"""A libp2p host set up sanely: TCP and WebSocket, Noise or TLS, yamux, guards round every stream, honest addresses."""

from __future__ import annotations

import logging
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.keys import KeyPair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.custom_types import TProtocol
from libp2p.host.basic_host import BasicHost
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.transport.tcp.tcp import TCP
from libp2p.transport.upgrader import TransportUpgrader
from multiaddr import Multiaddr

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.errors import BadConfig, NetworkError
from p2pd_daemon.net import guards, identify, libp2p_logging, muxer, quick_stream, resolver, websocket
from p2pd_daemon.net.addresses import Announcer, claim_ports, parse_listen
from p2pd_daemon.net.closing import close_connections
from p2pd_daemon.net.half_open import HalfOpen
from p2pd_daemon.net.interface import NetworkConfig
from p2pd_daemon.net.noise import BufferedNoise
from p2pd_daemon.net.swarm import GuardedSwarm, connection_config
from p2pd_daemon.net.tasks import leaves, no_groups
from p2pd_daemon.net.tls import PROTOCOL_ID as TLS
from p2pd_daemon.net.tls import TlsWhenAsked
from p2pd_daemon.net.websocket import GuardedWebsocket

if TYPE_CHECKING:
    from p2pd_daemon.core.keys import SigningKey

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenHost:
    """A running host. `own_id` is libp2p's form of `peer_id`; `dropped` counts what was refused, by reason."""

    host: BasicHost
    swarm: GuardedSwarm
    own_id: ID
    peer_id: PeerId
    dropped: Counter[str] = field(default_factory=Counter)

    def addrs(self) -> list[str]:
        """Full dialable multiaddrs, each ending in /p2p/<our peer ID>."""
        return [str(addr) for addr in self.host.get_addrs()]


@asynccontextmanager
async def open_host(key: SigningKey, config: NetworkConfig) -> AsyncIterator[OpenHost]:
    """Open a host that listens on `config.listen`; it is closed, sockets included, when the block ends.

    Raises AddressInUse when a port that was asked for is taken, BadMultiaddr for an address that we cannot listen on,
    BadConfig when a /wss address lacks its certificate.
    """
    _set_up_libp2p(config.agent)
    listen = parse_listen(config.listen)
    pair = create_new_key_pair(key.seed)
    swarm = _swarm(pair, config)
    host = BasicHost(
        swarm,
        addrs_factory=Announcer(config.announce),
        # What peers claim to see is believed by nobody yet; NAT traversal has its own issue.
        disable_identify_address_discovery=True,
    )
    opened = OpenHost(host, swarm, swarm.get_peer_id(), PeerId(swarm.get_peer_id().to_base58()))
    guards.guard_streams(host, opened.dropped)
    swarm.meets = partial(identify.forget, host)
    with claim_ports(listen), no_groups(), _tolerate_late_tasks():
        async with host.run(listen_addrs=listen):
            try:
                _check_bound(swarm, listen)
                yield opened
            finally:
                # Trap 14: leaving run() alone does not close the sockets.
                await close_connections(swarm)
                await host.close()


def _swarm(pair: KeyPair, config: NetworkConfig) -> GuardedSwarm:
    """Built by hand, because libp2p.new_host also registers plaintext, secio and mplex, and skips WebSocket unless an
    address to listen on has it.
    """
    own_id = ID.from_pubkey(pair.public_key)
    peerstore = PeerStore()
    peerstore.add_key_pair(own_id, pair)
    upgrader = TransportUpgrader(
        {
            NOISE: BufferedNoise(pair, noise_privkey=create_noise_key_pair().private_key),
            TLS: TlsWhenAsked(pair),
        },
        {TProtocol(YAMUX): muxer.YamuxConnection},
    )
    half_open = HalfOpen()
    return GuardedSwarm(
        half_open,
        own_id,
        peerstore,
        upgrader,
        transports=[TCP(), GuardedWebsocket(upgrader, _server_tls(config), half_open)],
        connection_config=connection_config(config.limits.connections),
    )


def _server_tls(config: NetworkConfig) -> ssl.SSLContext | None:
    if not config.tls_certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(config.tls_certificate, config.tls_key or None)
    except (OSError, ssl.SSLError) as error:
        raise BadConfig(
            f"the TLS certificate {config.tls_certificate} cannot be used: {error}",
            hint="Give a PEM certificate chain and its key.",
        ) from None
    return context


def _check_bound(swarm: GuardedSwarm, listen: list[Multiaddr]) -> None:
    """Trap 13: a listener that could not bind is left out without an error."""
    for addr in listen:
        if str(addr) not in swarm.listeners:
            raise NetworkError(
                f"cannot listen on {addr}",
                hint="A /wss address needs --tls-cert; otherwise choose another port.",
            )


@contextmanager
def _tolerate_late_tasks() -> Iterator[None]:
    """Trap 14: a stream that arrives while the host closes finds its nursery closed. Exactly that is no error."""
    try:
        yield
    except* RuntimeError as group:
        if any("Nursery is closed to new arrivals" not in str(error) for error in leaves(group)):
            raise
        log.debug("a stream arrived while the host was closing")


def _set_up_libp2p(agent: str) -> None:
    """What libp2p keeps in module variables. Idempotent."""
    muxer.install()
    quick_stream.install()
    websocket.install()
    resolver.install()
    guards.bound_negotiation()
    identify.install(agent)
    libp2p_logging.route()
