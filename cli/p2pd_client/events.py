"""The event stream of the asynchronous face: an iterator that survives a restart of the daemon."""

from __future__ import annotations

from collections import deque
from contextlib import AsyncExitStack

import anyio
import msgspec

from .calls import Call
from .errors import ApiError, ConnectionLost, DaemonNotRunning
from .link import Link, Links
from .shapes import Event, Message
from .sse import EventDecoder

SILENCE_SECONDS = 45.0  # three of the daemon's heartbeats
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0


class Events:
    """Opens its connection at the first `anext`, which raises what goes wrong then. For one task at a
    time.
    """

    def __init__(
        self,
        links: Links,
        call: Call[None],
        *,
        reconnect: bool,
        timeout: float,
    ) -> None:
        self._links = links
        self._call = call
        self._reconnect = reconnect
        self._timeout = timeout
        self._last_id: int | None = None
        self._ready: deque[Event] = deque()
        self._decoder = EventDecoder()
        self._link: Link | None = None
        self._open = AsyncExitStack()

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> Event:
        """Raises StopAsyncIteration when the daemon ended the stream and `reconnect` is False."""
        pause = FIRST_PAUSE_SECONDS
        while not self._ready:
            try:
                if self._link is None:
                    self._link = await self._connect()
                await self._read(self._link)
            except (ConnectionLost, DaemonNotRunning) as error:
                await self.aclose()
                if self._decoder.last_id is None:  # it never was connected
                    raise
                if not self._reconnect:
                    raise StopAsyncIteration from error
                await anyio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await self.aclose()
                raise
        return self._ready.popleft()

    @property
    def last_id(self) -> int | None:
        """The number to continue after, as `client.events(after=…)`; None before the stream is open."""
        return self._decoder.last_id

    async def aclose(self) -> None:
        """Closes the connection; the next `anext` would open another and go on."""
        self._link = None
        self._links.streams.discard(self)
        await self._open.aclose()

    async def _connect(self) -> Link:
        last_id = self._decoder.last_id
        self._links.streams.add(self)
        request = self._links.request("GET", self._call.target, None, last_id=last_id)
        try:
            with anyio.fail_after(self._timeout):
                link = await self._open.enter_async_context(self._links.open())
                answer = await link.ask(request, b"")
                if answer.status_code != 200:
                    self._call.decode(answer.status_code, await link.read_all())
        except TimeoutError as error:
            raise ConnectionLost(f"the daemon did not answer within {self._timeout:g} s") from error
        self._decoder = EventDecoder(last_id)
        return link

    async def _read(self, link: Link) -> None:
        try:
            with anyio.fail_after(SILENCE_SECONDS):
                received = await link.read()
        except TimeoutError as error:
            raise ConnectionLost("the daemon fell silent") from error
        if not received:
            raise ConnectionLost("the daemon ended the stream")
        try:
            self._ready.extend(self._decoder.feed(received))
        except ValueError as error:
            raise ApiError("internal", f"the event stream makes no sense: {error}") from error


class Messages:
    """The messages among the events."""

    def __init__(self, events: Events) -> None:
        self.events = events

    def __aiter__(self) -> Messages:
        return self

    async def __anext__(self) -> Message:
        while True:
            event = await anext(self.events)
            if event.kind == "message":
                return msgspec.convert(event.data, Message)

    async def aclose(self) -> None:
        await self.events.aclose()
