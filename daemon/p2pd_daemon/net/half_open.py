"""Handshakes under way: strangers' connections that have not shown who they are. They are few, and give way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import trio

HALF_OPEN = 128  # handshakes at once; one takes some 10 ms here, and a few round trips from far away
HANDSHAKE_S = 10.0


class HalfOpen:
    """When all slots are taken, the oldest of the IP address that holds most is given up, in favour of the newcomer."""

    def __init__(self, capacity: int = HALF_OPEN) -> None:
        self._capacity = capacity
        self._slots: dict[trio.lowlevel.Task, tuple[str, trio.CancelScope]] = {}

    def __len__(self) -> int:
        return len(self._slots)

    @contextmanager
    def slot(self, ip: str) -> Iterator[None]:
        """Until `leave`, or the end of the block, the current task may be cancelled to make room.

        Of several in one task (a WebSocket handshake, then libp2p's) the outermost counts.
        """
        task = trio.lowlevel.current_task()
        if task in self._slots:
            yield
            return
        while len(self._slots) >= self._capacity:
            self._give_up_one()
        with trio.CancelScope() as scope:
            self._slots[task] = (ip, scope)
            try:
                yield
            finally:
                self._slots.pop(task, None)

    def leave(self) -> None:
        """The handshake of the current task is done: from here on no newcomer pushes it out."""
        self._slots.pop(trio.lowlevel.current_task(), None)

    def _give_up_one(self) -> None:
        ((busiest, _),) = Counter(ip for ip, _ in self._slots.values()).most_common(1)
        task = next(task for task, (ip, _) in self._slots.items() if ip == busiest)
        _, scope = self._slots.pop(task)
        scope.cancel()
