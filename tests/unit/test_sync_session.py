"""Sessions of reconciliation, in memory: what each side has afterwards, and what a peer that misbehaves costs."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable

import pytest
from p2pd_daemon.core.reconcile import ReconcileClient
from p2pd_daemon.core.sync import FAR_BEHIND, far_behind, initiate, respond
from p2pd_daemon.core.sync_effects import Peek, Receive, Send, Session, Taken
from p2pd_daemon.core.sync_frames import (
    BUSY,
    MAX_WANT,
    NOT_HERE,
    CaughtUp,
    Done,
    Frame,
    Hello,
    PageRequest,
    Reconcile,
    Records,
    Refusal,
    Want,
    sync_tag,
)
from p2pd_daemon.errors import RemoteProtocolError
from sync_sides import NOW_MS, TAG, BothWait, CutOff, Link, Peer, place_of, raw_of, sync

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


# Peers that break the protocol

NONSENSE: list[Frame] = [
    Hello(TAG, 0, 5, 0, NOW_MS),
    Hello(sync_tag("another"), 0, 5, 0, NOW_MS),
    Refusal(NOT_HERE, "no"),
    PageRequest(),
    PageRequest((1, bytes(32))),
    Reconcile(b""),
    Reconcile(b"\x61"),
    Reconcile(b"\x62"),
    Reconcile(b"\x61\xff\xff\xff"),
    Want((bytes(32),)),
    Records(()),
    Records((), more=True),
    Records((b"no record",)),
    Records((raw_of(7),), more=True),
    Records((), ((1, bytes(32)),), more=True),
    CaughtUp(),
    Done(),
]


@pytest.mark.slow
@pytest.mark.parametrize("frame", NONSENSE, ids=lambda frame: type(frame).__name__)
@pytest.mark.parametrize("liar", [0, 1], ids=["initiator", "responder"])
@pytest.mark.parametrize(
    ("one", "other"), [(range(0), range(80)), (range(80), range(0)), (range(60), range(20, 80))], ids=str
)
def test_a_wrong_frame_at_any_step_costs_the_session_only(
    one: range, other: range, liar: int, frame: Frame
) -> None:
    honest = Link((peer(one), peer(other)))
    honest.run()
    for step in range(len(honest.frames)):
        if honest.frames[step][0] != liar:
            continue
        a, b = peer(one), peer(other)
        # What waits for ever here is ended by the daemon's time limit for a step.
        with contextlib.suppress(RemoteProtocolError, BothWait):
            Link((a, b), change=replace_from(step, frame)).run()
        for each in (a, b):
            assert len(each.raws) == len(each.tree)
        sync(a, b)
        assert a.places == b.places


def replace_from(step: int, instead: Frame) -> Callable[[int, Frame], Frame]:
    numbers = itertools.count()

    def change(_at: int, frame: Frame) -> Frame:
        return instead if next(numbers) == step else frame

    return change


# Peers that would keep us busy for ever


def frames_until_it_ends(
    session: Session, mine: Peer, answer: Callable[[Frame | None, int], Frame], most: int = 4000
) -> int:
    """How many frames it takes from a peer that answers our last frame so, before the session is over."""
    outcome: object = None
    last: Frame | None = None
    for received in range(most):
        try:
            while not isinstance(effect := session.send(outcome), Receive):
                outcome = None
                if isinstance(effect, Send):
                    last = effect.frame
                else:
                    outcome = mine.do(effect)
        except (RemoteProtocolError, StopIteration):
            return received
        outcome = answer(last, received)
    raise AssertionError("it goes on for ever")


def hello(count: int) -> Hello:
    return Hello(TAG, 0, count, 0, NOW_MS)


def page(*numbers: int) -> Records:
    return Records(tuple(raw_of(number) for number in numbers), more=True)


@pytest.mark.parametrize(
    ("pages", "most"),
    [
        (lambda at: page(5), 4),  # the same page
        (lambda at: page(100_000 - at), 1500),  # new ones, more than it said
        (lambda at: page(99_999 + at), 4),  # from elsewhere
        (lambda at: page(200 - at % 100), 150),  # around in a circle
        (lambda at: Records((), ((2**50 - at, bytes(32)),), more=True), 4),  # gone, and nobody believes it
    ],
    ids=["same", "endless", "upwards", "circle", "gone"],
)
@pytest.mark.parametrize("begun", [True, False], ids=["initiator", "responder"])
def test_pages_end(pages: Callable[[int], Frame], most: int, begun: bool) -> None:
    mine = peer()
    session = initiate(mine.side()) if begun else respond(mine.side(), hello(100))

    def answer(last: Frame | None, at: int) -> Frame:
        return (
            hello(100) if isinstance(last, Hello) else pages(at) if isinstance(last, PageRequest) else Done()
        )

    assert frames_until_it_ends(session, mine, answer) <= most


def test_pages_of_what_is_known_end_after_one_more() -> None:
    mine = peer(range(3000))
    session = initiate(mine.side())

    def answer(last: Frame | None, at: int) -> Frame:
        return hello(10_000) if isinstance(last, Hello) else page(3000 - at)

    assert frames_until_it_ends(session, mine, answer) == 4  # and then it is no answer to a comparison


def test_an_answer_has_no_more_than_was_asked_for() -> None:
    mine, theirs = peer(range(50)), peer(range(100))
    server = respond(theirs.side(), mine.side().hello())
    assert isinstance(next(server), Send)

    def answer(last: Frame | None, at: int) -> Frame:
        match last:
            case Hello():
                server.send(None)
                return theirs.side().hello()
            case Reconcile():
                sent = server.send(last)
                assert isinstance(sent, Send)
                server.send(None)
                return sent.frame
        return page(at % 50)

    assert frames_until_it_ends(initiate(mine.side()), mine, answer) < 60


@pytest.mark.parametrize(
    "asked",
    [PageRequest(), PageRequest((1, bytes(32))), Want((bytes(32),)), Want((place_of(raw_of(1))[1],))],
    ids=str,
)
@pytest.mark.parametrize("count", [0, 100])
def test_asking_again_and_again_ends(asked: Frame, count: int) -> None:
    mine = peer(range(count))
    assert frames_until_it_ends(respond(mine.side(), hello(0)), mine, lambda _last, _at: asked) < 1300


def test_comparing_again_and_again_ends() -> None:
    mine = peer(range(100))
    first = ReconcileClient(peer(range(50)).tree).initiate()
    session = respond(mine.side(), hello(50))
    assert frames_until_it_ends(session, mine, lambda _last, _at: Reconcile(first)) < 70
