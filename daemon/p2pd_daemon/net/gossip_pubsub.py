"""Reading and writing gossip streams: each record checked once, in order, and no frame of a peer hurts another."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import trio
from google.protobuf.message import DecodeError
from libp2p.abc import IHost, INetStream
from libp2p.exceptions import BaseLibp2pError
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID
from libp2p.protocol_muxer.exceptions import ProtocolNotSupportedError
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub
from libp2p.pubsub.rpc_queue import RpcQueue
from libp2p.pubsub.utils import maybe_consume_signed_record
from libp2p.tools.anyio_service.api import InternalManagerAPI
from libp2p.tools.timed_cache.last_seen_cache import LastSeenCache

from p2pd_daemon.core.gossip_frames import RpcReader, encode_rpc, published
from p2pd_daemon.errors import RemoteProtocolError
from p2pd_daemon.net.gossip_members import MemberNews
from p2pd_daemon.net.gossip_memory import SeenIds
from p2pd_daemon.net.gossip_parts import hello_parts
from p2pd_daemon.net.gossip_queue import FRAME_BYTES, OutboundQueue
from p2pd_daemon.net.gossip_router import RoomRouter
from p2pd_daemon.net.peer_record import open_addresses
from p2pd_daemon.net.tasks import GuardedTasks, grace

log = logging.getLogger(__name__)

READ_BYTES = 65536
TURN = 16  # RPCs and messages handled before others get their turn: about 1 ms
TOPIC_BYTES = 512  # ours have at most 263

Take = Callable[[ID, bytes], Awaitable[None]]


def _decode(frame: bytes) -> rpc_pb2.RPC:
    try:
        return rpc_pb2.RPC.FromString(frame)
    except DecodeError:
        raise RemoteProtocolError("not an RPC") from None


class RoomPubsub(Pubsub):
    """`take` gets each message as bytes, one after another per peer (B9); waiting there slows that peer only."""

    def __init__(self, host: IHost, router: RoomRouter, take: Take, topics_per_peer: int) -> None:
        super().__init__(host, router, validation_cache_size=1, max_subscriptions_per_peer=topics_per_peer)
        self.seen_messages.stop()
        self.seen_messages = cast(LastSeenCache, SeenIds())  # same calls, see there
        self._router = router
        self._dropped = router._dropped
        self._take = take
        self._handled = 0
        self._inbound: dict[ID, INetStream] = {}
        self.members = MemberNews(self.peer_topics, self.subscribed_topics_receive, self.peer_queues)

    @property
    def manager(self) -> InternalManagerAPI:
        return cast(InternalManagerAPI, GuardedTasks(super().manager))  # same calls, see there

    # Reading

    async def stream_handler(self, stream: INetStream) -> None:
        """Trap 1: in libp2p one malformed frame, or one message with a bad key, ends the process."""
        peer = stream.muxed_conn.peer_id
        former, self._inbound[peer] = self._inbound.get(peer), stream
        if former is not None:
            await former.reset()
        try:
            await self.continuously_read_stream(stream)
        except RemoteProtocolError as error:
            self._dropped["bad_frame"] += 1
            log.debug("gossip stream of %s: %s", peer, error)
            await stream.reset()
        except BaseLibp2pError as error:  # the stream or its connection ended
            log.debug("gossip stream of %s ended: %r", peer, error)
        finally:
            if self._inbound.get(peer) is stream:
                del self._inbound[peer]

    async def continuously_read_stream(self, stream: INetStream) -> None:
        peer = stream.muxed_conn.peer_id
        reader = RpcReader(FRAME_BYTES)
        record: bytes | None = None  # the peer's last address record; None before its hello
        while True:
            for frame in reader.feed(await stream.read(READ_BYTES)):
                raws = published(frame) if record is not None else None
                if raws is None:
                    record = await self._handle_rpc(peer, _decode(frame), record)
                else:
                    await self._take_all(peer, raws)
                await self._give_turn()

    async def _handle_rpc(self, peer: ID, rpc: rpc_pb2.RPC, record: bytes | None) -> bytes:
        """`record` is the address record that was checked last; returns which it is now."""
        if len(rpc.subscriptions) > self.max_subscriptions_per_rpc:
            raise RemoteProtocolError(f"{len(rpc.subscriptions)} subscriptions in one RPC")
        if not all(isinstance(one.topicid, str) for one in rpc.subscriptions):
            raise RemoteProtocolError("a topic that is not UTF-8")
        if rpc.senderRecord and rpc.senderRecord != record:
            self._take_addresses(peer, rpc)
        if record is None:  # the hello lists all topics, though it be empty: what an earlier one said is void
            self._forget_topics_except({one.topicid for one in rpc.subscriptions}, peer)
        for subscription in rpc.subscriptions:
            await self._handle_subscription(peer, subscription)
        await self._take_all(peer, [message.SerializeToString() for message in rpc.publish])
        if rpc.HasField("control"):
            await self._router.handle_rpc(rpc, peer)
        return rpc.senderRecord or record or b""

    def _take_addresses(self, peer: ID, rpc: rpc_pb2.RPC) -> None:
        """Checked before libp2p does, which writes an ERROR to the log for each one that is wrong."""
        try:
            owner = open_addresses(rpc.senderRecord).peer
        except RemoteProtocolError as error:
            log.debug("address record of %s: %s", peer, error)
            owner = None
        if owner == peer.to_base58():
            maybe_consume_signed_record(rpc, self.host, peer)
        else:
            self._dropped["bad_peer_record"] += 1

    async def _take_all(self, peer: ID, raws: Sequence[bytes]) -> None:
        for raw in raws:
            await self._take(peer, raw)
            await self._give_turn()

    async def _give_turn(self) -> None:
        """A frame may hold 20,000 messages; but a checkpoint after each costs a tenth of what the message does."""
        self._handled += 1
        if self._handled % TURN == 0:
            await trio.lowlevel.checkpoint()

    # Who is in which topic

    async def _handle_subscription(self, peer: ID, change: rpc_pb2.RPC.SubOpts) -> None:
        topic = change.topicid
        if not change.subscribe:
            self._forget_subscription(peer, topic)
            self.members.note(topic, peer)
            return
        count = self._peer_subscription_count.get(peer, 0)
        if peer in self.peer_topics.get(topic, ()):
            return
        if count >= self.max_subscriptions_per_peer or len(topic.encode(errors="replace")) > TOPIC_BYTES:
            self._dropped["subscription_limit"] += 1
            return
        self.peer_topics.setdefault(topic, set()).add(peer)
        self._peer_subscription_count[peer] = count + 1
        self.members.note(topic, peer)
        if topic in self.topic_ids:
            await self._replay_recent_messages(peer, topic)
            await self._router.on_peer_subscribed(peer, topic)

    def _forget_topics_except(self, kept: set[str], peer: ID) -> None:
        for topic in [topic for topic, peers in self.peer_topics.items() if peer in peers]:
            if topic not in kept:
                self._forget_subscription(peer, topic)
                self.members.note(topic, peer)

    async def subscribe_topic(self, topic: str) -> None:
        """As `subscribe`, without its channel of 32 slots that loses the rest (trap 6); see `take`."""
        subscription = await self.subscribe(topic)
        del subscription
        for peer in self.peer_topics.get(topic, ()):
            self.members.note(topic, peer)

    # Writing

    async def _handle_new_peer(self, peer_id: ID) -> None:
        if peer_id in self.peers:
            return
        try:
            stream = await self.host.new_stream(peer_id, self.protocols)
        except Exception as error:
            if isinstance(error.__cause__, ProtocolNotSupportedError):
                log.debug("peer %s does not gossip", peer_id)
                return
            raise SwarmException(f"no gossip stream: {error!r}") from error  # the caller tries again
        told = set(self.topic_ids)
        try:
            for part in hello_parts(self.get_hello_packet()):
                await stream.write(encode_rpc(part.SerializeToString()))
        except Exception as error:
            await self._discard(stream)
            raise SwarmException(f"no gossip stream: {error!r}") from error
        if peer_id in self.peers or stream.muxed_conn.is_closed:  # meanwhile
            await self._discard(stream)
            return
        self._router.add_peer(peer_id, stream.get_protocol())
        queue = OutboundQueue()
        self.peers[peer_id] = stream
        self.peer_queues[peer_id] = queue
        for topic in told.symmetric_difference(self.topic_ids):  # joined or left since the hello was written
            announcement, _ = self._build_announce_rpc(topic, topic in self.topic_ids)
            queue.push(announcement)
        self.manager.run_task(self.handle_sending_messages, peer_id, stream, queue)
        for topic in self.topic_ids:
            if peer_id in self.peer_topics.get(topic, ()):
                self.members.note(topic, peer_id)
                await self._replay_recent_messages(peer_id, topic)
                await self._router.on_peer_subscribed(peer_id, topic)

    async def handle_sending_messages(self, peer_id: ID, stream: INetStream, queue: RpcQueue) -> None:
        try:
            while batch := await cast(OutboundQueue, queue).take():
                await stream.write(batch)
        except Exception as error:  # whatever a broken connection raises; it costs this stream only
            log.debug("gossip stream to %s broke: %r", peer_id, error)
        finally:
            if self.peer_queues.get(peer_id) is queue:
                self._handle_dead_peer(peer_id)

    def _build_announce_rpc(self, topic_id: str, subscribe: bool) -> tuple[rpc_pb2.RPC, rpc_pb2.RPC.SubOpts]:
        """Without our signed address record: the hello has carried it."""
        change = rpc_pb2.RPC.SubOpts(subscribe=subscribe, topicid=topic_id)
        return rpc_pb2.RPC(subscriptions=[change]), change

    async def handle_dead_peer_queue(self) -> None:
        """One connection of a peer is gone. With another left, libp2p keeps the stream that died with the first: it
        writes nothing, so it does not notice, and the peer is never told our topics on the new connection.
        """
        async with self.dead_peer_receive_channel:
            self.event_handle_dead_peer_queue_started.set()
            async for peer in self.dead_peer_receive_channel:
                stream = self.peers.get(peer)
                if stream is None or stream.muxed_conn.is_closed:
                    self._handle_dead_peer(peer)

    def _handle_dead_peer(self, peer_id: ID) -> None:
        """libp2p forgets the topics of a peer whose stream broke, which the peer, still connected, does not repeat."""
        self._clear_pending_announce_retries_for_peer(peer_id)
        stream, queue = self.peers.pop(peer_id, None), self.peer_queues.pop(peer_id, None)
        if queue is not None:
            queue.close()
        if stream is not None:
            self._router.remove_peer(peer_id)
            if self.manager.is_running:
                self.manager.run_task(self._discard, stream)
        self._replayed_recent_topics.pop(peer_id, None)
        if self._peer_is_connected(peer_id):
            self._schedule_peer_stream_retry(peer_id)
        else:
            self._forget_topics_except(set(), peer_id)

    async def _discard(self, stream: INetStream) -> None:
        with grace(1):
            await stream.reset()

    async def run(self) -> None:
        self.manager.run_daemon_task(self.members.tell)
        await super().run()
