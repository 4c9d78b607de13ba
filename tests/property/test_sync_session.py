"""Whatever two sides have, whatever bytes come as a frame, and wherever a session is cut."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from p2pd_daemon.core.clock import MAX_TS_MS
from p2pd_daemon.core.pb import sync_pb2
from p2pd_daemon.core.sync_frames import (
    CaughtUp,
    Done,
    Frame,
    Hello,
    PageRequest,
    Reconcile,
    Records,
    Refusal,
    Want,
    decode_sync_frame,
    encode_sync_frame,
)
from p2pd_daemon.errors import RemoteProtocolError
from sync_sides import BothWait, CutOff, Link, Peer, raw_of, sync

pytestmark = pytest.mark.slow

ids = st.binary(min_size=32, max_size=32)
times = st.integers(0, MAX_TS_MS)
places = st.tuples(times, ids)
counts = st.integers(0, 2**64 - 1)
frames: st.SearchStrategy[Frame] = st.one_of(
    st.builds(Hello, ids, times, counts, times, times),
    st.builds(Refusal, st.integers(0, 100), st.text(max_size=200)),
    st.builds(PageRequest, st.none() | st.tuples(st.integers(1, MAX_TS_MS), ids)),
    st.builds(Reconcile, st.binary(max_size=300)),
    st.builds(Want, st.lists(ids, min_size=1, max_size=20, unique=True).map(tuple)),
    st.builds(
        Records,
        st.lists(st.binary(max_size=100), max_size=10).map(tuple),
        st.lists(places, max_size=10).map(tuple),
        st.booleans(),
    ),
    st.just(CaughtUp()),
    st.just(Done()),
)
numbers = st.sets(st.integers(0, 60), max_size=40)


def peer(which: set[int], page_records: int = 4) -> Peer:
    return Peer.of(map(raw_of, sorted(which)), page_records=page_records)


@given(frames)
def test_frames_come_back_as_they_were(frame: Frame) -> None:
    assert decode_sync_frame(encode_sync_frame(frame)) == frame


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_a_protocol_error(raw: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        decode_sync_frame(raw)


@given(frames, st.data())
def test_a_frame_with_changed_bytes_is_a_frame_or_a_protocol_error(frame: Frame, data: st.DataObject) -> None:
    raw = bytearray(encode_sync_frame(frame))
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=4)) if raw else []:
        raw[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(RemoteProtocolError):
        decode_sync_frame(bytes(raw[: data.draw(st.integers(0, len(raw)))]))


@given(
    st.builds(
        sync_pb2.SyncFrame,
        records=st.builds(
            sync_pb2.SyncRecords,
            gone=st.lists(
                st.builds(sync_pb2.SyncGone, ts=counts, id=st.binary(max_size=40)), min_size=1, max_size=3
            ),
        ),
    )
)
def test_places_that_are_none_are_refused(frame: sync_pb2.SyncFrame) -> None:
    wrong = any(gone.ts > MAX_TS_MS or len(gone.id) != 32 for gone in frame.records.gone)
    try:
        decode_sync_frame(frame.SerializeToString())
    except RemoteProtocolError:
        assert wrong
    else:
        assert not wrong


@given(numbers, numbers, st.integers(1, 30))
def test_any_two_sets_are_equal_afterwards(one: set[int], other: set[int], page_records: int) -> None:
    a, b = peer(one, page_records), peer(other, page_records)
    sync(a, b)
    assert a.places == b.places == peer(one | other).places


@given(numbers, numbers, st.integers(0, 60), st.integers(0, 60))
def test_above_both_floors_they_are_equal(one: set[int], other: set[int], floor: int, others: int) -> None:
    floors = [int.from_bytes(raw_of(number)[:8]) for number in (floor, others)]
    a, b = peer(one), peer(other)
    a.floor_ts, b.floor_ts = floors
    sync(a, b)
    above = {place for place in peer(one | other).places if place[0] >= max(floors)}
    assert {place for place in a.places if place[0] >= max(floors)} == above
    assert {place for place in b.places if place[0] >= max(floors)} == above
    assert {place for place in a.tree.items() if place[0] < max(floors)} == {
        place for place in peer(one).places if place[0] < max(floors)
    }


@given(numbers, numbers, numbers, numbers)
def test_places_without_bodies_pass_to_who_believes_them(
    one: set[int], other: set[int], gone_here: set[int], gone_there: set[int]
) -> None:
    a, b = peer(one), peer(other)
    for each, gone in ((a, gone_here & one), (b, gone_there & other)):
        for number in gone:
            each.drop(number)
    a.believed = b.believed = a.believed | b.believed
    sync(a, b)
    assert a.places == b.places == peer(one | other).places


@given(numbers, numbers, st.integers(0, 40))
def test_a_session_that_is_cut_is_made_good_by_the_next(one: set[int], other: set[int], cut: int) -> None:
    a, b = peer(one), peer(other)
    with contextlib.suppress(CutOff):
        Link((a, b), cut_after=cut).run()
    for each in (a, b):
        assert set(each.raws) == {record_id for _, record_id in each.tree.items()}
    sync(b, a)
    assert a.places == b.places == peer(one | other).places


@given(numbers, numbers, st.dictionaries(st.integers(0, 30), frames, max_size=3))
def test_a_liar_costs_its_session_only(one: set[int], other: set[int], lies: dict[int, Frame]) -> None:
    a, b = peer(one), peer(other)
    sent = iter(range(1_000_000))
    with contextlib.suppress(RemoteProtocolError, BothWait):
        Link((a, b), change=lambda _at, frame: lies.get(next(sent), frame)).run()
    for each, had in ((a, one), (b, other)):
        assert peer(had).places <= each.places
        assert set(each.raws) == {record_id for _, record_id in each.tree.items()}
