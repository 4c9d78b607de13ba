"""Direct messages of universal-connectivity, /universal-connectivity/dm/1.0.0: one request and one answer a stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

import trio
from libp2p.abc import INetStream

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.push import FrameReader, encode_frame
from p2pd_daemon.core.uc_direct import (
    MAX_REQUEST_BYTES,
    MAX_RESPONSE_BYTES,
    PROTOCOL_ID,
    DirectRequest,
    DirectResponse,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from p2pd_daemon.errors import NetworkError, RemoteProtocolError
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.net.inbound import Inbound
from p2pd_daemon.net.streams import open_stream, read_some, write_all

OPEN_S = 5.0  # for opening the stream
ANSWER_S = 10.0  # for the whole answer: programs answer at once, or ask nobody
REQUEST_S = 10.0  # for the whole request, which is in the first packet of an honest peer
STREAMS_PER_PEER = 4  # inbound at once; an honest peer uses one

OnDirect = Callable[[DirectRequest, PeerId], Awaitable[DirectResponse]]


class Unanswered(NetworkError):
    """The request was written, and no answer came: the message may have arrived."""

    code = "unanswered"


async def send_direct(opened: OpenHost, peer: PeerId, request: DirectRequest) -> DirectResponse:
    """What the peer answers. NetworkError when it cannot be asked, Unanswered when it does not answer properly."""
    written = False
    try:
        async with open_stream(opened, peer, PROTOCOL_ID, OPEN_S) as stream:
            with trio.fail_after(ANSWER_S):
                await write_all(stream, encode_frame(encode_request(request)), ANSWER_S)
                written = True
                return decode_response(await _frame(stream, MAX_RESPONSE_BYTES))
    except (NetworkError, RemoteProtocolError) as error:
        if not written:
            raise
        raise Unanswered(f"it did not say whether it took the message: {error.message}") from error


async def _frame(stream: INetStream, max_bytes: int) -> bytes:
    """The one frame of a side. RemoteProtocolError when it ends before that."""
    reader = FrameReader(max_bytes)
    while chunk := await read_some(stream, max(ANSWER_S, REQUEST_S)):
        if frames := reader.feed(chunk):
            return frames[0]
    raise RemoteProtocolError("the stream ended before its message was complete")


class DirectResponder:
    """Answers what others send. A hostile peer fills its own few streams and nothing else."""

    def __init__(self, on_direct: OnDirect, dropped: Counter[str]) -> None:
        self._on_direct = on_direct
        inbound = Inbound("uc-dm", self._serve, dropped, per_peer=STREAMS_PER_PEER)
        self.handle_stream = inbound.handle_stream

    async def _serve(self, stream: INetStream, peer: PeerId) -> None:
        with trio.fail_after(REQUEST_S):
            request = decode_request(await _frame(stream, MAX_REQUEST_BYTES))
        response = encode_response(await self._on_direct(request, peer))
        await write_all(stream, encode_frame(response), ANSWER_S)
