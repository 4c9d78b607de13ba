"""The node's one source of time, so that tests and simulations can bring their own."""

from __future__ import annotations

import time

from p2pd_daemon.core.clock import next_seqno


class Clock:
    """The system's clock: Unix time, and a monotonic one for rates."""

    def now_ns(self) -> int:
        return time.time_ns()

    def now_ms(self) -> int:
        return self.now_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


class Seqnos:
    """This key's sequence numbers: strictly rising, across restarts too (`last` comes from the store)."""

    def __init__(self, clock: Clock, last: int) -> None:
        self._clock = clock
        self._last = last

    def take(self) -> int:
        self._last = next_seqno(self._clock.now_ns(), self._last)
        return self._last
