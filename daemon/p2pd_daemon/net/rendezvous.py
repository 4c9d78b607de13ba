"""Rendezvous, /rendezvous/1.0.0: its messages, and the client's side of one conversation with a rendezvous point.

libp2p's own client and service are not used: their records are unsigned (an older form of the protocol), a mere
question makes the service keep a namespace for ever, nothing bounds registrations per peer or in total, and neither
side ever times out a silent stream.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from libp2p.abc import INetStream

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.push import FrameReader, encode_frame
from p2pd_daemon.errors import NetworkError, RemoteProtocolError
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.net.peer_record import AddressRecord, open_addresses
from p2pd_daemon.net.streams import broken, open_stream, read_some, write_all
from p2pd_daemon.net.wire.rendezvous_pb2 import Message

PROTOCOL_ID = "/rendezvous/1.0.0"
MAX_TAG_BYTES = 255  # by the specification
MAX_COOKIE_BYTES = 64
MAX_REQUEST_BYTES = 8192  # a peer record of at most 4 KiB and a tag
MAX_RESPONSE_BYTES = 1 << 20  # what a client reads: 256 records of 4 KiB
PAGE = 64  # registrations asked for at once
OPEN_S = 5.0
ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Page:
    """Peers registered under a tag. `cookie` asks for those that came after them; `full`: there may be more now."""

    peers: tuple[AddressRecord, ...]
    cookie: bytes
    full: bool


class RendezvousRefused(NetworkError):
    """The point answered with an error. `status` is a `Message.ResponseStatus`."""

    code = "rendezvous_refused"

    def __init__(self, status: int, text: str) -> None:
        name = (
            Message.ResponseStatus.Name(status) if status in Message.ResponseStatus.values() else str(status)
        )
        super().__init__(f"the rendezvous point refused: {name} {text[:120]}".rstrip())
        self.status = status


def decode_message(raw: bytes) -> Message:
    """RemoteProtocolError when it is none. (Fields of the wrong kind, a tag that is no UTF-8, and so on.)"""
    try:
        return Message.FromString(raw)
    except DecodeError:
        raise RemoteProtocolError("not a rendezvous message") from None


class RendezvousSession:
    """Requests one after the other on one stream. `answered` counts those that were answered."""

    def __init__(self, stream: INetStream, point: PeerId) -> None:
        self._stream = stream
        self._point = point
        self._reader = FrameReader(MAX_RESPONSE_BYTES)
        self.answered = 0

    async def register(self, tag: str, record: bytes, ttl: int) -> int:
        """Announces us under `tag`; returns for how many seconds the point granted it."""
        request = Message(type=Message.REGISTER)
        request.register.ns, request.register.signedPeerRecord, request.register.ttl = tag, record, ttl
        answer = (await self._ask(request, Message.REGISTER_RESPONSE)).registerResponse
        if answer.status != Message.OK:
            raise RendezvousRefused(answer.status, answer.statusText)
        return int(answer.ttl) or ttl

    async def unregister(self, tag: str) -> None:
        """Takes the announcement back. The protocol has no answer to it."""
        request = Message(type=Message.UNREGISTER)
        request.unregister.ns = tag
        await write_all(self._stream, encode_frame(request.SerializeToString()), ANSWER_S)

    async def discover(self, tag: str, limit: int = PAGE, cookie: bytes = b"") -> Page:
        """Who is registered under `tag`. Records that their peers did not sign are left out."""
        request = Message(type=Message.DISCOVER)
        request.discover.ns, request.discover.limit, request.discover.cookie = tag, limit, cookie
        answer = (await self._ask(request, Message.DISCOVER_RESPONSE)).discoverResponse
        if answer.status != Message.OK:
            raise RendezvousRefused(answer.status, answer.statusText)
        peers: dict[PeerId, AddressRecord] = {}
        for registration in answer.registrations[:limit]:
            try:
                record = open_addresses(registration.signedPeerRecord)
            except RemoteProtocolError:
                continue
            peers[record.peer] = record
        return Page(
            tuple(peers.values()), answer.cookie[:MAX_COOKIE_BYTES], len(answer.registrations) >= limit
        )

    async def _ask(self, request: Message, expected: int) -> Message:
        await write_all(self._stream, encode_frame(request.SerializeToString()), ANSWER_S)
        while True:
            chunk = await read_some(self._stream, ANSWER_S)
            if not chunk:
                raise broken(self._point, PROTOCOL_ID, EOFError("the point closed the stream"))
            frames = self._reader.feed(chunk)
            if not frames:
                continue
            answer = decode_message(frames[0])
            if len(frames) > 1 or answer.type != expected:
                raise RemoteProtocolError("the rendezvous point answered something else than was asked")
            self.answered += 1
            return answer


@asynccontextmanager
async def open_rendezvous(opened: OpenHost, point: PeerId) -> AsyncIterator[RendezvousSession]:
    """A conversation with a connected point. Raises NetworkError or RemoteProtocolError when it breaks."""
    async with open_stream(opened, point, PROTOCOL_ID, OPEN_S) as stream:
        yield RendezvousSession(stream, point)
