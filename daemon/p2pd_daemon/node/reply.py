"""A value that one task owes another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, Protocol, TypeVar

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


class Owed(Protocol):
    """Work of which somebody may wait for the outcome."""

    @property
    def reply(self) -> Reply[Any] | None: ...


def refuse(work: Iterable[Owed], error: Exception) -> None:
    """Fails what is not done."""
    for one in work:
        if one.reply is not None and not one.reply.given:
            one.reply.fail(error)


def refuse_waiting(inbox: trio.MemoryReceiveChannel[Any], error: Exception) -> None:
    """Closes an inbox that nobody reads any more. What waits in it is refused, and whoever puts more into it meets
    BrokenResourceError.
    """
    waiting = []
    try:
        while True:
            waiting.append(inbox.receive_nowait())
    except (trio.WouldBlock, trio.EndOfChannel):
        inbox.close()
    refuse(waiting, error)
