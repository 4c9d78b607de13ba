"""yamux's frames: any cut of the bytes gives the same, and any bytes are read or refused."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from p2pd_daemon.errors import RemoteProtocolError
from p2pd_daemon.net.yamux_frames import (
    DATA,
    GO_AWAY,
    PING,
    WINDOW_UPDATE,
    Flag,
    Frame,
    FrameReader,
    encode,
)

SYN, ACK, FIN, RST = Flag.SYN, Flag.ACK, Flag.FIN, Flag.RST


FRAMES = st.builds(
    lambda kind, flags, stream, content: (kind, flags, stream, content),
    st.sampled_from([DATA, WINDOW_UPDATE, PING, GO_AWAY]),
    st.integers(0, 15),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=40),
)
CUTS = st.lists(st.floats(0, 1), max_size=12)


def cut(whole: bytes, places: Sequence[float]) -> list[bytes]:
    at = [0, *sorted(int(place * len(whole)) for place in places), len(whole)]
    return [whole[start:stop] for start, stop in itertools.pairwise(at)]


def joined(frames: Sequence[Frame]) -> list[tuple[int, int, int, int, bytes]]:
    """Pieces of data frames put together; `number` is the length."""
    whole: list[tuple[int, int, int, int, bytes]] = []
    for frame in frames:
        last = whole[-1] if whole else None
        opens = frame.flags & (SYN | ACK)
        if (
            last
            and last[0] == frame.kind == DATA
            and last[2] == frame.stream_id
            and frame.content
            and not opens
        ):
            whole[-1] = (
                DATA,
                last[1] | frame.flags,
                last[2],
                last[3] + frame.number,
                last[4] + frame.content,
            )
        else:
            whole.append((frame.kind, frame.flags, frame.stream_id, frame.number, frame.content))
    return whole


@given(st.lists(FRAMES, max_size=6), CUTS)
def test_frames_are_the_same_wherever_they_are_cut(frames: list[Any], cuts: list[float]) -> None:
    wire = b"".join(
        encode(kind, flags, stream, len(content)) + (content if kind == DATA else b"")
        for kind, flags, stream, content in frames
    )
    at_once, in_pieces = FrameReader(100), FrameReader(100)
    whole = list(at_once.feed(wire))
    assert [(f.kind, f.flags, f.stream_id, f.number) for f in whole] == [
        (kind, flags, stream, len(content)) for kind, flags, stream, content in frames
    ]
    pieces = [frame for part in cut(wire, cuts) for frame in in_pieces.feed(part)]
    assert joined(pieces) == joined(whole)


@given(st.binary(max_size=200), CUTS)
def test_a_reader_of_garbage_holds_less_than_a_header(garbage: bytes, cuts: list[float]) -> None:
    reader = FrameReader(100)
    try:
        for part in cut(garbage, cuts):
            for frame in reader.feed(part):
                assert frame.kind <= GO_AWAY
            assert len(reader._rest) < 12
    except RemoteProtocolError:
        pass


def test_a_frame_that_is_too_large_is_refused_before_it_arrives() -> None:
    with pytest.raises(RemoteProtocolError):
        list(FrameReader(100).feed(encode(DATA, 0, 1, 101)))
