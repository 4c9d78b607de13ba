"""A stream of a yamux connection: two windows, two halves to close, and a reset."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

import trio
from libp2p.abc import IMuxedStream
from libp2p.stream_muxer.exceptions import (
    MuxedStreamClosed,
    MuxedStreamEOF,
    MuxedStreamError,
    MuxedStreamReset,
)

from p2pd_daemon.errors import RemoteProtocolError
from p2pd_daemon.net.yamux_frames import DATA, WINDOW_UPDATE, Flag, encode

if TYPE_CHECKING:
    from p2pd_daemon.net.muxer import YamuxConnection

FIRST_WINDOW = 256 * 1024  # by the specification
WINDOW_BYTES = 512 * 1024  # of a stream that carries more; also the most that waits for its reader
FRAME_BYTES = 64 * 1024 - 12  # content of our frames, as go-yamux sends: others' turn comes after so much
STUCK_S = 60.0  # who gives no window for so long, while somebody wants to write, does not read any more


class YamuxStream(IMuxedStream):
    """libp2p's takes three locks a read and a write, copies each frame thrice, gives credit for each read, and asks a
    hundred times a second whether there is a window. One task at a time may read, and one write.
    """

    def __init__(self, stream_id: int, connection: YamuxConnection, ours: bool) -> None:
        self.stream_id = stream_id
        self.muxed_conn = self._connection = connection
        self.is_initiator = ours
        self.send_window = FIRST_WINDOW  # bytes that we may send
        self.send_closed = False
        self.recv_closed = False
        self.was_reset = False
        self._ended = False  # the peer has said all it had to say
        self._window = FIRST_WINDOW
        self._allowed = FIRST_WINDOW  # bytes that the peer may send
        self._unread: bytes | bytearray = b""
        self._readers = trio.lowlevel.ParkingLot()
        self._writers = trio.lowlevel.ParkingLot()

    @property
    def closed(self) -> bool:
        return self.send_closed and self.recv_closed

    # Reading

    async def read(self, n: int | None = -1) -> bytes:
        """At least one byte of what has arrived, at most `n` when it is given and not negative.

        Raises MuxedStreamEOF at the end, MuxedStreamReset where the peer's reset came, or at once after our own.
        """
        if n == 0:
            return b""
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._unread:
            if self._ended:
                raise MuxedStreamEOF("the stream has ended")
            if self.recv_closed:
                raise MuxedStreamReset("the stream was reset")
            await self._readers.park()
        unread = self._unread
        if n is None or n < 0 or n >= len(unread):
            content, self._unread = bytes(unread), b""
        else:
            content = bytes(unread[:n])
            if isinstance(unread, bytes):
                unread = self._unread = bytearray(unread)
            del unread[:n]
        self._give_credit()
        return content

    def _give_credit(self) -> None:
        """Not before half a window has been read: a frame of ours for many of the peer's."""
        due = self._window - self._allowed - len(self._unread)
        if due < self._window // 2 or self.recv_closed:
            return
        due += WINDOW_BYTES - self._window
        self._window = WINDOW_BYTES
        self._allowed += due
        self._connection.outbox.put_urgent(encode(WINDOW_UPDATE, 0, self.stream_id, due))

    # Writing

    async def write(self, data: bytes) -> None:
        """Returns when all is in the connection's outbox: there it stays whole when this is cancelled.

        Raises MuxedStreamClosed or MuxedStreamReset, and MuxedStreamError when the peer does not read.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        outbox, whole = self._connection.outbox, memoryview(bytes(data))
        while True:
            await outbox.room()
            if self.send_closed:
                raise MuxedStreamReset("was reset") if self.was_reset else MuxedStreamClosed("was closed")
            if not whole:
                return
            if self.send_window <= 0:
                await self._wait_for_window()
                continue
            size = min(len(whole), self.send_window, FRAME_BYTES)
            self.send_window -= size
            outbox.put(encode(DATA, 0, self.stream_id, size), whole[:size], size=size + 12)
            whole = whole[size:]
            if not whole:
                return

    async def _wait_for_window(self) -> None:
        with trio.move_on_after(STUCK_S) as waiting:
            await self._writers.park()
        if waiting.cancelled_caught:
            raise MuxedStreamError(f"the peer has read nothing for {STUCK_S:.0f} s")

    # Ending

    async def close(self) -> None:
        """Ends our half; what the peer sends can still be read."""
        if not self.send_closed:
            self.send_closed = True
            self._say(Flag.FIN)
            self._writers.unpark_all()
        self._connection.has_closed(self)

    async def reset(self) -> None:
        if not self.closed:
            self._say(Flag.RST)
        self._unread, self._ended = b"", False
        self.on_reset()
        self._connection.has_closed(self)

    def _say(self, flags: int) -> None:
        self._connection.outbox.put(encode(WINDOW_UPDATE, flags, self.stream_id, 0), size=12)

    # What the peer does

    def on_data(self, content: bytes) -> None:
        self._allowed -= len(content)
        if self._allowed < 0:
            raise RemoteProtocolError("the peer sent more than its receive window")
        if self.recv_closed:
            return
        if not self._unread:
            self._unread = content  # the usual case, and nothing is copied
        elif isinstance(self._unread, bytes):
            self._unread = bytearray(self._unread) + content
        else:
            self._unread += content
        self._readers.unpark_all()

    def on_credit(self, increase: int) -> None:
        self.send_window += increase
        self._writers.unpark_all()

    def on_end(self) -> None:
        self.recv_closed = self._ended = True
        self._readers.unpark_all()

    def on_reset(self) -> None:
        """Also when the connection breaks. What has arrived can still be read: an error is told, and then a reset."""
        self.was_reset = self.was_reset or not self.closed
        self.send_closed = self.recv_closed = True
        self._readers.unpark_all()
        self._writers.unpark_all()

    # What libp2p asks of a stream besides

    def set_deadline(self, ttl: int) -> None:
        raise NotImplementedError("use a cancel scope")

    def get_remote_address(self) -> tuple[str, int] | None:
        return self._connection.get_remote_address()

    async def __aenter__(self) -> YamuxStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
