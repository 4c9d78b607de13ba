"""A chat by lines: what one says goes up while what the other one says comes down."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import msgspec

from .asked import ChatSay
from .calls import Call
from .errors import ApiError, ConnectionLost
from .link import Link, Links
from .ndjson import LineReader
from .receipts import begin_lines
from .shapes import ChatLine

ANSWER_BYTES = 1024 * 1024  # of a line: the daemon's own limit for what a peer says in one, escaped


@asynccontextmanager
async def open_line_chat(
    links: Links, call: Call[None], timeout: float | None, waiting: Callable[[], object]
) -> AsyncIterator[LineChat]:
    """See `Client.chat_lines`. `timeout` is until somebody is there; None waits."""
    async with links.open() as link:
        try:
            with anyio.fail_after(timeout):
                await begin_lines(links, link, call)
                waiting()
                chat = LineChat(link)
                await chat._meet()
        except TimeoutError as error:
            raise ConnectionLost(f"the daemon did not answer within {timeout:g} s") from error
        yield chat


class LineChat:
    """An open chat with `peer_id`, shown as `name`; `agent` is their program. Iterating gives what they say.

    It ends when they say no more; one may still `say` something then. Raises ApiError when it breaks.
    """

    def __init__(self, link: Link) -> None:
        self.peer_id = ""
        self.name = ""
        self.agent = ""
        self._link = link
        self._lines = LineReader(ANSWER_BYTES)
        self._decoder = msgspec.json.Decoder(ChatLine)
        self._ready: deque[ChatLine] = deque()
        self._ended = False
        self._saying = anyio.Lock()

    async def _meet(self) -> None:
        first = await self._next()
        if first is None or not first.peer_id:
            raise ConnectionLost("the daemon ended the chat before it began")
        self.peer_id, self.name, self.agent = first.peer_id, first.name, first.agent

    def __aiter__(self) -> LineChat:
        return self

    async def __anext__(self) -> str:
        line = None if self._ended else await self._next()
        if line is None or line.ended:
            self._ended = True
            raise StopAsyncIteration
        return line.text

    async def _next(self) -> ChatLine | None:
        while not self._ready:
            part = await self._link.read()
            if not part:
                return None
            try:
                self._ready.extend(self._decoder.decode(line) for line in self._lines.feed(part) if line)
            except msgspec.DecodeError as error:
                raise ApiError("internal", f"the daemon's answer makes no sense: {error}") from error
        line = self._ready.popleft()
        if line.error is not None:
            self._ended = True
            raise ApiError(line.error.code, line.error.message, line.error.hint)
        return line

    async def say(self, text: str) -> None:
        """Each line of the text; returns when the daemon has it. Raises ConnectionLost when the chat is over."""
        async with self._saying:
            await self._link.send(msgspec.json.encode(ChatSay(text)) + b"\n")

    async def finish(self) -> None:
        """We say no more; they may go on."""
        async with self._saying:
            await self._link.finish()

    async def wait_over(self) -> None:
        """Returns when what we said is with them and they have said all as well. Raises ApiError when it breaks."""
        while await self._next() is not None:
            pass
