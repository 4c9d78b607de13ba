"""A peer that takes nothing slows whoever publishes, then is passed over, and a counter says for how many records."""

from __future__ import annotations

from collections import Counter

import pytest
import trio
import trio.testing
from p2pd_daemon.net.gossip_queue import OWN_SHARE, PATIENCE_S, QUEUE_FRAMES, OutboundQueue
from p2pd_daemon.net.gossip_router import RoomRouter


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


def full_queue() -> OutboundQueue:
    queue = OutboundQueue()
    while queue.put_nowait(b"x", OWN_SHARE):
        pass
    assert len(queue) == QUEUE_FRAMES * OWN_SHARE
    return queue


async def test_publishing_waits_for_a_slow_peer_and_goes_on_when_it_takes_again() -> None:
    dropped: Counter[str] = Counter()
    router, queue = RoomRouter(dropped), full_queue()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(takes_after, PATIENCE_S / 2, queue)
        assert await router.publish_waiting([queue], b"record") == 1
    assert trio.current_time() - began == PATIENCE_S / 2
    assert not dropped


async def takes_after(seconds: float, queue: OutboundQueue) -> None:
    await trio.sleep(seconds)
    assert await queue.take()


async def test_what_was_not_handed_to_a_slow_peer_is_counted() -> None:
    dropped: Counter[str] = Counter()
    router, slow, good = RoomRouter(dropped), full_queue(), OutboundQueue()
    began = trio.current_time()
    assert await router.publish_waiting([slow, good], b"one") == 1
    assert trio.current_time() - began == PATIENCE_S
    assert await router.publish_waiting([slow, good], b"two") == 1  # and nobody waits for it again
    assert trio.current_time() - began == PATIENCE_S
    assert dropped == {"slow_peer": 2}
    assert len(good) == 2
