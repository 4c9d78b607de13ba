"""When a record that carries no time is shown to have come: sorting by that is the order of a room without times."""

from __future__ import annotations

RECENT_MS = 10_000  # what gossip and a session may bring at the same time, either first


class ArrivalOrder:
    """One room's. `last_ms` is the latest time that it has given so far, 0 for none."""

    def __init__(self, last_ms: int = 0) -> None:
        self._last_ms = last_ms
        self._last_live_ms = 0

    def place(self, now_ms: int, seen_ms: int = 0) -> int:
        """The time of the next record. One that somebody brings who first had it at `seen_ms` gets that time, so that
        it stands among those of then; but not where it would get before what has just come here by itself. Of those
        that come by themselves (0) each gets a later time than all before.
        """
        overtaken = now_ms - RECENT_MS < seen_ms <= self._last_live_ms
        if seen_ms and not overtaken:
            ts_ms = min(seen_ms, now_ms)
        else:
            ts_ms = self._last_live_ms = max(now_ms, self._last_ms + 1)
        self._last_ms = max(self._last_ms, ts_ms)
        return ts_ms
