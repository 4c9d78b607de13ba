"""yamux with bounded memory and a pulse: the receive window is enforced, and a peer that is silent is noticed."""

from __future__ import annotations

import logging
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from libp2p.abc import ISecureConn
from libp2p.peer.id import ID
from libp2p.stream_muxer import muxer_multistream
from libp2p.stream_muxer.yamux import yamux
from libp2p.stream_muxer.yamux.yamux import FLAG_SYN, TYPE_PING, YAMUX_HEADER_FORMAT, Yamux, YamuxStream

from p2pd_daemon.errors import RemoteProtocolError
from p2pd_daemon.net.tasks import grace

log = logging.getLogger(__name__)

WINDOW_BYTES = (
    512 * 1024
)  # most that a peer may send on one stream before we read it; yamux starts at 256 KiB
PING_EVERY_S = 2.0
PING_TIMEOUT_S = 6.0  # with PING_EVERY_S: a frozen peer is noticed within 8 s, a peer busy for 5 s is kept
CLOSE_TIMEOUT_S = 1.0


class _BoundedBuffer(bytearray):
    """What a stream has received and nobody has read. libp2p only warns when the window is exceeded."""

    def extend(self, data: Any) -> None:
        if len(self) + len(data) > WINDOW_BYTES + yamux.DEFAULT_WINDOW_SIZE:
            raise RemoteProtocolError("the peer sent more than its receive window")
        super().extend(data)


class _BoundedBuffers(dict[int, bytearray]):
    def __setitem__(self, stream_id: int, buffer: bytearray) -> None:
        super().__setitem__(stream_id, _BoundedBuffer(buffer))


class _Events(dict[int, trio.Event]):
    """A reader that is woken puts a new event in its place, even when the stream is gone meanwhile: that would leak."""

    def __init__(self, streams: dict[int, YamuxStream]) -> None:
        super().__init__()
        self._streams = streams

    def __setitem__(self, stream_id: int, event: trio.Event) -> None:
        if stream_id in self._streams:
            super().__setitem__(stream_id, event)


class BoundedYamux(Yamux):
    """Trap 9: libp2p's own health monitor pings its connections one after another, so that ten frozen peers take more
    than half a minute; and it closes politely, which blocks when the socket is full. Here each has its own pulse.
    """

    def __init__(
        self,
        secured_conn: ISecureConn,
        peer_id: ID,
        is_initiator: bool | None = None,
        on_close: Callable[[], Awaitable[Any]] | None = None,
    ) -> None:
        super().__init__(secured_conn, peer_id, is_initiator, on_close)
        self.stream_buffers = _BoundedBuffers()
        self.stream_events = _Events(self.streams)

    def _finalize_stream_locked(self, stream: YamuxStream, *, fully_closed: bool) -> None:
        """Trap 12: libp2p keeps what a reset stream had received for a minute, and never wakes who reads from it."""
        event = self.stream_events.get(stream.stream_id)
        if stream.reset_received:
            self.stream_buffers.get(stream.stream_id, bytearray()).clear()
        super()._finalize_stream_locked(stream, fully_closed=fully_closed)
        if stream.reset_received and event is not None:
            event.set()

    async def _measure_rtt_loop(self) -> None:
        """Ping at the muxer's level, which every yamux answers; abort the connection when one stays unanswered."""
        await trio.sleep(0.1)
        while not self.event_shutting_down.is_set():
            self._ping_event = trio.Event()
            self._ping_id = (self._ping_id + 1) & 0xFFFFFFFF
            self._ping_sent_time = trio.current_time()
            with trio.move_on_after(PING_TIMEOUT_S) as waiting:
                await self._write_frame(
                    struct.pack(YAMUX_HEADER_FORMAT, 0, TYPE_PING, FLAG_SYN, 0, self._ping_id)
                )
                await self._ping_event.wait()
            if waiting.cancelled_caught:
                log.info("peer %s has not answered for %.0f s: closing", self.peer_id, PING_TIMEOUT_S)
                await abort(self)
                return
            await trio.sleep(PING_EVERY_S)


async def abort(connection: Yamux) -> None:
    """Close the socket under a connection, without a word to the peer, so that whoever waits for it is woken."""
    with grace(CLOSE_TIMEOUT_S):
        await connection.secured_conn.close()


def install() -> None:
    """`muxer_opt` is ignored for yamux (muxer_multistream.py:143 names the class), so the class is replaced there."""
    vars(muxer_multistream)["Yamux"] = BoundedYamux
    yamux.MAX_WINDOW_SIZE = WINDOW_BYTES  # larger frames close the connection; windows do not grow beyond
