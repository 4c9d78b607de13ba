"""The order of a room whose records carry no time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from p2pd_daemon.core.arrival import RECENT_MS, ArrivalOrder

NOW_MS = 1_800_000_000_000
steps = st.lists(
    st.tuples(st.integers(0, 3 * RECENT_MS), st.just(0) | st.integers(-5 * RECENT_MS, RECENT_MS))
)


@given(steps, st.integers(0, NOW_MS + RECENT_MS))
def test_what_comes_by_itself_is_always_the_last(given_steps: list[tuple[int, int]], last_ms: int) -> None:
    order = ArrivalOrder(last_ms)
    now_ms, latest, latest_live = NOW_MS, last_ms, 0
    for passed, ago in given_steps:
        now_ms += passed
        seen_ms = now_ms + ago if ago else 0
        ts_ms = order.place(now_ms, seen_ms)
        if not seen_ms:
            assert ts_ms > latest
            assert ts_ms >= now_ms
            latest_live = ts_ms
        elif now_ms - RECENT_MS < seen_ms <= latest_live:
            assert ts_ms > latest, "brought late what has just been overtaken"
            latest_live = ts_ms
        else:
            assert ts_ms == min(seen_ms, now_ms)
        latest = max(latest, ts_ms)


def test_what_gossip_and_a_session_bring_at_once_keeps_its_order() -> None:
    order = ArrivalOrder()
    first = order.place(NOW_MS + 20)  # said at NOW_MS, heard 20 ms later
    assert order.place(NOW_MS + 25, NOW_MS + 10) > first
    assert order.place(NOW_MS + 30) > first + 1
    assert order.place(NOW_MS + 30, NOW_MS - RECENT_MS) == NOW_MS - RECENT_MS
