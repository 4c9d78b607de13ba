"""The network as the node sees it: one object to publish, connect and look through, opened by `open_network`."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

import trio
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.push import PROTOCOL_ID as PUSH
from p2pd_daemon.core.store_frames import PROTOCOL_ID as STORE
from p2pd_daemon.core.stream_chat import PROTOCOL_ID as CHAT
from p2pd_daemon.core.sync_frames import PROTOCOL_ID as SYNC
from p2pd_daemon.core.uc_direct import PROTOCOL_ID as UC_DIRECT
from p2pd_daemon.errors import LocalProtocolError
from p2pd_daemon.net import direct, uc_direct, uc_discovery
from p2pd_daemon.net import ping as pinging
from p2pd_daemon.net.dial import ended_at_once
from p2pd_daemon.net.dialler import Dialler
from p2pd_daemon.net.discovery import Discovery
from p2pd_daemon.net.gossip import Gossip, open_gossip
from p2pd_daemon.net.host import OpenHost, open_host
from p2pd_daemon.net.identify import on_identified
from p2pd_daemon.net.interface import (
    Connected,
    ForeignEvents,
    NetworkConfig,
    NetworkEvents,
    PeerConnection,
)
from p2pd_daemon.net.mdns import Mdns
from p2pd_daemon.net.presence import Presence, agent_of, connection_of, describe, protocols_of
from p2pd_daemon.net.schedule import Kind
from p2pd_daemon.net.store_node import OnRequest, StoreChannel, StoreResponder, open_store_channel
from p2pd_daemon.net.stream_chat import LineChat, LineChatResponder, open_line_chat
from p2pd_daemon.net.sync import SyncChannel, SyncResponder, open_sync
from p2pd_daemon.net.targets import parse_target
from p2pd_daemon.net.tasks import no_groups

if TYPE_CHECKING:
    from p2pd_daemon.core.keys import SigningKey
    from p2pd_daemon.core.push import Ack
    from p2pd_daemon.core.record import Record
    from p2pd_daemon.core.uc_direct import DirectRequest, DirectResponse
    from p2pd_daemon.core.uc_discovery import Announcement

__all__ = [
    "Connected",
    "ForeignEvents",
    "LineChat",
    "Network",
    "NetworkConfig",
    "NetworkEvents",
    "PeerConnection",
    "open_network",
]

WELCOME_S = 1.5  # for a peer to answer or to hang up; what speaks no identify does neither
IDENTIFY_S = 3.0  # for a new peer to say what it speaks: one round trip, and a busy peer's time


class Network:
    """A running node on the network. All peers are named by PeerId; libp2p's own types stay inside net/."""

    def __init__(
        self,
        opened: OpenHost,
        gossip: Gossip,
        dialler: Dialler,
        discovery: Discovery,
        chats: LineChatResponder | None,
    ) -> None:
        self._chats = chats
        self._opened = opened
        self._gossip = gossip
        self._dialler = dialler
        self._discovery = discovery
        self._identified = trio.Event()
        on_identified(opened.host.get_peerstore(), self._note_identified)
        self.peer_id = opened.peer_id
        self.dropped: Counter[str] = opened.dropped

    def addrs(self) -> list[str]:
        """Full dialable multiaddrs of this node, TCP before WebSocket."""
        return self._opened.addrs()

    # Rooms

    async def subscribe(self, topic: str) -> None:
        await self._gossip.subscribe(topic)

    async def unsubscribe(self, topic: str) -> None:
        await self._gossip.unsubscribe(topic)

    def members(self, topic: str) -> list[PeerId]:
        """Connected peers that are in the topic and that gossip can reach."""
        return self._gossip.members(topic)

    async def publish(self, record: Record) -> int:
        """As Gossip.publish: to how many peers it was handed, after waiting for room in their queues."""
        return await self._gossip.publish(record)

    # Peers

    async def connect(self, target: str, timeout: float = 8.0) -> Connected:
        """As Dialler.connect: a multiaddr or a peer ID; its own error for each way to fail, within 10 s.

        Raises ConnectionEnded when the peer lets us in and hangs up: a handshake comes before it can refuse anybody.
        """
        done = await self._dialler.connect(target, timeout)
        await self._hear_from(done.peer_id, WELCOME_S)
        if not self.is_connected(done.peer_id):
            raise ended_at_once(done)
        return done

    async def disconnect(self, peer: PeerId) -> None:
        """End the connection, and do not dial again until `connect`, or until the peer dials us."""
        await self._dialler.disconnect(peer)

    async def ping(self, peer: PeerId, count: int) -> list[float]:
        """Round-trip times in ms. NetworkError when an answer takes longer than 5 s."""
        return await pinging.ping(self._opened, peer, count)

    def peers(self) -> list[PeerConnection]:
        """One for each connected peer, those connected longest first."""
        found = []
        for libp2p_id in list(self._opened.swarm.connections):
            peer = PeerId(libp2p_id.to_base58())
            conn = connection_of(self._opened, peer)
            if conn is not None:
                found.append(describe(self._opened, peer, conn))
        return sorted(found, key=lambda one: (one.since_ms, one.peer_id))

    def is_connected(self, peer: PeerId) -> bool:
        return connection_of(self._opened, peer) is not None

    async def push(self, peer: PeerId, raws: Sequence[bytes]) -> list[Ack]:
        """Deliver records directly, in order; PushBroken (with the acks so far) when the stream breaks."""
        return await direct.push(self._opened, peer, raws)

    async def send_direct(self, peer: PeerId, request: DirectRequest) -> DirectResponse:
        """Deliver one message by universal-connectivity's protocol. As `uc_direct.send_direct`."""
        return await uc_direct.send_direct(self._opened, peer, request)

    def open_line_chat(self, peer: PeerId) -> AbstractAsyncContextManager[LineChat]:
        """A conversation of lines that we begin. Raises NetworkError."""
        return open_line_chat(self._opened, peer)

    def accept_line_chat(self) -> AbstractAsyncContextManager[LineChat]:
        """The next one that a peer begins, after those who wait already."""
        if self._chats is None:
            raise LocalProtocolError("this host does not serve other programs' protocols")
        return self._chats.accept()

    async def protocols(self, peer: PeerId) -> tuple[str, ...]:
        """What a connected peer says it speaks; a new one is given a moment to say so. Empty when it does not."""
        await self._hear_from(peer, IDENTIFY_S)
        return protocols_of(self._opened, peer)

    async def _hear_from(self, peer: PeerId, seconds: float) -> None:
        """Waits until a connected peer has said what it is, or has gone, for so long at most."""
        with trio.move_on_after(seconds):
            while (conn := connection_of(self._opened, peer)) and not protocols_of(self._opened, peer):
                async with trio.open_nursery() as nursery:
                    for news in (conn.event_closed, self._identified):
                        nursery.start_soon(_end_when, news, nursery.cancel_scope)

    def agent(self, peer: PeerId) -> str:
        """The name of the peer's program, as it says; empty when it has not."""
        return agent_of(self._opened, peer)

    def addrs_to_announce(self) -> list[bytes]:
        """Of our addresses those for universal-connectivity's discovery topic. May be empty."""
        return uc_discovery.addrs_to_announce(self.addrs())

    def learn_announced(self, announced: Announcement) -> None:
        """Dial that peer, if there is an address that we can and may use."""
        if addrs := uc_discovery.addrs_to_dial(announced, self.addrs()):
            self._dialler.learn(announced.peer, addrs, Kind.FOUND)

    def open_sync(self, peer: PeerId) -> AbstractAsyncContextManager[SyncChannel]:
        """A stream for a session of reconciliation that we begin. Raises NetworkError."""
        return open_sync(self._opened, peer)

    def is_store_node(self, peer: PeerId) -> bool:
        """Whether it is connected and has said that it keeps for others."""
        return self.is_connected(peer) and STORE in protocols_of(self._opened, peer)

    def may_compare(self, peer: PeerId) -> bool:
        """Unless it has said what it speaks, and /p2pd/sync/1.0.0 is not among that: another program."""
        protocols = protocols_of(self._opened, peer)
        return not protocols or SYNC in protocols

    @property
    def identified(self) -> trio.Event:
        """Set when some peer says next, for the first time or again, what it is: then it may be a store node."""
        return self._identified

    def _note_identified(self, peer: ID) -> None:
        self._identified.set()
        self._identified = trio.Event()

    def open_store(self, peer: PeerId) -> AbstractAsyncContextManager[StoreChannel]:
        """A stream to ask a store node something. Raises NetworkError."""
        return open_store_channel(self._opened, peer)

    async def advertise(self, tags: Collection[str]) -> None:
        """Be found under these rendezvous tags from now on, and look for others there; other tags are taken back."""
        self._discovery.advertise(tags)
        await trio.lowlevel.checkpoint()


