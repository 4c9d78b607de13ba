"""A value that one task owes another."""

from __future__ import annotations

from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class Reply(Generic[T]):
    """Set once, by the task that owns the work; awaited by whoever asked. A cancelled waiter does not stop it."""

    def __init__(self) -> None:
        self._done = trio.Event()
        self._value: T | None = None
        self._error: Exception | None = None

    @property
    def given(self) -> bool:
        return self._done.is_set()

    def give(self, value: T) -> None:
        self._value = value
        self._done.set()

    def fail(self, error: Exception) -> None:
        self._error = error
        self._done.set()

    async def wait(self) -> T:
        """Raises what the work raised."""
        await self._done.wait()
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # set by give(); T may itself be None
