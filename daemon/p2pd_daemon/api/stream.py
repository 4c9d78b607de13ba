"""The event stream, `GET /v1/events`: server-sent events that a client can resume without loss.

Each client is a cursor into the stored events; nothing is queued for it. One that does not read is dropped by
the connection's write limit. Format: WHATWG HTML, "Server-sent events".
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import trio
from p2pd_client.asked import EventsQuery
from p2pd_client.shapes import Event
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from p2pd_daemon.errors import UsageError

from .control import Control
from .http11 import ClientGone
from .replies import HEADERS
from .requests import decode_query

log = logging.getLogger(__name__)

BATCH = 256  # events per read of the store and per write to the client
HEARTBEAT_SECONDS = 15.0  # as the WHATWG recommends against proxies that drop silent connections
RETRY_MS = 1000
LARGEST_N = 2**63 - 1


def encode_frame(event: Event) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.n, event.kind.encode(), msgspec.json.encode(event))


def encode_cursor(n: int) -> bytes:
    """A frame without data: dispatched to nobody, but it moves the client's Last-Event-ID past filtered
    events.
    """
    return b": \nid: %d\n\n" % n


def last_event_id(request: Request) -> int | None:
    given = request.headers.get("last-event-id", "").strip()
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and int(given) <= LARGEST_N):
        raise UsageError("Last-Event-ID is not a number of this stream", hint="send the last `id:` received")
    return int(given)


class EventStream:
    """One client's stream, as an ASGI application. Raises UsageError from the constructor only."""

    def __init__(self, control: Control, request: Request) -> None:
        self._control = control
        self._query = decode_query(request.url.query.encode("ascii", "replace"), EventsQuery)
        resumed = last_event_id(request)
        self._after = self._query.after if resumed is None else resumed
        self._kinds = frozenset(self._query.kinds.split(",")) if self._query.kinds else None
        self._shown = 0  # the cursor as the client knows it
        self._sent_at = 0.0  # on trio's clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {**HEADERS, "content-type": "text/event-stream; charset=utf-8"}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        if (connection := scope.get("p2pd.connection")) is not None:
            connection.streaming = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_with_client, receive, nursery.cancel_scope)
            try:
                await self._run(send)
            except ClientGone as gone:
                log.debug("an event stream ends: %s", gone)
                nursery.cancel_scope.cancel()

    async def _end_with_client(self, receive: Receive, stream: trio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        stream.cancel()

    async def _run(self, send: Send) -> None:
        newest = await self._control.newest_event()
        cursor = newest if self._after is None else self._after
        hello = b"retry: %d\n%s" % (RETRY_MS, encode_cursor(min(cursor, newest)))
        if cursor > newest:  # a number of another home, or of a store that was restored
            hello += encode_frame(self._gap(cursor, newest + 1))
            cursor = newest
        await self._send(send, hello, cursor)
        while True:
            with trio.move_on_at(self._sent_at + HEARTBEAT_SECONDS) as waiting:
                newest = await self._control.wait_events(cursor)
            if waiting.cancelled_caught:
                await self._send(send, encode_cursor(cursor) if cursor != self._shown else b": \n\n", cursor)
                continue
            events = await self._control.events_after(cursor, BATCH)
            if not events:
                cursor = max(cursor, newest)  # up to here there are only events that the node hides
                continue
            frames = await self._frames(cursor, events)
            cursor = events[-1].n
            if frames:
                await self._send(send, frames, cursor)

    async def _frames(self, cursor: int, events: Sequence[Event]) -> bytes:
        wanted = [event for event in events if self._wanted(event)]
        frames = [encode_frame(event) for event in wanted]
        if wanted and wanted[-1] is not events[-1]:
            frames.append(encode_cursor(events[-1].n))
        if events[0].n > cursor + 1 and (oldest := await self._control.oldest_event()) > cursor + 1:
            frames.insert(0, encode_frame(self._gap(cursor, oldest)))
        return b"".join(frames)

    def _wanted(self, event: Event) -> bool:
        if self._kinds is not None and event.kind not in self._kinds:
            return False
        return self._query.room is None or event.data.get("room") == self._query.room

    def _gap(self, after: int, oldest: int) -> Event:
        """Events between `after` and `oldest` are no longer kept: the client loads anew what it shows."""
        missed: dict[str, Any] = {"after": after, "oldest": oldest}
        return Event(oldest - 1, "gap", time.time_ns() // 1_000_000, missed)

    async def _send(self, send: Send, frames: bytes, cursor: int) -> None:
        """`cursor` is the last id in the frames."""
        self._shown = cursor
        self._sent_at = trio.current_time()
        await send({"type": "http.response.body", "body": frames, "more_body": True})
