"""HTTP/1.1 over one trio stream, for an ASGI application: h11 does the protocol, this does the I/O and its
limits.

Why not hypercorn: its trio worker writes inside a shielded cancel scope without a time limit (0.18,
`trio/tcp_server.py`), so a single client that stops reading keeps the daemon from ever stopping; it also
answers HTTP/2 and WebSocket upgrades, which this API does not need.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote

import h11
import trio

from .replies import HEADERS, error_bytes

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
AsgiApp = Callable[
    [Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]

HEAD_BYTES = 16 * 1024  # of request line and headers that are kept while they are incomplete
READ_BYTES = 64 * 1024
IDLE_SECONDS = 75.0  # between requests; as nginx's keepalive_timeout
HEAD_SECONDS = 10.0  # from the first byte of a request to the end of its headers
BODY_SECONDS = 20.0  # for the whole body
WRITE_SECONDS = 10.0  # for one write: a client that does not read for so long is gone
LINGER_SECONDS = 1.0  # reading on after an early answer, so that the client gets to see it
LINGER_BYTES = 8 * 1024 * 1024


class ClientGone(OSError):
    """The client hung up, or was too slow. Ends its connection and nothing else."""


class HttpConnection:
    """Serves the requests of one connection, one after another. `via` is `unix` or `tcp`."""

    def __init__(self, stream: trio.SocketStream, app: AsgiApp, via: str) -> None:
        self._stream = stream
        self._app = app
        self.via = via
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self._scope = trio.CancelScope(
            shield=True
        )  # ended by begin_close, which lets the request in work finish
        self._idle = True
        self.closing = False
        self.streaming = False  # an event stream is open: it has no end to wait for

    async def run(self) -> None:
        """Runs until either side closes. Raises nothing but Cancelled."""
        try:
            with self._scope:
                while await self._exchange() and not self.closing:
                    pass
        except ClientGone as gone:
            log.debug("a client is gone: %s", gone)
        finally:
            await trio.aclose_forcefully(self._stream)

    async def turn_away(self) -> None:
        """Says that there are too many clients, and closes. Raises nothing but Cancelled."""
        try:
            with trio.move_on_after(WRITE_SECONDS):
                await self.refuse(503, "busy", "too many clients are connected; try again in a moment")
        except ClientGone as gone:
            log.debug("a client that was turned away is gone: %s", gone)
        finally:
            await trio.aclose_forcefully(self._stream)

    def begin_close(self, grace: float) -> None:
        """Ends the connection when the request in work is answered, at most `grace` seconds from now; at once when
        there is none.
        """
        self.closing = True
        self._scope.deadline = trio.current_time() + grace
        if self._idle or self.streaming:
            self._scope.cancel()

    async def _exchange(self) -> bool:
        """One request and its answer. True when the connection can take another."""
        request = await self._read_request()
        if request is None:
            return False
        exchange = Exchange(self, self._h11, request)
        try:
            await self._app(self._asgi_scope(request), exchange.receive, exchange.send)
        except ClientGone:
            raise
        except Exception:
            log.exception("the application failed on %s %s", request.method, request.target)
            if not exchange.started:
                await self.refuse(500, "internal", "the daemon failed on this request")
            return False
        if not exchange.complete:
            return False
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            return True
        if not self.closing or self._h11.their_state is h11.SEND_BODY:
            await self._linger()
        return False

    async def _read_request(self) -> h11.Request | None:
        try:
            if not self._h11.trailing_data[0]:
                self._idle = True
                with trio.move_on_after(IDLE_SECONDS) as waiting:
                    self._h11.receive_data(await self.read())
                if waiting.cancelled_caught:
                    return None
                self._idle = False
            with trio.move_on_after(HEAD_SECONDS) as waiting:
                event = await self.next_event()
            if waiting.cancelled_caught:
                await self.refuse(408, "timeout", "the request's headers took too long")
                return None
        except h11.RemoteProtocolError as error:
            await self.refuse(error.error_status_hint, "bad_request", f"malformed HTTP: {error}")
            return None
        if not isinstance(event, h11.Request):
            return None  # ConnectionClosed
        if not event.target.startswith(b"/"):
            await self.refuse(400, "bad_request", "the request's target must be a path")
            return None
        return event

    def _asgi_scope(self, request: h11.Request) -> Scope:
        path, _, query = request.target.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": request.http_version.decode("ascii"),
            "method": request.method.decode("ascii").upper(),
            "scheme": "http",
            "path": unquote(path.decode("latin-1")),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": list(request.headers),
            "client": None,
            "server": None,
            "p2pd.via": self.via,
            "p2pd.connection": self,
        }

    async def next_event(self) -> h11.Event | type[h11.PAUSED]:
        """The next part of the request. Raises h11.RemoteProtocolError."""
        while True:
            event = self._h11.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]  # NEED_DATA is the only other sentinel
            if self._h11.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await self.write(self._h11.send(go_on) or b"")
            self._h11.receive_data(await self.read())

    async def wait_gone(self) -> None:
        """Returns when the client hangs up; what it sends meanwhile is kept for the next request, up to a
        limit.
        """
        while len(self._h11.trailing_data[0]) < READ_BYTES:
            received = await self.read()
            if not received:
                self.closing = True
                return
            self._h11.receive_data(received)
        await trio.sleep_forever()

    async def read(self) -> bytes:
        """b"" at the end, also when the connection broke."""
        try:
            return bytes(await self._stream.receive_some(READ_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    async def write(self, raw: bytes) -> None:
        """Raises ClientGone when the client does not take it in time."""
        try:
            with trio.move_on_after(WRITE_SECONDS) as waiting:
                await self._stream.send_all(raw)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ClientGone("it hung up") from error
        if waiting.cancelled_caught:
            raise ClientGone(f"it read nothing for {WRITE_SECONDS:.0f} s")

    async def refuse(self, status: int, code: str, message: str) -> None:
        """Answers what never reaches the application, and closes."""
        if self._h11.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        body = error_bytes(code, message)
        headers = [
            *HEADERS.items(),
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        head = self._h11.send(h11.Response(status_code=status, headers=headers)) or b""
        await self.write(head + body)
        await self._linger()

    async def _linger(self) -> None:
        """Reads on for a moment: closing with unread input resets the connection, and the answer with it."""
        left = LINGER_BYTES
        with trio.move_on_after(LINGER_SECONDS):
            try:
                await self._stream.send_eof()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            while left > 0 and (received := await self.read()):
                left -= len(received)


class Exchange:
    """The ASGI `receive` and `send` of one request.

    A response that starts with `p2pd.duplex` goes out while the request's body still comes in, in its own time.
    """

    def __init__(self, connection: HttpConnection, protocol: h11.Connection, request: h11.Request) -> None:
        self._connection = connection
        self._h11 = protocol
        self._head_only = request.method == b"HEAD"
        self._start: Message = {}
        self._deadline = trio.current_time() + BODY_SECONDS
        self._body_read = False
        self._duplex = False
        self.started = False
        self.complete = False

    async def receive(self) -> Message:
        if self._body_read or (self.started and not self._duplex):
            await self._connection.wait_gone()
            return {"type": "http.disconnect"}
        try:
            with trio.move_on_at(math.inf if self._duplex else self._deadline) as waiting:
                event = await self._connection.next_event()
        except h11.RemoteProtocolError as error:
            await self._connection.refuse(error.error_status_hint, "bad_request", f"malformed HTTP: {error}")
            raise ClientGone(f"malformed HTTP: {error}") from error
        if waiting.cancelled_caught:
            await self._connection.refuse(408, "timeout", "the request's body took too long")
            raise ClientGone("its body took too long")
        if isinstance(event, h11.Data):
            return {"type": "http.request", "body": bytes(event.data), "more_body": True}
        self._body_read = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            self._duplex = bool(message.get("p2pd.duplex"))
            return
        raw = b"" if self.started else self._head()
        if (body := message.get("body", b"")) and not self._head_only:
            raw += self._h11.send(h11.Data(data=body)) or b""
        if not message.get("more_body", False):
            raw += self._h11.send(h11.EndOfMessage()) or b""
            self.complete = True
        await self._connection.write(raw)

    def _head(self) -> bytes:
        self.started = True
        headers = [*self._start.get("headers", ()), (b"date", _date())]
        if self._duplex or not self._skip_body() or self._connection.closing:
            headers.append((b"connection", b"close"))
        response = h11.Response(status_code=self._start["status"], headers=headers)
        return self._h11.send(response) or b""

    def _skip_body(self) -> bool:
        """Takes what is left of the request's body if it is here already; else the connection must end."""
        try:
            while self._h11.their_state is h11.SEND_BODY:
                if self._h11.next_event() is h11.NEED_DATA:
                    return False
        except h11.RemoteProtocolError:
            return False
        return True


_date_cache = (0, b"")


def _date() -> bytes:
    global _date_cache  # noqa: PLW0603  # formatting costs more than all else in a small answer's head
    now = int(time.time())
    if _date_cache[0] != now:
        _date_cache = (now, formatdate(now, usegmt=True).encode("ascii"))
    return _date_cache[1]
