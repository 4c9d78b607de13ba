"""Whom a record goes to: gossipsub's mesh, with the faults of libp2p's router mended (LIBP2P.md, PERFORMANCE.md)."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import cast

import trio
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import PROTOCOL_ID, PROTOCOL_ID_V11, GossipSub
from libp2p.pubsub.mcache import MessageCache
from libp2p.pubsub.pb import rpc_pb2
from libp2p.tools.anyio_service.api import InternalManagerAPI

from p2pd_daemon.core.gossip_frames import message_frame
from p2pd_daemon.core.record import Record
from p2pd_daemon.errors import RemoteProtocolError
from p2pd_daemon.net.gossip_memory import AskedOnce, RecentRecords
from p2pd_daemon.net.gossip_parts import control_parts
from p2pd_daemon.net.gossip_queue import OWN_SHARE, OutboundQueue
from p2pd_daemon.net.tasks import GuardedTasks

log = logging.getLogger(__name__)

HEARTBEAT_S = 1  # libp2p's default is 120; and adaptive gossip would slow it to 30 (trap 3)
DEGREE, DEGREE_LOW, DEGREE_HIGH = (
    8,
    6,
    32,
)  # high above the usual room: a pruned peer hears of records late (trap 5)
IDS_PER_CONTROL = 5000  # message ids in one IHAVE or IWANT that we look at, as go-libp2p
ID_BYTES = 256  # of a message id; Go's and ours have 46, Rust's 72, hashes 20 to 64
PER_RPC = 1000  # GRAFTs, PRUNEs, IHAVEs and IWANTs in one RPC that we look at
IWANT_BYTES = 4 * 1024 * 1024  # answered per peer and heartbeat: an IWANT of 46 bytes may ask for 16 KiB


class RoomRouter(GossipSub):
    """meshsub 1.1 and 1.0. 1.2 is not offered: its IDONTWANT costs more than it saves, and fills the queues (B3)."""

    def __init__(self, dropped: Counter[str]) -> None:
        super().__init__(
            protocols=[PROTOCOL_ID_V11, PROTOCOL_ID],
            degree=DEGREE,
            degree_low=DEGREE_LOW,
            degree_high=DEGREE_HIGH,
            heartbeat_interval=HEARTBEAT_S,
            adaptive_gossip_enabled=False,  # trap 3
            spam_protection_enabled=False,  # trap 4: 10 records a second per forwarder, our own included
            eclipse_protection_enabled=False,
        )
        # Its gates silently withhold records from peers that did nothing wrong (e.g. an IWANT too many after a burst).
        self.scorer = None
        self._dropped = dropped
        self.recent = RecentRecords()
        self.mcache = cast(MessageCache, self.recent)  # libp2p's own code calls window() of it
        self._asked: Counter[ID] = Counter()  # ids of this heartbeat's IWANTs
        self._asked_once = AskedOnce()
        self._iwant_answered: defaultdict[ID, int] = defaultdict(int)
        self._past_back_off = False

    @property
    def manager(self) -> InternalManagerAPI:
        return cast(InternalManagerAPI, GuardedTasks(super().manager))  # same calls, see there

    # Sending records

    def forward_nowait(self, source: ID, message_id: bytes, record: Record) -> list[OutboundQueue]:
        """Queue a record for its peers; returns the queues that are full, for `forward_waiting`."""
        self.recent.put(message_id, record.topic, record.raw)
        author = message_id[:-8]
        peers = [
            peer for peer in self.mesh.get(record.topic, ()) if peer != source and peer.to_bytes() != author
        ]
        if not peers:
            return []
        frame = message_frame(record.raw)
        return [queue for queue in self._queues(peers) if not queue.put_nowait(frame)]

    async def forward_waiting(self, queues: Sequence[OutboundQueue], raw: bytes) -> None:
        await self._put_all(queues, message_frame(raw), 1.0)

    def publish_nowait(self, message_id: bytes, record: Record) -> tuple[int, list[OutboundQueue]]:
        """Queue a record of ours for every peer in its topic, in the mesh or not (trap 5).

        Returns for how many, and the queues that are full, for `publish_waiting`.
        """
        self.recent.put(message_id, record.topic, record.raw)
        frame = message_frame(record.raw)
        queues = list(self._queues(self.pubsub.peer_topics.get(record.topic, ()) if self.pubsub else ()))
        full = [queue for queue in queues if not queue.put_nowait(frame, OWN_SHARE)]
        return len(queues) - len(full), full

    async def publish_waiting(self, queues: Sequence[OutboundQueue], raw: bytes) -> int:
        """Returns how many of them took it."""
        return await self._put_all(queues, message_frame(raw), OWN_SHARE)

    async def _put_all(self, queues: Sequence[OutboundQueue], frame: bytes, share: float) -> int:
        taken = 0

        async def put(queue: OutboundQueue) -> None:
            nonlocal taken
            if await queue.put(frame, share):
                taken += 1
            else:
                self._dropped["slow_peer"] += 1

        async with trio.open_nursery() as nursery:
            for queue in queues:
                nursery.start_soon(put, queue)
        return taken

    def _queues(self, peers: Iterable[ID]) -> Iterable[OutboundQueue]:
        queues = self.pubsub.peer_queues if self.pubsub else {}
        for peer in peers:
            queue = queues.get(peer)
            if isinstance(queue, OutboundQueue):
                yield queue

    async def send_recent_messages(self, peer_id: ID, topic: str) -> None:
        """What was said in the last three heartbeats, for a peer that has just subscribed; oldest first.

        Through the queue: libp2p writes to the stream past it, and so between the halves of a frame.
        """
        for queue in self._queues([peer_id]):
            for raw in self.recent.recent(topic):
                queue.put_nowait(message_frame(raw))

    async def flush_pending_messages(self, peer_id: ID) -> None:
        """Nothing waits for a peer's subscription here: `send_recent_messages` covers it."""

    # Mesh

    async def heartbeat(self) -> None:
        await trio.sleep(self.heartbeat_initial_delay)
        while True:
            try:
                grafts, prunes = self.mesh_heartbeat()
                self.fanout_heartbeat()
                await self._emit_control_msgs(grafts, prunes, self.gossip_heartbeat())
                self.recent.shift()
                self._iwant_answered.clear()
                self._asked.clear()
                self._asked_once.shift()
                self._periodic_security_cleanup()
                self._forget_back_off()
            except Exception:  # a heartbeat that ends would end the host
                log.exception("gossip heartbeat failed")
            await trio.sleep(HEARTBEAT_S)

    def _handle_topic_heartbeat(
        self,
        topic: str,
        current_peers: set[ID],
        is_fanout: bool = False,
        peers_to_gossip: defaultdict[ID, dict[str, list[bytes]]] | None = None,
    ) -> tuple[set[ID], bool]:
        """B2: libp2p tells a pruned peer nothing for the 60 s of its back-off, which is about joining the mesh only."""
        self._past_back_off = True
        try:
            return super()._handle_topic_heartbeat(topic, current_peers, is_fanout, peers_to_gossip)
        finally:
            self._past_back_off = False

    def _get_in_topic_gossipsub_peers_from_minus(
        self, topic: str, num_to_select: int, minus: Iterable[ID], backoff_check: bool = False
    ) -> list[ID]:
        if self.pubsub is None or topic not in self.pubsub.peer_topics:
            return []
        check = backoff_check and not self._past_back_off
        return super()._get_in_topic_gossipsub_peers_from_minus(topic, num_to_select, minus, check)

    def _forget_back_off(self) -> None:
        for topic, peers in list(self.back_off.items()):
            for peer in list(peers):
                self._check_back_off(peer, topic)  # removes what has passed
            if not peers:
                del self.back_off[topic]

    async def _emit_control_msgs(
        self,
        peers_to_graft: dict[ID, list[str]],
        peers_to_prune: dict[ID, list[str]],
        peers_to_gossip: dict[ID, dict[str, list[bytes]]],
    ) -> None:
        """B1: libp2p does not start a new list for each peer, so that one room's messages go to another's peers."""
        for peer in {*peers_to_graft, *peers_to_prune, *peers_to_gossip}:
            control = rpc_pb2.ControlMessage(
                graft=[rpc_pb2.ControlGraft(topicID=topic) for topic in peers_to_graft.get(peer, ())],
                prune=[
                    rpc_pb2.ControlPrune(topicID=topic, backoff=self.prune_back_off)
                    for topic in peers_to_prune.get(peer, ())
                ],
                ihave=[
                    rpc_pb2.ControlIHave(topicID=topic, messageIDs=ids[-IDS_PER_CONTROL:])
                    for topic, ids in peers_to_gossip.get(peer, {}).items()
                ],
            )
            await self.emit_control_message(control, peer)

    async def emit_control_message(self, control_msg: rpc_pb2.ControlMessage, to_peer: ID) -> None:
        """Without our signed address record, which libp2p builds anew and attaches to each; the hello carries it."""
        for queue in self._queues([to_peer]):
            for part in control_parts(control_msg):
                if not queue.push(rpc_pb2.RPC(control=part), priority=True):
                    self._dropped["control"] += 1

    # Control messages from others

    async def handle_rpc(self, rpc: rpc_pb2.RPC, sender_peer_id: ID) -> None:
        """Only what concerns our topics is looked at: libp2p keeps state for any topic that a peer makes up, and
        answers each GRAFT for one with a PRUNE, whose length the peer chooses.
        """
        control = rpc.control
        for topic in dict.fromkeys(graft.topicID for graft in control.graft[:PER_RPC]):
            if not isinstance(topic, str):  # protobuf's way to say that it is not UTF-8
                raise RemoteProtocolError("a GRAFT without a topic")
            if topic in self.mesh:
                await self.handle_graft(rpc_pb2.ControlGraft(topicID=topic), sender_peer_id)
        for prune in control.prune[:PER_RPC]:
            if prune.topicID in self.mesh:
                prune.ClearField("peers")  # a stranger does not choose whom we dial
                await self.handle_prune(prune, sender_peer_id)
        for ihave in control.ihave[:PER_RPC]:
            if ihave.topicID in self.mesh:
                await self.handle_ihave(ihave, sender_peer_id)
        await self._answer_iwants(control, sender_peer_id)

    async def handle_ihave(self, ihave_msg: rpc_pb2.ControlIHave, sender_peer_id: ID) -> None:
        """Asks a peer for at most IDS_PER_CONTROL a heartbeat, however many it makes up, in whatever topics."""
        room = IDS_PER_CONTROL - self._asked[sender_peer_id]
        if room <= 0 or self.pubsub is None:
            return
        seen: Callable[[bytes], bool] = self.pubsub.seen_messages.has
        may_ask, peer = self._asked_once.may_ask, sender_peer_id.to_bytes()
        ids = dict.fromkeys(ihave_msg.messageIDs[:IDS_PER_CONTROL])
        unseen = (one for one in ids if len(one) <= ID_BYTES and not seen(one) and may_ask(peer, one))
        if wanted := list(islice(unseen, room)):
            self._asked[sender_peer_id] += len(wanted)
            await self.emit_iwant(wanted, sender_peer_id)

    async def _answer_iwants(self, control: rpc_pb2.ControlMessage, sender: ID) -> None:
        ids = (message_id for iwant in control.iwant[:PER_RPC] for message_id in iwant.messageIDs)
        asked = dict.fromkeys(islice(ids, IDS_PER_CONTROL))
        for queue in self._queues([sender] if asked else []):
            for message_id in asked:
                raw = self.recent.get(message_id)
                if raw is None:
                    continue
                self._iwant_answered[sender] += len(raw)
                if self._iwant_answered[sender] > IWANT_BYTES or not queue.put_nowait(message_frame(raw)):
                    self._dropped["iwant"] += 1
                    return
