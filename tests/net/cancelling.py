"""Cancelling a task before a certain one of its steps, so that each place where that may happen can be tried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio


class _CancelAt(trio.abc.Instrument):
    def __init__(self, step: int) -> None:
        self.task = trio.lowlevel.current_task()
        self.scope = trio.CancelScope()
        self.left = step

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self.task:
            self.left -= 1
            if self.left == 0:
                self.scope.cancel()


async def cancelled_at(step: int, call: Callable[[], Awaitable[object]]) -> bool:
    """Whether the call was still under way at that step of the current task."""
    canceller = _CancelAt(step)
    trio.lowlevel.add_instrument(canceller)
    try:
        with canceller.scope:
            await call()
    finally:
        trio.lowlevel.remove_instrument(canceller)
    return canceller.left <= 0
