"""Direct delivery, /p2pd/push/1.0.0: records go one way on a stream, an acknowledgement of each comes back.

    initiator                      responder
      record 1, record 2, … ─────▶   on_push(record), in order, one after the other
      ◀───── ack 1, ack 2, …         each after the commit
      close ─────────────────────▶ close

The initiator keeps at most WINDOW records unacknowledged. Their acks (at most 512 bytes each) always fit into one yamux
window, so the responder never waits for us to read, and one task on each side is enough.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import trio
from libp2p.abc import INetStream

from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.push import (
    MAX_ACK_BYTES,
    PROTOCOL_ID,
    Ack,
    FrameReader,
    decode_ack,
    encode_ack,
    encode_frame,
)
from p2pd_daemon.errors import NetworkError, RemoteProtocolError
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.net.inbound import Inbound
from p2pd_daemon.net.streams import (
    broken,
    open_stream,
    read_some,
    write_all,
)

log = logging.getLogger(__name__)

WINDOW = 32  # records on their way at once
OPEN_S = 5.0  # for opening the stream
ACK_S = 15.0  # for the next acknowledgement: a commit takes milliseconds, a busy node some seconds
IDLE_S = 30.0  # a responder waits this long for the next record
STREAMS_PER_PEER = 4  # inbound at once; an honest peer uses one

OnPush = Callable[[bytes, PeerId], Awaitable[Ack]]


class PushBroken(NetworkError):
    """The stream ended early. `acks` are those of the first records, in order; the rest may or may not have arrived."""

    code = "push_broken"

    def __init__(self, message: str, *, hint: str = "", acks: Sequence[Ack] = ()) -> None:
        super().__init__(message, hint=hint)
        self.acks = tuple(acks)


async def push(opened: OpenHost, peer: PeerId, raws: Sequence[bytes]) -> list[Ack]:
    """Delivers records in order on one stream; the acks are in the same order, one for each.

    Raises PushBroken (a NetworkError) when the peer is not connected, is too slow or breaks the protocol.
    """
    acks: list[Ack] = []
    if not raws:
        return acks
    try:
        async with open_stream(opened, peer, PROTOCOL_ID, OPEN_S) as stream:
            reader = FrameReader(MAX_ACK_BYTES)
            sent = 0
            while len(acks) < len(raws):
                last = min(len(raws), len(acks) + WINDOW)
                if sent < last:
                    await write_all(stream, b"".join(encode_frame(raw) for raw in raws[sent:last]), ACK_S)
                    sent = last
                chunk = await read_some(stream, ACK_S)
                if not chunk:
                    raise broken(peer, PROTOCOL_ID, EOFError("the peer closed the stream"))
                acks.extend(decode_ack(frame) for frame in reader.feed(chunk))
                if len(acks) > sent:
                    raise broken(peer, PROTOCOL_ID, ValueError("more acknowledgements than records"))
    except (NetworkError, RemoteProtocolError) as error:
        raise PushBroken(error.message, hint=error.hint, acks=acks[: len(raws)]) from error
    return acks


class PushResponder:
    """Takes the records that others push. A hostile peer fills its own few streams and nothing else."""

    def __init__(self, on_push: OnPush, limits: Limits, dropped: Counter[str]) -> None:
        self._on_push = on_push
        self._max_bytes = limits.record_bytes
        self.inbound = Inbound("push", self._serve, dropped, per_peer=STREAMS_PER_PEER)
        self.handle_stream = self.inbound.handle_stream

    async def _serve(self, stream: INetStream, peer: PeerId) -> None:
        # A little room above the record limit: one that is slightly too large is refused by name, not cut off.
        reader = FrameReader(self._max_bytes * 2)
        while chunk := await read_some(stream, IDLE_S):
            for raw in reader.feed(chunk):
                ack = await self._on_push(raw, peer)
                await write_all(stream, encode_frame(encode_ack(ack)), ACK_S)
                await trio.lowlevel.checkpoint()
        if reader.pending:
            raise RemoteProtocolError("the stream ended inside a record")
