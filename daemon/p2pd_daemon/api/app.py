"""The ASGI application: decodes a request, asks the node, encodes the answer or the error.

Paths are fixed (names travel in bodies and queries, never in paths), so finding a route is one look-up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache

import trio
from p2pd_client.asked import NoArguments
from p2pd_client.shapes import Ok
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .chat_lines import ChatByLines
from .control import Control
from .guard import Guard
from .http11 import ClientGone
from .lines import LinesToSend
from .openapi import openapi_document
from .pages import is_public, page_reply
from .replies import HEADERS, MethodNotAllowed, NotFound, RequestTimeout, error_reply, json_reply, reply_to
from .requests import decode_body, decode_query, read_body
from .route import Route
from .routes import ROUTES
from .stream import EventStream

CALL_SECONDS = 60.0  # no call of the node may take longer; a dial, the slowest, ends within 10 s

Answer = Callable[[Request], Awaitable[ASGIApp]]


class Api:
    """The API on one kind of socket: with a guard for TCP, without one for the unix socket."""

    def __init__(self, control: Control, guard: Guard | None = None) -> None:
        self._control = control
        self._guard = guard
        self._answers: dict[str, dict[str, Answer]] = {
            "/v1/events": {"GET": self._events},
            "/v1/send/lines": {"POST": self._send_lines},
            "/v1/chat/lines": {"POST": self._chat_lines},
            "/openapi.json": {"GET": self._describe},
            "/health": {"GET": self._health},
        }
        self._page: dict[str, Answer] = {"GET": self._show_page}
        for route in ROUTES:
            self._answers.setdefault(route.path, {})[route.method] = self._ask(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request. Raises ClientGone (and Cancelled) only."""
        reply: ASGIApp | None = self._guard.refusal(scope) if self._guard else None
        if reply is None:
            reply = await self._answer(Request(scope, receive))
        await reply(scope, receive, send)

    async def _answer(self, request: Request) -> ASGIApp:
        try:
            path = request.scope["path"]
            methods = self._page if is_public(path) else self._answers.get(path)
            if methods is None:
                return error_reply(NotFound("there is nothing at this path", hint="see /openapi.json"))
            method = "GET" if request.method == "HEAD" else request.method
            if method not in methods:
                refusal = MethodNotAllowed(
                    f"{request.method} is not for this path", hint="/openapi.json tells"
                )
                return error_reply(refusal, {"allow": ", ".join(sorted(methods))})
            return await methods[method](request)
        except ClientGone:
            raise
        except Exception as error:
            return reply_to(error)

    def _ask(self, route: Route) -> Answer:
        async def answer(request: Request) -> ASGIApp:
            shape = route.request or NoArguments
            if route.method == "GET":
                asked = decode_query(request.scope["query_string"], shape)
            else:
                decode_query(request.scope["query_string"], NoArguments)
                body = await read_body(request, route.body_bytes)
                asked = decode_body(body, request.headers.get("content-type", ""), shape)
            if route.after_reply:
                return AnswerFirst(json_reply(Ok()), lambda: route.call(self._control, asked))
            with trio.move_on_after(CALL_SECONDS) as waiting:
                found = await route.call(self._control, asked)
            if waiting.cancelled_caught:
                raise RequestTimeout(
                    f"the daemon did not finish within {CALL_SECONDS:.0f} s", hint="try again"
                )
            return json_reply(found)

        return answer

    async def _events(self, request: Request) -> ASGIApp:
        return EventStream(self._control, request)

    async def _send_lines(self, request: Request) -> ASGIApp:
        lines = LinesToSend(self._control, request)
        await lines.prepare()
        return lines

    async def _chat_lines(self, request: Request) -> ASGIApp:
        return ChatByLines(self._control, request)

    async def _describe(self, request: Request) -> ASGIApp:
        decode_query(request.scope["query_string"], NoArguments)
        return Response(self._openapi(), headers=HEADERS, media_type="application/json")

    @cache  # noqa: B019 - there is one Api a socket, as long as the process lives
    def _openapi(self) -> bytes:
        """Made when first asked for: it costs a start 40 ms."""
        return bytes(json_reply(openapi_document(self._guard.cookie if self._guard else "p2pd_token")).body)

    async def _health(self, request: Request) -> ASGIApp:
        decode_query(request.scope["query_string"], NoArguments)
        return json_reply(Ok())

    async def _show_page(self, request: Request) -> ASGIApp:
        return page_reply(request.scope["path"], request.headers)


class AnswerFirst:
    """Sends the answer, and only then does what was asked: for the request that ends the server."""

    def __init__(self, reply: Response, act: Callable[[], Awaitable[object]]) -> None:
        self._reply = reply
        self._act = act

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._reply(scope, receive, send)
        await self._act()