async def _end_when(news: trio.Event, waiting: trio.CancelScope) -> None:
    await news.wait()
    waiting.cancel()


@asynccontextmanager
async def open_network(
    key: SigningKey,
    config: NetworkConfig,
    events: NetworkEvents,
    known: Sequence[tuple[PeerId, Sequence[str]]],
    on_store_request: OnRequest | None = None,
    *,
    foreign: ForeignEvents | None = None,
) -> AsyncIterator[Network]:
    """Start everything on the network side; ends orderly when the block ends. Raises as `open_host`.

    `known` are peers of earlier runs with their addresses; they are dialled as those of `config.bootstrap` are.
    With `on_store_request` this is a store node, with `foreign` it serves the protocols of other programs.
    """
    async with open_host(key, config) as opened, open_gossip(opened, events, config.limits) as gossip:
        dialler = Dialler(opened, events.remember)
        bootstrap = [parse_target(addr) for addr in config.bootstrap]
        mdns = None
        if config.mdns:
            mdns = Mdns(
                opened.peer_id, opened.addrs, lambda peer, addrs: dialler.learn(peer, addrs, Kind.FOUND)
            )
        discovery = Discovery(opened, dialler, [target.peer for target in bootstrap], mdns)
        presence = Presence(opened, dialler, discovery, events)
        responder = direct.PushResponder(events.on_push, config.limits, opened.dropped)
        opened.host.set_stream_handler(TProtocol(PUSH), responder.handle_stream)
        syncing = SyncResponder(events.on_sync, opened.dropped)
        opened.host.set_stream_handler(TProtocol(SYNC), syncing.handle_stream)
        chats = _serve_foreign(opened, foreign) if foreign is not None else None
        if on_store_request is not None:
            storing = StoreResponder(on_store_request, opened.dropped)
            opened.host.set_stream_handler(TProtocol(STORE), storing.handle_stream)
        for target in bootstrap:
            dialler.learn(target.peer, [target.addr], Kind.BOOTSTRAP)
        for peer, addrs in known:
            dialler.learn(peer, addrs, Kind.KNOWN)
        with no_groups():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(presence.run)
                nursery.start_soon(dialler.run)
                nursery.start_soon(discovery.run)
                yield Network(opened, gossip, dialler, discovery, chats)
                nursery.cancel_scope.cancel()


def _serve_foreign(opened: OpenHost, foreign: ForeignEvents) -> LineChatResponder:
    answering = uc_direct.DirectResponder(foreign.on_direct, opened.dropped)
    opened.host.set_stream_handler(TProtocol(UC_DIRECT), answering.handle_stream)
    chats = LineChatResponder(foreign.admits, foreign.on_missed_chat, opened.dropped)
    opened.host.set_stream_handler(TProtocol(CHAT), chats.handle_stream)
    return chats
