"""A raw connection with a read buffer: one system call for all that has arrived."""

from __future__ import annotations

import trio
from libp2p.abc import IRawConnection
from libp2p.io.abc import ReadWriteCloser
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.io.trio import TrioTCPStream
from libp2p.network.connection.raw_connection import RawConnection

READ_BYTES = 256 * 1024  # most that one system call takes, and so the most that waits here


class BufferedConnection(RawConnection):
    """libp2p goes to the socket for each byte of a multistream line and for each 2-byte length of Noise, and takes a
    lock each time: a turn of the scheduler each. One task at a time may read.
    """

    def __init__(self, stream: ReadWriteCloser, initiator: bool) -> None:
        super().__init__(stream, initiator)
        self._socket = _socket(stream)
        self._sending = trio.Lock()
        self._received = b""
        self._taken = 0  # bytes of _received that have been read

    async def read(self, n: int | None = None) -> bytes:
        """At least one byte and at most `n`, all that is there without `n`; b"" at the end."""
        if n == 0:
            return b""
        if self._taken == len(self._received):
            received = await self._receive()
            if n is None or n >= len(received):
                return received
            self._received, self._taken = received, 0
        end = len(self._received) if n is None else self._taken + n
        part = self._received[self._taken : end]
        self._taken += len(part)
        if self._taken == len(self._received):
            self._received, self._taken = b"", 0
        return part

    async def _receive(self) -> bytes:
        if self._socket is None:
            return await super().read(None)
        try:
            return bytes(await self._socket.receive_some(READ_BYTES))
        except trio.BrokenResourceError as error:
            raise ConnectionClosedError(f"the connection was reset: {error}", transport="tcp") from error
        except trio.ClosedResourceError:
            return b""

    async def write(self, data: bytes) -> None:
        if self._socket is None:
            await super().write(data)
            return
        try:
            self._sending.acquire_nowait()
        except trio.WouldBlock:  # TLS answers while it reads
            await self._sending.acquire()
        try:
            await self._socket.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ConnectionClosedError(f"the connection is closed: {error}", transport="tcp") from error
        finally:
            self._sending.release()

    async def close(self) -> None:
        """libp2p's WebSocket waits for the other's good-bye; cut short, or answered at the wrong moment, it leaves the
        socket open until it is found by the garbage collector.
        """
        try:
            await super().close()
        finally:
            under = getattr(getattr(self.stream, "_ws_connection", None), "_stream", None)
            if under is not None:
                await trio.aclose_forcefully(under)


def buffered(connection: IRawConnection) -> IRawConnection:
    """The same, with a read buffer, where it is a connection over a socket or a WebSocket."""
    if type(connection) is not RawConnection:
        return connection
    wrapped = BufferedConnection(connection.stream, connection.is_initiator)
    vars(wrapped).update(vars(connection))  # its type and addresses
    return wrapped


def _socket(stream: ReadWriteCloser) -> trio.SocketStream | None:
    """The socket itself, past the two locks of libp2p's wrapper. None for a WebSocket: its messages come whole."""
    if isinstance(stream, TrioTCPStream) and isinstance(stream.stream, trio.SocketStream):
        return stream.stream
    return None
