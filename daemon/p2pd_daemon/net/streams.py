"""Streams to and from peers: every wait has an end, every stream is closed or reset, foreign errors become ours.

A yamux stream that nobody closes keeps its bookkeeping, and 256 of them stop the connection (trap 12 of LIBP2P.md).
Reading past the end raises StreamEOF in libp2p; here it gives b"".
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.peer.id import ID

from p2pd_daemon.core.peer_id import PeerId, short_peer_id
from p2pd_daemon.errors import NetworkError
from p2pd_daemon.net.dial import live_connection
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.net.tasks import grace

CHUNK = 65536  # bytes per read: a quarter of yamux's window
CLOSING_S = 2.0  # how long the other side may take to close its half, and a reset to be sent
DRAIN_BYTES = 65536  # of what it still sends meanwhile; then the stream is reset

# What libp2p raises for a stream or connection that broke, as seen from outside it.
FOREIGN = (
    BaseLibp2pError,
    OSError,
    EOFError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    trio.TooSlowError,
)


@asynccontextmanager
async def open_stream(
    opened: OpenHost, peer: PeerId, protocol: str, timeout: float
) -> AsyncIterator[INetStream]:
    """A stream on the existing connection: nothing is dialled here. `timeout` is for opening it.

    Closed when the block ends well, reset otherwise. libp2p's errors leave as NetworkError.
    """
    if live_connection(opened, peer) is None:
        raise NetworkError(
            f"{peer} is not connected",
            hint="Connect first, or wait: it is dialled again by itself when it is known.",
        )
    stream: INetStream | None = None
    try:
        with trio.fail_after(timeout):
            stream = await opened.host.new_stream(ID.from_base58(peer), [TProtocol(protocol)])
        yield stream
        await end_stream(stream)
        stream = None
    except FOREIGN as error:
        raise broken(peer, protocol, error) from error
    finally:
        if stream is not None:
            await reset_stream(stream)


async def read_some(stream: INetStream, timeout: float) -> bytes:
    """What has arrived, at least one byte; b"" at the end. Raises TooSlowError or a libp2p error."""
    with trio.fail_after(timeout):
        try:
            return await stream.read(CHUNK)
        except StreamEOF:
            return b""


async def write_all(stream: INetStream, content: bytes, timeout: float) -> None:
    with trio.fail_after(timeout):
        await stream.write(content)


async def end_stream(stream: INetStream) -> None:
    """Closes our half and waits a little for the other; resets the stream when that does not come."""
    with trio.move_on_after(CLOSING_S) as waiting:
        try:
            await stream.close()
            left = DRAIN_BYTES
            while left > 0:
                chunk = await stream.read(CHUNK)
                if not chunk:
                    break
                left -= len(chunk)
            else:
                await reset_stream(stream)
        except StreamEOF:
            pass
        except FOREIGN:  # it is gone already, which is what we want
            await reset_stream(stream)
    if waiting.cancelled_caught:
        await reset_stream(stream)


async def reset_stream(stream: INetStream) -> None:
    """Also when cancelled; a connection that takes no more bytes does not hold us up."""
    with grace(CLOSING_S):
        try:
            await stream.reset()
        except FOREIGN:
            return


def broken(peer: PeerId, protocol: str, error: BaseException) -> NetworkError:
    name = protocol.split("/")[-2] if protocol.count("/") > 1 else protocol
    if isinstance(error, trio.TooSlowError):
        what = "did not answer in time"
    else:
        what = f"broke off: {str(error).partition(chr(10))[0][:120] or type(error).__name__}"
    return NetworkError(
        f"{name} with …{short_peer_id(peer)} {what}", hint="Try again when the peer is reachable."
    )
