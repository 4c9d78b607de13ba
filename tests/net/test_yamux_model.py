"""Two yamux connections with small windows, and on many streams at once whatever two sides may do: write and read at
the same time, be cancelled anywhere, close, reset, and lose the connection. Each byte arrives once and in order, or the
stream says that it was reset; nothing waits for ever, nothing is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import MuxedStreamClosed, MuxedStreamEOF, MuxedStreamReset
from net.cancelling import cancelled_at
from net.yamux_pipes import Pipe
from p2pd_daemon.net import muxer, outbox, yamux_stream
from p2pd_daemon.net.muxer import YamuxConnection
from p2pd_daemon.net.yamux_frames import DATA, HEADER
from p2pd_daemon.net.yamux_stream import YamuxStream

FIRST, WINDOW, FRAME, ROOM = 40, 64, 16, 100
NEVER = 10_000  # a step that no call has


@dataclass(frozen=True)
class Side:
    """What one end of a stream does: writes of so many bytes, cancelled at these steps; reads of at most so many."""

    writes: list[tuple[int, int]]
    resets: bool
    reads: list[tuple[int, int]]


steps = st.just(NEVER) | st.integers(1, 6)
sides = st.builds(
    Side,
    writes=st.lists(st.tuples(st.integers(0, 300), steps), max_size=5),
    resets=st.sampled_from([False, False, False, True]),
    reads=st.lists(st.tuples(st.sampled_from([-1, 1, 7, 50]), steps), min_size=1, max_size=5),
)


class CuttingPipe(Pipe):
    """Gives what was written in pieces, and may break after some of them."""

    def __init__(self, initiator: bool, held: float, pieces: list[int], most: int) -> None:
        super().__init__(initiator, held)
        self._pieces = pieces
        self._most = most
        self._left = b""

    async def read(self, n: int | None = None) -> bytes:
        if not self._left:
            self._left = await super().read()
        self._most -= 1
        if self._most == 0:
            await self.close()
        size = self._pieces[self._most % len(self._pieces)]
        piece, self._left = self._left[:size], self._left[size:]
        return piece


class End:
    """A connection that notes which bytes of each stream it took to send."""

    def __init__(self, pipe: Any) -> None:
        self.connection = YamuxConnection(pipe, ID(b"peer"))
        self.taken: dict[int, bytearray] = {}
        self._put = self.connection.outbox.put
        vars(self.connection.outbox)["put"] = self.put

    def put(self, *parts: bytes | memoryview, size: int) -> None:
        self._put(*parts, size=size)
        _, kind, _, stream_id, _ = HEADER.unpack(parts[0])
        if kind == DATA:
            self.taken.setdefault(stream_id, bytearray()).extend(parts[1])
            assert self.connection.outbox._size <= ROOM + FRAME + 12 * 20


def content(start: int, size: int) -> bytes:
    return bytes((start + at) * 37 % 251 for at in range(size))


async def write(end: End, stream: YamuxStream, side: Side) -> None:
    taken = end.taken.setdefault(stream.stream_id, bytearray())
    try:
        for size, step in side.writes:
            before, data = len(taken), content(len(taken), size)
            cut_short = await cancelled_at(step, lambda data=data: stream.write(data))  # type: ignore[misc]
            assert taken[before:] == data[: len(taken) - before]
            assert cut_short or len(taken) - before == size
        await (stream.reset() if side.resets else stream.close())
    except (MuxedStreamReset, MuxedStreamClosed):
        pass


async def read(stream: YamuxStream, side: Side, sent: bytearray, may_break: bool) -> None:
    received = bytearray()

    def turns() -> Iterator[tuple[int, int]]:
        yield from side.reads
        while True:
            yield side.reads[0][0], NEVER

    async def take(most: int) -> None:
        received.extend(await stream.read(most))

    try:
        for most, step in turns():
            assert len(stream._unread) <= WINDOW
            await cancelled_at(step, lambda most=most: take(most))  # type: ignore[misc]
    except MuxedStreamEOF:
        assert received == sent
    except MuxedStreamReset:
        assert may_break
        assert sent.startswith(received)


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamux_stream, "FIRST_WINDOW", FIRST)
    monkeypatch.setattr(yamux_stream, "WINDOW_BYTES", WINDOW)
    monkeypatch.setattr(muxer, "WINDOW_BYTES", WINDOW)
    monkeypatch.setattr(yamux_stream, "FRAME_BYTES", FRAME)
    monkeypatch.setattr(outbox, "ROOM_BYTES", ROOM)


@pytest.mark.slow
@pytest.mark.usefixtures("_small")
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.booleans(), sides, sides), min_size=1, max_size=6),
    st.sampled_from([0, 1, 3, 1000]),
    st.lists(st.sampled_from([1, 5, 11, 12, 13, 64, 4096]), min_size=1, max_size=4),
    st.just(NEVER) | st.integers(1, 60),
)
def test_whatever_both_sides_do(
    streams: list[tuple[bool, Side, Side]], held: int, pieces: list[int], most: int
) -> None:
    async def run() -> None:
        pipes = [CuttingPipe(True, held, pieces, most), CuttingPipe(False, held, pieces, NEVER)]
        pipes[0].other, pipes[1].other = pipes[1], pipes[0]
        ends = [End(pipe) for pipe in pipes]
        with trio.fail_after(30):  # of a clock that jumps when all wait
            async with trio.open_nursery() as nursery:
                for end in ends:
                    nursery.start_soon(end.connection.start)
                    await end.connection.event_started.wait()
                await converse(ends, streams, most != NEVER)
                await ends[0].connection.close()
        for end in ends:
            assert end.connection.is_closed
            assert end.connection.streams == {}

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))


async def converse(ends: list[End], streams: list[tuple[bool, Side, Side]], may_break: bool) -> None:
    async with trio.open_nursery() as nursery:
        for turned, *both in streams:
            near, far = ends[::-1] if turned else ends
            try:
                opened = await near.connection.open_stream()
                accepted = await far.connection.accept_stream()
            except Exception:
                assert may_break
                break
            one, other = both
            broken = may_break or one.resets or other.resets
            for end, stream, side, there in ((near, opened, one, far), (far, accepted, other, near)):
                sent = there.taken.setdefault(stream.stream_id, bytearray())
                nursery.start_soon(write, end, stream, side)
                nursery.start_soon(read, stream, side, sent, broken)
    if not may_break:
        await trio.testing.wait_all_tasks_blocked()
        assert all(end.connection.streams == {} for end in ends)
