"""What waits to be written to a connection: frames of many streams, sent many at a time by one task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

# Above it who has data to send waits; one write carries not much more, so that others' turn is soon.
ROOM_BYTES = 128 * 1024
# Answers do not wait; so much of them waits only for a peer that asks and does not read.
MOST_BYTES = 512 * 1024


class Outbox:
    """libp2p writes each frame by itself, under a lock. A task that is cancelled there leaves half a frame behind, and
    the connection is broken; here only `run` writes, and nobody cancels it before the connection is given up.

    `overrun` is called, once, when the peer has us answer and does not read; from then on the outbox is closed. Who
    puts something is not told: it may be anybody who closes a stream, and is not to blame.
    """

    def __init__(self, overrun: Callable[[], None]) -> None:
        self._overrun = overrun
        self._urgent: list[bytes] = []
        self._parts: list[bytes | memoryview] = []
        self._size = 0
        self._writing = False
        self._closed = False
        self._work = trio.lowlevel.ParkingLot()
        self._space = trio.lowlevel.ParkingLot()
        self._idle = trio.lowlevel.ParkingLot()

    def put(self, *parts: bytes | memoryview, size: int) -> None:
        """Kept in order. Whoever has more than a header asks `room` first. Nothing is kept once closed."""
        if not self._closed:
            self._parts += parts
            self._note(size)

    def put_urgent(self, frame: bytes) -> None:
        """Goes before all that waits: answers, and what lets the peer send on."""
        if not self._closed:
            self._urgent.append(frame)
            self._note(len(frame))

    def _note(self, size: int) -> None:
        self._size += size
        self._work.unpark_all()
        if self._size > MOST_BYTES:
            self.close()
            self._overrun()

    async def room(self) -> None:
        """Returns when data may be put. Those that wait take turns, a frame each."""
        while self._size >= ROOM_BYTES and not self._closed:
            await self._space.park()

    async def run(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        """Writes until closed, or until `write` raises."""
        while True:
            while not self._size:
                self._idle.unpark_all()
                if self._closed:
                    return
                await self._work.park()
            content = b"".join([*self._urgent, *self._parts])
            self._urgent.clear()
            self._parts.clear()
            self._size = 0
            self._space.unpark_all()
            self._writing = True
            await write(content)
            self._writing = False

    async def drained(self) -> None:
        """Returns when all has been written, or the outbox is closed."""
        while (self._size or self._writing) and not self._closed:
            await self._idle.park()

    def close(self) -> None:
        """What waits is thrown away, who waits goes on."""
        self._closed = True
        self._urgent.clear()
        self._parts.clear()
        self._size = 0
        for lot in (self._work, self._space, self._idle):
            lot.unpark_all()
