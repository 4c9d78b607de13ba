"""A wrong clock is told to the person: once, and by the middle of what the others say."""

from __future__ import annotations

import logging

import pytest
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.node.peer_clocks import REMEMBERED, PeerClocks

DAY_MS = 86_400_000


def test_the_middle_counts_and_the_oldest_are_forgotten() -> None:
    clocks = PeerClocks()
    assert clocks.skew_ms is None
    for number, ahead in enumerate((10, -10, DAY_MS)):
        clocks.note(PeerId(f"peer{number}"), ahead)
    assert clocks.skew_ms == 10
    for number in range(REMEMBERED):
        clocks.note(PeerId(f"later{number}"), 5)
    assert clocks.skew_ms == 5


@pytest.mark.parametrize(("ahead", "said"), [(DAY_MS, "86400 s behind"), (-DAY_MS, "86400 s ahead of")])
def test_a_day_is_told_once(ahead: int, said: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    clocks = PeerClocks()
    clocks.note(PeerId("one"), 60_000)
    assert not caplog.records
    for peer in ("one", "two", "three"):
        clocks.note(PeerId(peer), ahead)
    assert len(caplog.records) == 1
    assert said in caplog.text
