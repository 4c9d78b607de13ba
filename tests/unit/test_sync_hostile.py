"""Peers that break the protocol of reconciliation, or would keep us busy for ever: what they cost is their session."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable

import pytest
from p2pd_daemon.core.reconcile import ReconcileClient
from p2pd_daemon.core.sync import initiate, respond
from p2pd_daemon.core.sync_effects import Receive, Send, Session
from p2pd_daemon.core.sync_frames import (
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
from sync_sides import NOW_MS, TAG, BothWait, Link, Peer, place_of, raw_of, sync


def peer(*ranges: range, **more: int) -> Peer:
    return Peer.of((raw_of(number) for number in itertools.chain(*ranges)), **more)


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
