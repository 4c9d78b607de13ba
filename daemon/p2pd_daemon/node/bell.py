"""A signal that can be given again: whoever waits is woken, and what was missed counts once."""

from __future__ import annotations

import trio


class Bell:
    """For one waiter."""

    def __init__(self) -> None:
        self._rung = trio.Event()

    def set(self) -> None:
        self._rung.set()

    async def wait(self) -> None:
        """Returns once it has rung since the last return."""
        await self._rung.wait()
        self._rung = trio.Event()
