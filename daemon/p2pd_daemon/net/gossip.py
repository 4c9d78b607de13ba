"""Records by gossip: publishing ours with back-pressure, and taking others' once, checked, in order."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from google.protobuf.message import DecodeError
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from libp2p.tools.anyio_service import background_trio_service

from p2pd_daemon.core.admission import Outcome
from p2pd_daemon.core.gossip_frames import message_id as message_id_of
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId, peer_id_bytes
from p2pd_daemon.core.record import Record, canonical_record, record_from_fields, verify_record
from p2pd_daemon.errors import RemoteProtocolError, TooLarge
from p2pd_daemon.net.gossip_pubsub import RoomPubsub
from p2pd_daemon.net.gossip_router import RoomRouter
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.net.interface import NetworkEvents
from p2pd_daemon.net.tasks import no_groups

log = logging.getLogger(__name__)

GOSSIP_BYTES = 512 * 1024  # a message of about 1 MiB and more vanishes without a word (trap 7)


class Gossip:
    def __init__(self, opened: OpenHost, events: NetworkEvents, limits: Limits) -> None:
        self._own_bytes = opened.own_id.to_bytes()
        self._events = events
        self._dropped: Counter[str] = opened.dropped
        self._most = min(limits.record_bytes or GOSSIP_BYTES, GOSSIP_BYTES)
        self.router = RoomRouter(opened.dropped)
        self.pubsub = RoomPubsub(opened.host, self.router, self._take, limits.rooms or 1_000_000)
        self.pubsub.members.on_member = self._on_member
        self._in_order = trio.Lock()

    async def subscribe(self, topic: str) -> None:
        await self.pubsub.subscribe_topic(topic)

    async def unsubscribe(self, topic: str) -> None:
        await self.pubsub.unsubscribe(topic)
        self.pubsub.members.forget(topic)

    def members(self, topic: str) -> list[PeerId]:
        """Connected peers that are in the topic and that we can write to."""
        writable = self.pubsub.peer_queues
        there = self.pubsub.peer_topics.get(topic, ())
        return sorted(PeerId(peer.to_base58()) for peer in there if peer in writable)

    async def publish(self, record: Record) -> int:
        """Hand a record of ours to all connected peers in its topic; returns to how many.

        Waits for room in their queues, for a peer that does not keep up at most 5 s. Where all have room it is no
        checkpoint: what is published together goes out together. May be called again with the same record, e.g. when
        the first time nobody was there.
        """
        if len(record.raw) > self._most:
            raise TooLarge(f"a record of {len(record.raw)} bytes; gossip carries {self._most}")
        message_id = peer_id_bytes(record.author) + record.seqno.to_bytes(8)
        self.pubsub.seen_messages.add(message_id)
        if self._in_order.locked():  # an earlier record waits for room: none may overtake it
            async with self._in_order:
                count, full = self.router.publish_nowait(message_id, record)
                return count + await self.router.publish_waiting(full, record.raw)
        count, full = self.router.publish_nowait(message_id, record)
        if full:
            async with self._in_order:
                return count + await self.router.publish_waiting(full, record.raw)
        return count

    async def _take(self, source: ID, raw: bytes) -> None:
        """One message of a peer. Nothing is awaited before it is marked as seen and passed on where there is room, so
        that each is checked once and the order of its author is kept, whichever peers bring it.
        """
        message_id = message_id_of(raw)
        if message_id is not None and self._is_known(message_id):
            return
        record = self._opened(raw)
        if record is None:
            return
        if message_id is None or record.raw is not raw:  # what stood in its place need not be the record's
            message_id = peer_id_bytes(record.author) + record.seqno.to_bytes(8)
            if self._is_known(message_id):
                return
        if not self._is_genuine(record):
            return
        peer = PeerId(source.to_base58())
        try:
            verdict = self._events.check_record(record, peer)
        except Exception:  # a bug of ours costs this message, not the peer and not the host (trap 2)
            log.exception("could not judge a record")
            return
        self.pubsub.seen_messages.add(message_id)
        full = self.router.forward_nowait(source, message_id, record) if verdict.relay else []
        if verdict.outcome is Outcome.IGNORE or verdict.outcome is Outcome.REJECT:
            self._dropped[verdict.reason or verdict.outcome.value] += 1
        if verdict.keep:
            try:
                await self._events.on_record(record, peer, verdict)
            except Exception:
                log.exception("could not take a record")
        if full:
            await self.router.forward_waiting(full, record.raw)

    def _is_known(self, message_id: bytes) -> bool:
        return self.pubsub.seen_messages.has(message_id) or message_id[:-8] == self._own_bytes

    def _opened(self, raw: bytes) -> Record | None:
        """The record, where it is one and its topic ours. RemoteProtocolError: not even a message."""
        record = canonical_record(raw) or self._translated(raw)
        if record is None or record.topic not in self.pubsub.subscribed_topics_receive:
            return None
        if len(record.raw) > self._most:
            self._dropped["too_large"] += 1
            return None
        return record

    def _translated(self, raw: bytes) -> Record | None:
        """A message that other implementations may encode so: fields in another order, or some that we do not know."""
        try:
            message = rpc_pb2.Message.FromString(raw)
        except DecodeError:
            raise RemoteProtocolError("not a message") from None
        if not any(topic in self.pubsub.subscribed_topics_receive for topic in message.topicIDs):
            return None
        try:
            return record_from_fields(
                message.from_id,
                message.seqno,
                message.topicIDs,
                message.data,
                message.signature,
                message.key,
            )
        except RemoteProtocolError as error:
            self._dropped["bad_record"] += 1
            log.debug("not a record: %s", error)
            return None

    def _is_genuine(self, record: Record) -> bool:
        """Its author's. Not marked as seen otherwise: a forger must not silence others."""
        try:
            verify_record(record)
        except RemoteProtocolError as error:
            self._dropped["bad_signature"] += 1
            log.debug("record refused: %s", error)
            return False
        return True

    async def _on_member(self, topic: str, peer: ID, joined: bool) -> None:
        await self._events.on_member(topic, PeerId(peer.to_base58()), joined)


@asynccontextmanager
async def open_gossip(opened: OpenHost, events: NetworkEvents, limits: Limits) -> AsyncIterator[Gossip]:
    gossip = Gossip(opened, events, limits)
    with no_groups():
        async with background_trio_service(gossip.pubsub), background_trio_service(gossip.router):
            await gossip.pubsub.wait_until_ready()
            yield gossip
