"""`POST /v1/send/lines`: many messages in one request, a receipt for each, both ways at the same time.

A line is read only when there is room for it: so whoever writes them is slowed down to what the room's members take,
and a request holds no more than a few hundred messages however many it brings.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence

import msgspec
import trio
from p2pd_client.asked import SendLine, SendLinesQuery
from p2pd_client.ndjson import LineReader
from p2pd_client.shapes import ErrorBody, Receipt, Sent
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from p2pd_daemon.errors import P2pdError, StoreError, TooLarge

from .control import Control, Outcomes
from .http11 import ClientGone
from .replies import HEADERS, WrongContentType
from .requests import BODY_BYTES, decode_line, decode_query

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/x-ndjson"
WAITING_LINES = (
    256  # read and not begun yet; as many are being stored, and as many published, at the same time
)

_Line = tuple[int, SendLine | P2pdError]  # its number, and what it says or why it makes no sense
_Begun = tuple[Sequence[_Line], Outcomes]


class LinesToSend:
    """One such request, as an ASGI application."""

    def __init__(self, control: Control, request: Request) -> None:
        """Raises UsageError, WrongContentType."""
        self._control = control
        self._room = decode_query(request.scope["query_string"], SendLinesQuery).room
        check_media_type(request)
        self._waiting: deque[_Line] = deque()
        self._changed = trio.Event()  # in _waiting, or the end of the lines
        self._read_all = False
        self._client_gone = False

    async def prepare(self) -> None:
        """Raises BadRoomName, NoSuchRoom, while an answer can still say so."""
        await self._control.begin_send(self._room, ())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Returns when the lines have ended and each has its receipt. Raises ClientGone."""
        await begin_answer(scope, send)
        begun, to_answer = trio.open_memory_channel[_Begun](0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read, receive)
            nursery.start_soon(self._begin, begun)
            await self._answer(to_answer, send)
            nursery.cancel_scope.cancel()  # the reader, when the client takes no more receipts
        if self._client_gone:
            raise ClientGone("it hung up while it sent lines; those it had sent are on their way")
        await send({"type": "http.response.body", "body": b""})

    async def _read(self, receive: Receive) -> None:
        reader = LineReader(BODY_BYTES)
        number = 0
        more = True
        while more:
            try:
                message = await receive()
            except ClientGone:
                self._client_gone = True
                break
            more = message.get("more_body", False)
            for line in reader.feed(message["body"]) + ([] if more else reader.finish()):
                number += 1
                if line is None or line.strip():
                    await self._put(number, line)
        self._read_all = True
        self._tell()

    async def _put(self, number: int, line: bytes | None) -> None:
        while len(self._waiting) >= WAITING_LINES:
            await self._changed.wait()
        self._waiting.append((number, _decode(line)))
        self._tell()

    async def _begin(self, begun: trio.MemorySendChannel[_Begun]) -> None:
        """Hands over all that waits, again and again, while what went before is still under way."""
        async with begun:
            while self._waiting or not self._read_all:
                if not self._waiting:
                    await self._changed.wait()
                    continue
                lines = await self._take()
                self._tell()
                await begun.send((lines, await self._hand_over(lines)))

    async def _take(self) -> Sequence[_Line]:
        """What waits, as far as `author_rate` lets it go."""
        good = sum(isinstance(line, SendLine) for _, line in self._waiting)
        left = await self._keep_rate(good) if good else 0
        taken = []
        while self._waiting and (left or isinstance(self._waiting[0][1], P2pdError)):
            taken.append(self._waiting.popleft())
            left -= isinstance(taken[-1][1], SendLine)
        return taken

    async def _keep_rate(self, most: int) -> int:
        try:
            return await self._control.keep_rate(self._room, most)
        except P2pdError:  # the room was left meanwhile, as each of them will be told
            return most

    async def _hand_over(self, lines: Sequence[_Line]) -> Outcomes:
        said = [(line.text, line.kind) for _, line in lines if isinstance(line, SendLine)]
        try:
            return await self._control.begin_send(self._room, said)
        except P2pdError as error:  # the room was left meanwhile
            return _failing([error] * len(said))

    async def _answer(self, begun: trio.MemoryReceiveChannel[_Begun], send: Send) -> None:
        async for lines, wait in begun:
            outcomes = iter(await wait())
            receipts = [
                _receipt(number, next(outcomes) if isinstance(line, SendLine) else line)
                for number, line in lines
            ]
            if self._client_gone:
                continue
            try:
                body = b"\n".join((*map(msgspec.json.encode, receipts), b""))
                await send({"type": "http.response.body", "body": body, "more_body": True})
            except ClientGone as gone:
                log.debug("a client that sent lines is gone: %s", gone)
                self._client_gone = self._read_all = True
                self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


def check_media_type(request: Request) -> None:
    """Raises WrongContentType unless the body is said to be lines of JSON."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != MEDIA_TYPE:
        raise WrongContentType(
            f"the body must be {MEDIA_TYPE}, not {given or 'undeclared'}",
            hint=f"send the header Content-Type: {MEDIA_TYPE}, and a JSON object on each line",
        )


async def begin_answer(scope: Scope, send: Send) -> None:
    """Begins an answer of lines, which goes on while the request still comes."""
    headers = {**HEADERS, "content-type": MEDIA_TYPE}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": raw, "p2pd.duplex": True})
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    if (connection := scope.get("p2pd.connection")) is not None:
        connection.streaming = True


def _decode(line: bytes | None) -> SendLine | P2pdError:
    if line is None:
        return TooLarge(f"a line of more than {BODY_BYTES} bytes", hint="send less at once")
    try:
        return decode_line(line, SendLine)
    except P2pdError as error:
        return error


def _failing(errors: Sequence[P2pdError]) -> Outcomes:
    async def wait() -> Sequence[Sent | P2pdError]:
        return errors

    return wait


def _receipt(number: int, outcome: Sent | P2pdError) -> Receipt:
    if isinstance(outcome, Sent):
        return Receipt(number, outcome.id, outcome.ts_ms, outcome.state)
    if isinstance(outcome, StoreError):
        log.error("line %d was not stored: %s", number, outcome)
    texts = (outcome.code, outcome.message, outcome.hint)
    return Receipt(number, error=ErrorBody(*(text.encode("utf-8", "replace").decode() for text in texts)))
