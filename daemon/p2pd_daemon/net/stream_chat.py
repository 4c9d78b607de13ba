"""/chat/1.0.0, the chat of go-libp2p's and py-libp2p's examples: two people, one stream, lines both ways.

Nothing is signed, numbered or stored: who talks is who is at the other end of the connection. A line that is not read
stays in the stream's window, so a peer that talks faster than somebody reads is slowed down.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

import trio
from libp2p.abc import INetStream
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.network.stream.net_stream import NetStream

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.stream_chat import PROTOCOL_ID, LineReader, encode_lines
from p2pd_daemon.errors import NetworkError
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.net.inbound import Inbound
from p2pd_daemon.net.streams import CHUNK, FOREIGN, broken, open_stream, reset_stream, write_all

log = logging.getLogger(__name__)

OPEN_S = 5.0  # for opening the stream
SAY_S = 10.0  # for handing a line over: a peer that reads nothing for so long is gone
LINE_BYTES = 65_536  # of one line: programs may send what they like, a person writes less
STREAMS_PER_PEER = 2  # inbound at once; the examples open one
STREAMS = 32  # inbound at once of all peers


class LineChat:
    """An open conversation. `receive` and `say` may run at the same time. Both raise NetworkError when it breaks."""

    def __init__(self, stream: INetStream, peer: PeerId) -> None:
        self.peer = peer
        self._stream = stream
        self._reader = LineReader(LINE_BYTES)
        self._ended = False
        self._saying = trio.Lock()

    async def receive(self) -> list[str]:
        """The next lines, as they are; none at the end. RemoteProtocolError for what is no line."""
        while not self._ended:
            try:
                chunk = await self._stream.read(CHUNK)
            except StreamEOF:
                chunk = b""
            except FOREIGN as error:
                raise broken(self.peer, PROTOCOL_ID, error) from error
            if not chunk:
                self._ended = True
                return self._reader.finish()
            if lines := self._reader.feed(chunk):
                return lines
        return []

    async def say(self, text: str) -> None:
        """Each line of the text; returns when they are on their way."""
        raw = encode_lines(text)
        try:
            async with self._saying:
                if raw:
                    await write_all(self._stream, raw, SAY_S)
        except FOREIGN as error:
            raise broken(self.peer, PROTOCOL_ID, error) from error

    async def finish(self) -> None:
        """We say no more; the other side may go on."""
        try:
            async with self._saying:
                with trio.fail_after(SAY_S):
                    await cast(NetStream, self._stream).close_write()
        except FOREIGN as error:
            raise broken(self.peer, PROTOCOL_ID, error) from error


@asynccontextmanager
async def open_line_chat(opened: OpenHost, peer: PeerId) -> AsyncIterator[LineChat]:
    """A conversation that we begin, with a connected peer; ended with the block. Raises NetworkError."""
    async with open_stream(opened, peer, PROTOCOL_ID, OPEN_S) as stream:
        yield LineChat(stream, peer)


class _Waiting:
    """Somebody here who waits for a peer to begin."""

    def __init__(self) -> None:
        self.arrived = trio.Event()
        self.done = trio.Event()
        self.chat: LineChat


class LineChatResponder:
    """Gives a stream that a peer opens to whoever has waited longest; without anybody it is reset.

    `wanted` says whether a peer may call at all, `on_missed` is told of one for whom nobody was there.
    """

    def __init__(
        self,
        wanted: Callable[[PeerId], bool],
        on_missed: Callable[[PeerId], Awaitable[None]],
        dropped: Counter[str],
    ) -> None:
        self._wanted = wanted
        self._on_missed = on_missed
        self._dropped = dropped
        self._waiting: deque[_Waiting] = deque()
        inbound = Inbound("chat", self._serve, dropped, per_peer=STREAMS_PER_PEER, total=STREAMS)
        self.handle_stream = inbound.handle_stream

    @asynccontextmanager
    async def accept(self) -> AsyncIterator[LineChat]:
        """The next conversation that a peer begins; ended with the block."""
        waiting = _Waiting()
        self._waiting.append(waiting)
        try:
            await waiting.arrived.wait()
            yield waiting.chat
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            waiting.done.set()

    async def _serve(self, stream: INetStream, peer: PeerId) -> None:
        if not self._wanted(peer):
            self._dropped["blocked"] += 1
            raise NetworkError("blocked here")
        if not self._waiting:
            self._dropped["chat missed"] += 1
            await reset_stream(stream)  # at once: to tell of it means to write to the disk
            await self._on_missed(peer)
            raise NetworkError("nobody waits for a chat")
        waiting = self._waiting.popleft()
        waiting.chat = LineChat(stream, peer)
        waiting.arrived.set()
        await waiting.done.wait()
