"""The live stream of messages, opened so that nothing falls between history and it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from p2pd_client import Client, Event

# An `after` above every event number: the daemon answers at once with a `gap` event that has its newest number,
# so the first event says that the stream is open, and all that happens later will be in it.
BEYOND = 2**62


@asynccontextmanager
async def open_live(
    client: Client, *, kinds: tuple[str, ...], room: str | None = None
) -> AsyncIterator[AsyncIterator[Event]]:
    """Events from now on: "now" is before this returns, so history that is read next leaves no hole.

    It goes on over restarts of the daemon. Raises ApiError (DaemonNotRunning) when it cannot be opened.
    """
    events = client.events(BEYOND, kinds=kinds, room=room)
    try:
        await anext(events)
        yield events
    finally:
        await events.aclose()
