"""`POST /v1/chat/lines`: a chat by lines with a peer, one request for as long as it lasts, both ways at the same time.

Nothing is queued: a line of the other one is read when the client has taken those before, and a line of the client
when the other one has.
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack

import msgspec
import trio
from p2pd_client.asked import ChatLinesQuery, ChatSay
from p2pd_client.ndjson import LineReader
from p2pd_client.shapes import ChatLine, ErrorBody
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from p2pd_daemon.errors import P2pdError, TooLarge

from .control import Control, LineChat
from .http11 import ClientGone
from .lines import begin_answer, check_media_type
from .replies import error_reply
from .requests import BODY_BYTES, decode_line, decode_query

log = logging.getLogger(__name__)

SAID_EARLY = 100  # lines read before there is somebody to hear them


class ChatByLines:
    """One such request, as an ASGI application."""

    def __init__(self, control: Control, request: Request) -> None:
        """Raises UsageError, WrongContentType."""
        self._control = control
        self._peer = decode_query(request.scope["query_string"], ChatLinesQuery).peer
        check_media_type(request)
        self._said, self._to_say = trio.open_memory_channel[str | P2pdError](SAID_EARLY)
        self._client_gone = False
        self._chat_over = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Returns when the chat is over. Raises ClientGone."""
        async with AsyncExitStack() as stack:
            chat = None
            if self._peer is not None:  # what goes wrong before there is a chat is an error as of any request
                try:
                    chat = await stack.enter_async_context(self._control.open_chat(self._peer))
                except P2pdError as error:
                    await error_reply(error)(scope, receive, send)
                    return
            await begin_answer(scope, send)
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._read, receive, nursery.cancel_scope)
                    if chat is None:
                        chat = await stack.enter_async_context(self._control.open_chat(None))
                    await self._talk(chat, send)
                    self._chat_over = True
                    nursery.cancel_scope.cancel()
            except* ClientGone as gone:
                log.debug("a client that chatted is gone: %s", gone)
                self._client_gone = True
        if self._client_gone or not self._chat_over:
            raise ClientGone("it hung up in the middle of a chat")
        await send({"type": "http.response.body", "body": b""})

    async def _read(self, receive: Receive, chat: trio.CancelScope) -> None:
        """What the client says; ends the chat when it hangs up."""
        reader = LineReader(BODY_BYTES)
        async with self._said:
            more = True
            while more:
                message = await receive()
                more = message.get("more_body", False)
                for line in reader.feed(message.get("body", b"")) + ([] if more else reader.finish()):
                    if line is None or line.strip():
                        await self._said.send(_decode(line))
        while (await receive())["type"] != "http.disconnect":
            pass
        chat.cancel()

    async def _talk(self, chat: LineChat, send: Send) -> None:
        """Until both sides have said all, or it breaks, which is the last line of the answer."""
        await _write(send, ChatLine(peer_id=chat.peer_id, name=chat.name, agent=chat.agent))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._say, chat)
                while lines := await chat.receive():
                    await _write(send, *(ChatLine(text=line) for line in lines))
                await _write(send, ChatLine(ended=True))
        except* P2pdError as group:
            error = _first(group)
            log.debug("a chat with %s broke: %s", chat.peer_id, error.message)
            texts = (error.code, error.message, error.hint)
            await _write(send, ChatLine(error=ErrorBody(*texts)))

    async def _say(self, chat: LineChat) -> None:
        async for line in self._to_say:
            if isinstance(line, P2pdError):
                raise line
            await chat.say(line)
        await chat.finish()


def _decode(line: bytes | None) -> str | P2pdError:
    if line is None:
        return TooLarge(f"a line of more than {BODY_BYTES} bytes", hint="send less at once")
    try:
        text = decode_line(line, ChatSay).text
        text.encode()
    except P2pdError as error:
        return error
    except UnicodeEncodeError:
        return TooLarge("the text holds a lone surrogate, which is not a character")
    return text


def _first(group: BaseExceptionGroup[P2pdError]) -> P2pdError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, P2pdError)  # noqa: S101 - the group holds nothing else
    return error


async def _write(send: Send, *lines: ChatLine) -> None:
    body = b"\n".join((*map(msgspec.json.encode, lines), b""))
    await send({"type": "http.response.body", "body": body, "more_body": True})
