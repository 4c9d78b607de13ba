"""Two yamux connections over a pipe, or one and a hand that writes frames: no libp2p around them."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.testing
from libp2p.peer.id import ID
from p2pd_daemon.net.muxer import YamuxConnection
from p2pd_daemon.net.yamux_frames import (
    Frame,
    FrameReader,
)
from p2pd_daemon.net.yamux_stream import WINDOW_BYTES, YamuxStream


class Pipe:
    """One end of a connection: who writes waits until the other reads, once `held` writes are under way."""

    def __init__(self, initiator: bool, held: float = math.inf) -> None:
        self.is_initiator = initiator
        self.writes = 0
        self._send, self.sent = trio.open_memory_channel[bytes](held)
        self.other: Pipe = self

    async def read(self, n: int | None = None) -> bytes:
        try:
            return await self.other.sent.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            return b""

    async def write(self, data: bytes) -> None:
        self.writes += 1
        await self._send.send(data)

    async def close(self) -> None:
        self._send.close()
        self.other.sent.close()


def pipes(held: float = math.inf, held_back: float = math.inf) -> tuple[Any, Any]:
    one, other = Pipe(True, held), Pipe(False, held_back)
    one.other, other.other = other, one
    return one, other


@asynccontextmanager
async def connections(held: float = math.inf) -> AsyncIterator[tuple[YamuxConnection, YamuxConnection]]:
    ends = pipes(held, held)
    one, other = (YamuxConnection(end, ID(b"peer")) for end in ends)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.start)
            nursery.start_soon(other.start)
            await one.event_started.wait()
            yield one, other
            await one.close()


class Hand:
    """Writes frames to a connection, and reads what it answers."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe
        self._frames = FrameReader(WINDOW_BYTES)

    async def write(self, *frames: bytes) -> None:
        await self.pipe.write(b"".join(frames))

    async def read(self) -> list[Frame]:
        return list(self._frames.feed(await self.pipe.read()))

    async def read_until(self, kind: int) -> Frame:
        while True:
            for frame in await self.read():
                if frame.kind == kind:
                    return frame


@asynccontextmanager
async def by_hand(held: float = math.inf) -> AsyncIterator[tuple[YamuxConnection, Hand]]:
    ours, theirs = pipes(held_back=held)
    connection = YamuxConnection(theirs, ID(b"peer"))
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.start)
            await connection.event_started.wait()
            yield connection, Hand(ours)
            nursery.cancel_scope.cancel()


async def a_pair(one: YamuxConnection, other: YamuxConnection) -> tuple[YamuxStream, YamuxStream]:
    return await one.open_stream(), await other.accept_stream()


async def read_all(stream: YamuxStream, size: int, most: int = -1) -> bytes:
    content = bytearray()
    while len(content) < size:
        content += await stream.read(most)
    return bytes(content)
