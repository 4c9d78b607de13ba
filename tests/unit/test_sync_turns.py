"""One session about a room with a peer at a time, and one that pulls its history."""

from __future__ import annotations

from functools import partial

import pytest
import trio
import trio.testing
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.node.turns import NotNow, Turns

ME, SMALLER, LARGER = PeerId("m"), PeerId("a"), PeerId("z")


def test_while_one_goes_on_another_with_that_peer_does_not_begin() -> None:
    turns = Turns(ME)
    with turns.take("lobby", LARGER, ours=False):
        for ours in (True, False):
            with pytest.raises(NotNow), turns.take("lobby", LARGER, ours=ours):
                pass
        with turns.take("lobby", SMALLER, ours=True), turns.take("other", LARGER, ours=True):
            pass
    with turns.take("lobby", LARGER, ours=True):
        pass


def test_of_two_that_begin_at_the_same_time_that_of_the_smaller_peer_id_goes_on() -> None:
    turns = Turns(ME)
    with turns.take("lobby", LARGER, ours=True), pytest.raises(NotNow):
        turns.take("lobby", LARGER, ours=False).__enter__()
    with (
        turns.take("lobby", SMALLER, ours=True),
        turns.take("lobby", SMALLER, ours=False),
        pytest.raises(NotNow),
    ):
        turns.take("lobby", SMALLER, ours=False).__enter__()
    with turns.take("lobby", SMALLER, ours=False):
        pass


def test_one_pulls_at_a_time_whoever_it_is_with() -> None:
    turns = Turns(ME)
    with turns.take("lobby", SMALLER, ours=True) as one:
        turns.pull("lobby", one)
        turns.pull("lobby", one)
        with turns.take("lobby", LARGER, ours=True) as other:
            with pytest.raises(NotNow):
                turns.pull("lobby", other)
            turns.pull("elsewhere", other)
    with turns.take("lobby", LARGER, ours=True) as other:
        turns.pull("lobby", other)


async def test_the_end_can_be_waited_for() -> None:
    turns = Turns(ME)
    said_all = trio.Event()
    waited = []

    async def session() -> None:
        with turns.take("lobby", LARGER, ours=False):
            await said_all.wait()

    async def wait(peer: PeerId) -> None:
        await turns.wait("lobby", peer)
        waited.append(peer)

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            for task in (session, partial(wait, SMALLER), partial(wait, LARGER)):
                nursery.start_soon(task)
                await trio.testing.wait_all_tasks_blocked()
            assert waited == [SMALLER]
            said_all.set()
    assert waited == [SMALLER, LARGER]
