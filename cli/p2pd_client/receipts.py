"""Sending many messages in one request: texts go up while receipts come down."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import asynccontextmanager

import anyio
import msgspec

from .asked import SendLine
from .calls import Call
from .errors import ApiError, ConnectionLost
from .link import Link, Links
from .ndjson import LineReader
from .shapes import Receipt

MEDIA_TYPE = "application/x-ndjson"
# Texts taken that have no receipt yet: several of the daemon's batches. Receipts for all of them fit into a socket's
# buffer, so a program that is slow to take them does not hold up the daemon.
UNDER_WAY = 512
PART_BYTES = 64 * 1024
RECEIPT_BYTES = 64 * 1024

Texts = Iterable[str] | AsyncIterable[str]


@asynccontextmanager
async def open_receipts(
    links: Links, call: Call[None], texts: Texts, kind: str, timeout: float
) -> AsyncIterator[Receipts]:
    """Takes from `texts` as fast as the daemon takes them from us. See `Client.send_many`."""
    async with links.open() as link:
        try:
            with anyio.fail_after(timeout):
                await begin_lines(links, link, call)
        except TimeoutError as error:
            raise ConnectionLost(f"the daemon did not answer within {timeout:g} s") from error
        receipts = Receipts(link)
        failed: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receipts._take, texts, kind)
            tasks.start_soon(receipts._send)
            try:
                yield receipts
            except Exception as error:  # to be raised as it is, not in the group of these tasks
                failed = error
            tasks.cancel_scope.cancel()
        if failed is not None:
            raise failed


async def begin_lines(links: Links, link: Link, call: Call[None]) -> None:
    """Begins a request whose body and answer are lines. Raises ApiError when the answer is another."""
    answer = await link.begin(links.request(call.method, call.target, None, media_type=MEDIA_TYPE))
    if answer.status_code != 200:
        call.decode(answer.status_code, await link.read_all())


class Receipts:
    """A receipt for each text, in their order, as the daemon stores them. For one task at a time.

    Ends when the texts have ended and each has its receipt. Raises ConnectionLost when the daemon goes away: texts
    without a receipt may have been stored or not. What `texts` raises comes after the receipts for those before.
    """

    def __init__(self, link: Link) -> None:
        self.taken = 0  # texts so far
        self.received = 0  # receipts so far
        self._link = link
        self._lines = LineReader(RECEIPT_BYTES)
        self._decoder = msgspec.json.Decoder(Receipt)
        self._encoder = msgspec.json.Encoder()
        self._ready: deque[Receipt] = deque()
        self._unsent: list[bytes] = []
        self._ended = False
        self._failed: BaseException | None = None
        self._changed = anyio.Event()

    def __aiter__(self) -> Receipts:
        return self

    async def __anext__(self) -> Receipt:
        while not self._ready:
            await self._read()
        self._tell()
        return self._ready.popleft()

    async def batch(self) -> list[Receipt]:
        """All that have come, at least one; none at the end."""
        try:
            first = await anext(self)
        except StopAsyncIteration:
            return []
        found = [first, *self._ready]
        self._ready.clear()
        self._tell()
        return found

    async def _read(self) -> None:
        part = await self._link.read()
        if not part:
            if self._failed is not None:
                raise self._failed
            if not self._ended or self.received < self.taken:
                raise ConnectionLost("the daemon ended the answer too soon")
            raise StopAsyncIteration
        try:
            found = [self._decoder.decode(line) for line in self._lines.feed(part) if line]
        except msgspec.DecodeError as error:
            raise ApiError("internal", f"the daemon's answer makes no sense: {error}") from error
        self.received += len(found)
        self._ready.extend(found)

    async def _take(self, texts: Texts, kind: str) -> None:
        try:
            if isinstance(texts, AsyncIterable):
                async for text in texts:
                    await self._put(text, kind)
            else:
                for text in texts:
                    await self._put(text, kind)
        except (
            Exception
        ) as error:  # the caller's own: for `_read` to raise, when it has the receipts before it
            self._failed = error
        self._ended = True
        self._tell()

    async def _put(self, text: str, kind: str) -> None:
        while self.taken - self.received + len(self._ready) >= UNDER_WAY:
            await self._changed.wait()
        self._unsent.append(self._encode(text, kind))
        self.taken += 1
        if len(self._unsent) == 1:
            self._tell()

    def _encode(self, text: str, kind: str) -> bytes:
        try:
            return self._encoder.encode(SendLine(text, kind))
        except UnicodeEncodeError:  # a lone surrogate: JSON can say it, and the daemon says what is wrong
            return b'{"text":"\\ud800"}'

    async def _send(self) -> None:
        try:
            while True:
                while not self._unsent and not self._ended:
                    await self._changed.wait()
                if not self._unsent:
                    break
                part, self._unsent = b"\n".join((*self._unsent, b"")), []
                await self._link.send(part)
            await self._link.finish()
        except ConnectionLost:  # its reader learns it too, after the receipts that came before
            pass

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
