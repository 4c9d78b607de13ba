"""A peer that breaks yamux, or overdoes it, costs its own connection."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import (
    MuxedStreamEOF,
)
from net.test_yamux_frames import FRAMES
from net.yamux_pipes import by_hand, pipes
from p2pd_daemon.net.muxer import STREAMS, YamuxConnection
from p2pd_daemon.net.outbox import MOST_BYTES
from p2pd_daemon.net.yamux_frames import (
    DATA,
    GO_AWAY,
    GO_AWAY_PROTOCOL_ERROR,
    PING,
    WINDOW_UPDATE,
    Flag,
    Frame,
    encode,
)
from p2pd_daemon.net.yamux_stream import FIRST_WINDOW, FRAME_BYTES, WINDOW_BYTES

SYN, ACK, FIN, RST = Flag.SYN, Flag.ACK, Flag.FIN, Flag.RST


async def test_a_ping_is_answered_and_ours_measures_the_time() -> None:
    async with by_hand() as (connection, hand):
        await hand.write(encode(PING, SYN, 0, 77))
        assert await hand.read_until(PING) == Frame(PING, ACK, 0, 77, b"")
        ping = await hand.read_until(PING)
        assert ping.flags == SYN
        assert connection.rtt() == 0
        await hand.write(encode(PING, ACK, 0, ping.number + 1))  # not what was asked
        await hand.write(encode(PING, ACK, 0, ping.number))
        await trio.testing.wait_all_tasks_blocked()
        assert connection.rtt() > 0


async def test_a_stream_begins_with_data_as_rust_sends_it() -> None:
    async with by_hand() as (connection, hand):
        await hand.write(encode(DATA, SYN | FIN, 1, 5), b"first")
        stream = await connection.accept_stream()
        assert await stream.read() == b"first"
        assert (await hand.read_until(WINDOW_UPDATE)).flags == ACK
        with pytest.raises(MuxedStreamEOF):
            await stream.read()
        await hand.write(encode(WINDOW_UPDATE, ACK, 1, 1000))
        await trio.testing.wait_all_tasks_blocked()
        assert stream.send_window == FIRST_WINDOW + 1000


OVERRUN = [encode(DATA, 0, 1, FRAME_BYTES) + bytes(FRAME_BYTES)] * 5


@pytest.mark.parametrize(
    "frames",
    [
        OVERRUN,
        [encode(DATA, 0, 1, WINDOW_BYTES + 1)],
        [encode(WINDOW_UPDATE, SYN, 1, 0)],  # a second time
        [encode(WINDOW_UPDATE, SYN, 2, 0)],  # one of ours
        [encode(WINDOW_UPDATE, SYN, 0, 0)],
        [b"\x01" + bytes(11)],  # version 1
        [encode(4, 0, 0, 0)],
    ],
    ids=["overrun", "too large", "opened twice", "our number", "number 0", "version", "type"],
)
async def test_what_breaks_the_protocol_ends_the_connection(frames: list[bytes]) -> None:
    async with by_hand() as (connection, hand):
        await hand.write(encode(WINDOW_UPDATE, SYN, 1, 0))
        await hand.write(*frames)
        assert (await hand.read_until(GO_AWAY)).number == GO_AWAY_PROTOCOL_ERROR
        await connection.event_closed.wait()


async def test_more_streams_than_allowed_are_reset() -> None:
    async with by_hand() as (connection, hand):
        await hand.write(*(encode(WINDOW_UPDATE, SYN, 1 + 2 * n, 0) for n in range(STREAMS + 1)))
        answers: list[Frame] = []
        while len(answers) <= STREAMS:
            answers += [frame for frame in await hand.read() if frame.kind == WINDOW_UPDATE]
        assert [frame.flags for frame in answers] == [ACK] * STREAMS + [RST]
        assert len(connection.streams) == STREAMS


async def test_a_stream_that_was_reset_before_it_was_taken_is_not_given_out() -> None:
    async with by_hand() as (connection, hand):
        frames = [
            encode(WINDOW_UPDATE, flag, 1 + 2 * n, 0) for n in range(STREAMS // 2) for flag in (SYN, RST)
        ]
        await hand.write(*frames, encode(DATA, SYN, 1001, 4), b"last")
        assert await (await connection.accept_stream()).read() == b"last"


async def test_a_peer_that_asks_and_does_not_read_the_answers_is_cut_off() -> None:
    async with by_hand(held=0) as (connection, hand):
        await hand.write(*[encode(PING, SYN, 0, 1)] * 100_000)
        await connection.event_closed.wait()


async def test_who_closes_a_stream_is_not_blamed_for_a_peer_that_does_not_read() -> None:
    async with by_hand(held=0) as (connection, hand):
        streams = [await connection.open_stream() for _ in range(200)]
        await trio.testing.wait_all_tasks_blocked()
        await hand.write(*[encode(PING, SYN, 0, 1)] * (MOST_BYTES // 12 - 300))
        await trio.testing.wait_all_tasks_blocked()
        assert not connection.is_closed
        for stream in streams:
            await stream.close()
        await connection.event_closed.wait()


async def test_good_bye_ends_the_connection() -> None:
    async with by_hand() as (connection, hand):
        await hand.write(encode(GO_AWAY, 0, 0, 0))
        await connection.event_closed.wait()
        assert connection.is_closed
        assert not connection.is_established


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60), FRAMES.map(lambda f: encode(f[0], f[1], f[2] % 6, len(f[3])) + f[3])
        )
    )
)
def test_any_bytes_cost_only_the_connection(parts: list[bytes]) -> None:
    async def run() -> None:
        ours, theirs = pipes()
        connection = YamuxConnection(theirs, ID(b"peer"))
        for part in parts:
            await ours.write(part)
        await ours.close()
        await connection.start()
        assert connection.is_closed
        assert connection.streams == {}

    trio.run(run)
