"""yamux streams between two connections over a pipe."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from libp2p.stream_muxer.exceptions import (
    MuxedStreamClosed,
    MuxedStreamEOF,
    MuxedStreamError,
    MuxedStreamReset,
)
from net.yamux_pipes import a_pair, by_hand, connections, read_all
from p2pd_daemon.net import yamux_stream
from p2pd_daemon.net.muxer import STREAMS
from p2pd_daemon.net.yamux_stream import FIRST_WINDOW, FRAME_BYTES, WINDOW_BYTES


async def test_what_is_written_arrives_both_ways_and_halves_close_by_themselves() -> None:
    async with connections() as (one, other):
        near, far = await a_pair(one, other)
        await near.write(b"")
        await near.write(b"question")
        await near.close()
        with pytest.raises(MuxedStreamClosed):
            await near.write(b"more")
        assert await far.read(3) + await far.read(None) == b"question"
        for _ in range(2):
            with pytest.raises(MuxedStreamEOF):
                await far.read()
        await far.write(b"answer")
        assert await near.read() == b"answer"
        assert not far.closed
        await far.close()
        with pytest.raises(MuxedStreamEOF):
            await near.read()
        assert near.closed
        assert far.closed
        assert one.streams == other.streams == {}


async def test_a_reset_wakes_who_reads_and_who_writes() -> None:
    async with connections() as (one, other):
        near, far = await a_pair(one, other)
        await near.write(b"unread")
        raised: list[type[BaseException]] = []

        async def catch(call: Any, *arguments: object) -> None:
            try:
                await call(*arguments)
            except MuxedStreamError as error:
                raised.append(type(error))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(catch, near.read)
            nursery.start_soon(catch, near.write, bytes(2 * FIRST_WINDOW))
            await trio.testing.wait_all_tasks_blocked()
            await far.reset()
        assert raised == [MuxedStreamReset, MuxedStreamReset]
        with pytest.raises(MuxedStreamReset):
            await far.read()
        assert one.streams == other.streams == {}


async def test_what_had_arrived_is_read_after_the_connection_has_ended() -> None:
    async with connections() as (one, other):
        near, far = await a_pair(one, other)
        cut_off, half = await a_pair(one, other)
        await near.write(b"all there was to say")
        await near.close()
        await cut_off.write(b"the beginn")
        await one.close()
        await other.event_closed.wait()
        assert await far.read() == b"all there was to say"
        with pytest.raises(MuxedStreamEOF):
            await far.read()
        assert await half.read() == b"the beginn"
        with pytest.raises(MuxedStreamReset):
            await half.read()
        with pytest.raises(MuxedStreamError):
            await one.open_stream()


async def test_what_is_said_before_a_reset_is_heard() -> None:
    """The two arrive together: sync tells the reason, and resets."""
    async with connections() as (one, other):
        near, far = await a_pair(one, other)
        await near.write(b"too large")
        await near.reset()
        await trio.testing.wait_all_tasks_blocked()
        assert await far.read() == b"too large"
        with pytest.raises(MuxedStreamReset):
            await far.read()


async def test_credit_is_given_for_half_a_window_and_not_for_each_read() -> None:
    async with connections() as (one, other):
        near, far = await a_pair(one, other)
        size = 4 * WINDOW_BYTES
        async with trio.open_nursery() as nursery:
            nursery.start_soon(near.write, bytes(size))
            before = other.secured_conn.writes  # type: ignore[attr-defined]  # a Pipe
            assert len(await read_all(far, size, 1000)) == size
        assert other.secured_conn.writes - before <= 12  # type: ignore[attr-defined]


async def test_frames_of_many_streams_go_out_in_one_write() -> None:
    async with connections() as (one, other):
        pairs = [await a_pair(one, other) for _ in range(20)]
        await trio.testing.wait_all_tasks_blocked(0.01)
        before = one.secured_conn.writes  # type: ignore[attr-defined]
        for near, _ in pairs:
            await near.write(b"x")
        for _, far in pairs:
            assert await far.read() == b"x"
        assert one.secured_conn.writes - before == 1  # type: ignore[attr-defined]


async def test_a_cancelled_write_breaks_nothing() -> None:
    """libp2p writes in the caller's task: cancelled there, it leaves half a frame on the connection."""
    async with connections(held=0) as (one, other):
        near, far = await a_pair(one, other)
        for _ in range(50):
            with trio.move_on_after(0):
                await near.write(bytes(3 * FRAME_BYTES))
            with trio.move_on_after(0.0001):
                await near.write(bytes(1000))
        await near.close()
        with pytest.raises(MuxedStreamEOF):
            await read_all(far, 10**9)
        near, far = await a_pair(one, other)
        await near.write(b"still whole")
        assert await far.read() == b"still whole"


async def test_a_bulk_stream_does_not_starve_the_others() -> None:
    async with connections(held=0) as (one, other):
        bulk, sink = await a_pair(one, other)
        small, far = await a_pair(one, other)
        received = 0

        async def drain() -> None:
            nonlocal received
            while True:
                received += len(await sink.read())

        async def pour() -> None:
            while True:
                await bulk.write(bytes(WINDOW_BYTES))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(drain)
            nursery.start_soon(pour)
            for number in range(20):
                before = received
                await small.write(b"%d" % number)
                assert await far.read() == b"%d" % number
                assert received - before < 2 * WINDOW_BYTES
            nursery.cancel_scope.cancel()


async def test_who_is_given_no_window_is_told_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamux_stream, "STUCK_S", 0.01)
    async with by_hand() as (connection, _):
        stream = await connection.open_stream()
        await stream.write(bytes(FIRST_WINDOW))
        with pytest.raises(MuxedStreamError, match="read nothing"):
            await stream.write(b"x")


async def test_more_of_our_streams_than_allowed_wait_for_one_to_close() -> None:
    async with connections() as (one, other):
        ours = [(await a_pair(one, other))[0] for _ in range(STREAMS)]
        with trio.move_on_after(0.01) as waiting:
            await one.open_stream()
        assert waiting.cancelled_caught
        await ours[0].close()
        await a_pair(one, other)

        async with trio.open_nursery() as nursery:

            async def refused() -> None:
                with pytest.raises(MuxedStreamError):
                    await one.open_stream()

            nursery.start_soon(refused)
            await trio.testing.wait_all_tasks_blocked()
            await one.close()
