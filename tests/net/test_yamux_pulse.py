"""When a silent connection is given up; under a clock that jumps."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from net.yamux_pipes import by_hand
from p2pd_daemon.net import muxer
from p2pd_daemon.net.yamux_frames import WINDOW_UPDATE, encode


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


def test_a_frozen_peer_is_noticed_within_ten_seconds() -> None:
    assert muxer.PING_EVERY_S + muxer.PING_TIMEOUT_S < 10


@pytest.fixture
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muxer, "PING_TIMEOUT_S", 1.0)
    monkeypatch.setattr(muxer, "ANSWER_TIMEOUT_S", 5.0)


@pytest.mark.usefixtures("_patience")
async def test_a_peer_that_is_silent_is_given_up() -> None:
    async with by_hand() as (connection, _):
        begun = trio.current_time()
        await connection.event_closed.wait()
        assert 1 <= trio.current_time() - begun < 2


@pytest.mark.usefixtures("_patience")
async def test_a_peer_that_talks_has_more_time_to_answer() -> None:
    """On a slow line the answer to a ping waits behind all that was sent before it; but not for ever."""
    async with by_hand() as (connection, hand):

        async def talk() -> None:
            while True:
                await hand.write(encode(WINDOW_UPDATE, 0, 1, 1))
                await trio.sleep(0.9)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk)
            begun = trio.current_time()
            await connection.event_closed.wait()
            nursery.cancel_scope.cancel()
        assert 5 <= trio.current_time() - begun < 6
