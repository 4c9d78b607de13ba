"""Streams of /p2pd/store/1.0.0: asking a store node for what it does with direct messages, and being one.

That a peer lists the protocol says that it is a store node.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from libp2p.abc import INetStream

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.push import FrameReader, encode_frame
from p2pd_daemon.core.store_frames import (
    MAX_REQUEST_BYTES,
    MAX_RESPONSE_BYTES,
    PROTOCOL_ID,
    Request,
    Response,
    StoreRefusal,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from p2pd_daemon.errors import P2pdError, RemoteProtocolError
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.net.inbound import Inbound
from p2pd_daemon.net.streams import (
    FOREIGN,
    broken,
    open_stream,
    read_some,
    write_all,
)

log = logging.getLogger(__name__)

OPEN_S = 5.0  # for opening the stream
ANSWER_S = 30.0  # for an answer: 64 signatures and a commit take milliseconds, a busy node some seconds
IDLE_S = 30.0  # a store node waits this long for the next request
STREAMS_PER_PEER = 2  # inbound at once; an honest peer uses one to give and one to fetch
STREAMS = 64  # inbound at once from everybody: each may hold a request in memory

OnRequest = Callable[[Request, PeerId], Awaitable[Response]]


class StoreChannel:
    """One stream to a store node: requests, each answered before the next."""

    def __init__(self, stream: INetStream, peer: PeerId) -> None:
        self._stream = stream
        self._peer = peer
        self._reader = FrameReader(MAX_RESPONSE_BYTES)

    async def ask(self, request: Request) -> Response:
        """Raises NetworkError when it breaks or takes too long, RemoteProtocolError for what is no answer."""
        try:
            await write_all(self._stream, encode_frame(encode_request(request)), ANSWER_S)
            while True:
                chunk = await read_some(self._stream, ANSWER_S)
                if not chunk:
                    raise broken(self._peer, PROTOCOL_ID, EOFError("the peer closed the stream"))
                if frames := self._reader.feed(chunk):
                    return decode_response(frames[0])
        except FOREIGN as error:
            raise broken(self._peer, PROTOCOL_ID, error) from error


@asynccontextmanager
async def open_store_channel(opened: OpenHost, peer: PeerId) -> AsyncIterator[StoreChannel]:
    """Raises NetworkError when the peer is away or is no store node."""
    async with open_stream(opened, peer, PROTOCOL_ID, OPEN_S) as stream:
        yield StoreChannel(stream, peer)


class StoreResponder:
    """Answers the requests of others. A hostile peer fills its own few streams and nothing else."""

    def __init__(self, on_request: OnRequest, dropped: Counter[str]) -> None:
        self._on_request = on_request
        self.inbound = Inbound("store", self._serve, dropped, per_peer=STREAMS_PER_PEER, total=STREAMS)
        self.handle_stream = self.inbound.handle_stream

    async def _serve(self, stream: INetStream, peer: PeerId) -> None:
        reader = FrameReader(MAX_REQUEST_BYTES)
        frames: deque[bytes] = deque()
        while chunk := await read_some(stream, IDLE_S):
            frames.extend(reader.feed(chunk))
            while frames:
                response = await self._answer(decode_request(frames.popleft()), peer)
                await write_all(stream, encode_frame(encode_response(response)), ANSWER_S)
        if reader.pending:
            raise RemoteProtocolError("the stream ended inside a request")

    async def _answer(self, request: Request, peer: PeerId) -> Response:
        try:
            return await self._on_request(request, peer)
        except RemoteProtocolError:
            raise
        except P2pdError:  # our disk: it costs this request
            log.exception("a request of %s failed here", peer)
            return StoreRefusal("this store node could not do it; try again later")
