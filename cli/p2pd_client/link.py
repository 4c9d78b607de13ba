"""HTTP/1.1 to the daemon, on trio or asyncio: h11 does the protocol, anyio the I/O.

A link takes one request at a time. Links that are done are kept and used again; how many requests may run at
once is up to the caller.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import anyio
import h11
from anyio.abc import ByteStream, SocketAttribute, SocketStream

from .discover import find_daemon
from .errors import ConnectionLost, DaemonNotRunning

READ_BYTES = 65536
BROKEN = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError)
KEPT_LINKS = 8
# Well below the daemon's own limit of 75 s, so that it is never the daemon who closes first.
KEPT_SECONDS = 30.0


class Stream(Protocol):
    async def aclose(self) -> None: ...


@dataclass(frozen=True)
class Address:
    """Where the daemon is: by its `home` (None for the usual one), by `socket`, or by `url` and `token`."""

    home: str | os.PathLike[str] | None = None
    socket: str | os.PathLike[str] | None = None
    url: str | None = None
    token: str | None = None

    def headers(self) -> list[tuple[str, str]]:
        """Host and, on TCP, the token."""
        if self.url is None:
            return [("Host", "p2pd")]
        host = ("Host", urlsplit(self.url).netloc)
        return [host, ("Authorization", f"Bearer {self.token}")] if self.token else [host]

    async def open(self) -> SocketStream:
        """A fresh connection. The home's run.json is read each time: a daemon that restarted may have
        moved.
        """
        if self.url is not None:
            parts = urlsplit(self.url)
            where = parts.netloc
            opening = anyio.connect_tcp(parts.hostname or "127.0.0.1", parts.port or 80)
        else:
            where = os.fspath(self.socket or find_daemon(self.home).socket)
            opening = anyio.connect_unix(where)
        try:
            return await opening
        except OSError as error:
            raise DaemonNotRunning(f"nobody listens on {where}") from error


class Link:
    """One connection and the request on it."""

    def __init__(self, stream: SocketStream) -> None:
        self._stream: ByteStream = stream
        self._socket = stream.extra(SocketAttribute.raw_socket)  # noqa: S610  # not Django's
        self._h11 = h11.Connection(h11.CLIENT)
        self._done_at = 0.0

    async def ask(self, request: h11.Request, body: bytes) -> h11.Response:
        """Sends the request and returns the answer's head. Raises ConnectionLost."""
        raw = self._h11.send(request) or b""
        if body:
            raw += self._h11.send(h11.Data(data=body)) or b""
        raw += self._h11.send(h11.EndOfMessage()) or b""
        await self._write(raw)
        return await self._read_head()

    async def begin(self, request: h11.Request) -> h11.Response:
        """Sends the request's head and returns the answer's: the body may follow meanwhile. Raises ConnectionLost."""
        await self._write(self._h11.send(request) or b"")
        return await self._read_head()

    async def send(self, part: bytes) -> None:
        """A part of the body of a request that was begun; waits until it is taken. Raises ConnectionLost."""
        await self._write(self._h11.send(h11.Data(data=part)) or b"")

    async def finish(self) -> None:
        """Ends the body of a request that was begun. Raises ConnectionLost."""
        await self._write(self._h11.send(h11.EndOfMessage()) or b"")

    async def _write(self, raw: bytes) -> None:
        try:
            await self._stream.send(raw)
        except BROKEN as error:
            raise ConnectionLost("the daemon hung up") from error

    async def _read_head(self) -> h11.Response:
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                raise ConnectionLost("the daemon hung up before it answered")

    async def read(self) -> bytes:
        """The next part of the answer's body, b"" at its end. Raises ConnectionLost."""
        event = await self._next_event()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        if isinstance(event, h11.EndOfMessage):
            return b""
        raise ConnectionLost("the daemon hung up in the middle of an answer")

    async def read_all(self) -> bytes:
        parts = []
        while part := await self.read():
            parts.append(part)
        return b"".join(parts)

    async def _next_event(self) -> object:
        try:
            while (event := self._h11.next_event()) is h11.NEED_DATA:
                try:
                    received = await self._stream.receive(READ_BYTES)
                except anyio.EndOfStream:
                    received = b""
                self._h11.receive_data(received)
        except (*BROKEN, h11.RemoteProtocolError) as error:
            why = f": {error}" if str(error) else ""  # some of the causes have no words
            raise ConnectionLost(f"the connection to the daemon broke{why}") from error
        return event

    def recycle(self) -> bool:
        """Makes the link ready for another request; False when it cannot be."""
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            return False
        self._h11.start_next_cycle()
        self._done_at = time.monotonic()
        return True

    def is_fresh(self) -> bool:
        """False when the daemon has closed it: an idle connection has nothing to read but its end."""
        if time.monotonic() - self._done_at > KEPT_SECONDS:
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    async def aclose(self) -> None:
        await anyio.aclose_forcefully(self._stream)


class Links:
    """The connections of one client. `streams` are its open event streams, which it closes at its end."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.streams: set[Stream] = set()
        self._kept: list[Link] = []
        self._headers = address.headers()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Link]:
        """A link for one request. It is kept when its answer was read to the end, and closed in any other
        case.
        """
        link = await self._fresh_link()
        kept = False
        try:
            yield link
            kept = len(self._kept) < KEPT_LINKS and link.recycle()
            if kept:
                self._kept.append(link)
        finally:
            if not kept:
                await link.aclose()

    async def _fresh_link(self) -> Link:
        while self._kept:
            link = self._kept.pop()
            if link.is_fresh():
                return link
            await link.aclose()
        return Link(await self.address.open())

    def request(
        self,
        method: str,
        target: str,
        body: bytes | None,
        *,
        last_id: int | None = None,
        media_type: str | None = None,
    ) -> h11.Request:
        """With `media_type` the body follows in parts."""
        headers = [*self._headers]
        if media_type is not None:
            headers += [("Content-Type", media_type), ("Transfer-Encoding", "chunked")]
        if body is not None:
            headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        if last_id is not None:
            headers.append(("Last-Event-ID", str(last_id)))
        return h11.Request(method=method, target=target, headers=headers)

    async def aclose(self) -> None:
        for stream in list(self.streams):
            await stream.aclose()
        while self._kept:
            await self._kept.pop().aclose()
