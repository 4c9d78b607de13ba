"""Sessions of reconciliation, in memory: what each side has afterwards, also when a session is cut."""

from __future__ import annotations

import itertools

import pytest
from p2pd_daemon.core.sync import FAR_BEHIND, far_behind, initiate
from p2pd_daemon.core.sync_effects import Peek, Receive, Send, Taken
from p2pd_daemon.core.sync_frames import (
    BUSY,
    MAX_WANT,
    NOT_HERE,
    Done,
    Frame,
    Hello,
    PageRequest,
    Reconcile,
    Records,
    Refusal,
    Want,
)
from sync_sides import NOW_MS, TAG, CutOff, Link, Peer, place_of, raw_of, sync

FAR = FAR_BEHIND + 300


def peer(*ranges: range, **more: int) -> Peer:
    return Peer.of((raw_of(number) for number in itertools.chain(*ranges)), **more)


# What they have afterwards


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (range(0), range(0)),
        (range(10), range(10)),
        (range(0), range(120)),
        (range(120), range(0)),
        (range(100), range(50, 200)),
        (range(0, 300, 2), range(1, 300, 2)),
        (range(30), range(FAR)),
        (range(FAR), range(30)),
        (range(FAR - 30, FAR), range(FAR)),
        (range(5000, 5030), range(FAR)),
    ],
    ids=str,
)
def test_both_have_what_either_had(one: range, other: range) -> None:
    a, b = peer(one), peer(other)
    begun, answered = sync(a, b)
    whole = {place_of(raw_of(number)) for number in {*one, *other}}
    assert a.places == b.places == whole
    assert begun.complete
    assert answered.complete
    assert begun.got == len(whole) - len(one)
    assert answered.got == len(whole) - len(other)
    # A page may hold what the other side has already.
    assert begun.got <= answered.gave <= begun.got + len(one)
    assert answered.got <= begun.gave <= answered.got + len(other)


def test_equal_sides_spend_less_than_a_kilobyte() -> None:
    link = Link((peer(range(3000)), peer(range(3000))))
    link.run()
    assert link.size < 400
    assert [type(frame) for _, frame in link.frames] == [Hello, Hello, Reconcile, Reconcile, Done, Done]


def test_the_newest_page_comes_first_and_the_next_is_asked_for_before_it_is_stored() -> None:
    session = initiate(peer().side())
    assert isinstance(next(session), Send)
    assert isinstance(session.send(None), Receive)
    assert session.send(Hello(TAG, 0, 500, 0, NOW_MS)) == Send(PageRequest())
    session.send(None)
    page = tuple(raw_of(number) for number in range(499, 450, -1))
    assert session.send(Records(page, more=True)) == Peek(page, ())
    oldest = place_of(page[-1])
    assert session.send(oldest) == Send(PageRequest(oldest))
    session.send(None)
    session.send(Taken(49, 0))  # now the one that was asked for


def test_below_a_floor_nothing_is_compared() -> None:
    floor = place_of(raw_of(60))[0]
    a, b = peer(range(40, 100), floor_ts=floor), peer(range(120))
    sync(a, b)
    assert a.places == {place for place in b.places if place[0] >= floor}
    assert place_of(raw_of(10)) not in a.tree.items()
    assert len(b.raws) == 120
    (size,) = {Link((a, b)).run()[0].got for _ in range(2)}
    assert size == 0


def test_a_side_that_starts_with_nothing_pulls_down_to_the_other_sides_floor() -> None:
    floor = place_of(raw_of(60))[0]
    a, b = peer(), peer(range(120), floor_ts=floor)
    sync(a, b)
    assert a.places == b.places
    assert len(a.places) == 60


def test_deleted_records_pass_as_places_where_they_are_believed() -> None:
    a, b = peer(range(10)), peer(range(100))
    for number in (3, 40, 41):
        b.drop(number)
    a.believed = {place_of(raw_of(40))[1]}
    sync(a, b)
    assert a.raws[place_of(raw_of(40))[1]] is None
    assert place_of(raw_of(41)) not in a.places  # nobody told it of a delete
    assert a.raws[place_of(raw_of(3))[1]] == raw_of(
        3
    )  # it has the body still: that is for its own room to drop
    assert len(a.places) == 99


def test_records_that_arrive_meanwhile_do_no_harm() -> None:
    a, b = peer(range(200)), peer(range(100, 300))
    late = iter(range(300, 400))

    def arrive(_at: int, frame: Frame) -> Frame:
        a.keep(raw_of(number := next(late)))
        b.keep(raw_of(number))
        return frame

    Link((a, b), change=arrive).run()
    assert a.places == b.places


def test_more_is_wanted_than_one_request_may_name() -> None:
    a, b = peer(range(0, 4000, 2)), peer(range(1, 4000, 2))
    link = Link((a, b))
    link.run()
    assert a.places == b.places
    wants = [frame for _, frame in link.frames if isinstance(frame, Want)]
    assert len(wants) == -(-2000 // MAX_WANT)


def test_a_refusal_ends_the_session_and_says_why() -> None:
    for reason, busy in ((BUSY, True), (NOT_HERE, False)):
        session = initiate(peer().side())
        next(session)
        session.send(None)
        with pytest.raises(StopIteration) as stop:
            session.send(Refusal(reason, "because"))
        assert stop.value.value.refused == "because"
        assert stop.value.value.busy is busy
        assert not stop.value.value.complete


@pytest.mark.parametrize("count", [0, 1, 10, 999, 1000, 5000])
@pytest.mark.parametrize("others", [0, 1, 10, 999, 1000, 5000])
def test_never_are_both_far_behind(count: int, others: int) -> None:
    assert not (far_behind(count, others) and far_behind(others, count))


# A session that is cut


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "other"), [(range(0), range(200)), (range(200), range(0)), (range(120), range(80, 200))], ids=str
)
def test_cut_after_any_frame_both_are_sound_and_the_next_session_completes(one: range, other: range) -> None:
    whole = Link((peer(one), peer(other)))
    whole.run()
    for cut_after in range(len(whole.frames)):
        a, b = peer(one), peer(other)
        with pytest.raises(CutOff):
            Link((a, b), cut_after=cut_after).run()
        for each, had in ((a, one), (b, other)):
            assert len(each.raws) == len(each.tree) == len(list(each.tree.items()))
            assert {place_of(raw_of(number)) for number in had} <= each.places
        sync(a, b)
        assert a.places == b.places
        assert len(a.places) == 200
