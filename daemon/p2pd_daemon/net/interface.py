"""What the node gives the network and what it gets back: configuration, callbacks and the shapes of its answers.

Nothing here imports libp2p, so that every part of net/ and its tests can import it without cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from p2pd_daemon.core.limits import Limits
from p2pd_daemon.version import __version__

if TYPE_CHECKING:
    from p2pd_daemon.core.admission import Verdict
    from p2pd_daemon.core.peer_id import PeerId
    from p2pd_daemon.core.push import Ack
    from p2pd_daemon.core.record import Record
    from p2pd_daemon.core.uc_direct import DirectRequest, DirectResponse
    from p2pd_daemon.net.sync import SyncChannel


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """How the node meets the others. Addresses are multiaddrs as text; those of bootstrap end in `/p2p/<id>`."""

    listen: tuple[str, ...] = ("/ip4/0.0.0.0/tcp/0",)
    announce: tuple[str, ...] = ()  # announced instead of what we listen on, e.g. behind a port forwarding
    bootstrap: tuple[str, ...] = ()
    mdns: bool = True
    tls_certificate: str = ""  # PEM files, needed for a /tls/ws or /wss listener only
    tls_key: str = ""
    limits: Limits = field(default_factory=Limits)
    agent: str = f"p2pd/{__version__}"


@dataclass(frozen=True, slots=True)
class PeerConnection:
    """One connected peer. `direction` is "in" or "out", `since_ms` Unix time, `rtt_ms` None until measured."""

    peer_id: PeerId
    addrs: tuple[str, ...]
    direction: str
    since_ms: int
    rtt_ms: float | None
    agent: str
    protocols: tuple[str, ...]
    relayed: bool = False


@dataclass(frozen=True, slots=True)
class Connected:
    """The outcome of a dial: the address that answered and how long the handshake took."""

    peer_id: PeerId
    addr: str
    ms: float


class NetworkEvents(Protocol):
    """What the node does with what the network brings. An exception here costs one message, never the host."""

    def check_record(self, record: Record, source: PeerId) -> Verdict:
        """Judge a new gossip record, whose signature is already verified. Pure and quick: it runs in the read loop."""

    async def on_record(self, record: Record, source: PeerId, verdict: Verdict) -> None:
        """Take an accepted or quarantined record. Called in order per `source`; waiting here slows only that peer."""

    async def on_push(self, raw: bytes, source: PeerId) -> Ack:
        """Take one pushed record; return after the commit."""

    async def on_sync(self, channel: SyncChannel) -> None:
        """Answer a session of /p2pd/sync/1.0.0 that a peer begins. May raise P2pdError: it costs the session."""

    async def on_connected(self, peer: PeerId) -> None: ...

    async def on_disconnected(self, peer: PeerId) -> None: ...

    async def on_member(self, topic: str, peer: PeerId, joined: bool) -> None:
        """A connected peer subscribed to `topic`, or left it (by unsubscribing or disconnecting)."""

    async def remember(self, peer: PeerId, addrs: Sequence[str], source: str) -> None:
        """Keep dialable addresses of a peer for the next start."""


class ForeignEvents(Protocol):
    """What the node does with what other programs' protocols bring. Without one these protocols are not served."""

    async def on_direct(self, request: DirectRequest, source: PeerId) -> DirectResponse:
        """Take a message of universal-connectivity's direct protocol; return after the commit. Raises nothing."""

    def admits(self, peer: PeerId) -> bool:
        """Whether the peer may open a conversation of lines at all."""

    async def on_missed_chat(self, peer: PeerId) -> None:
        """A peer wanted to talk by /chat/1.0.0, and nobody waited for that."""
