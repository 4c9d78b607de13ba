"""Streams of /p2pd/sync/1.0.0, cut into frames. What is said on them is `core/sync.py`'s; who is asked, the node's."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from libp2p.abc import INetStream

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.push import FrameReader, encode_frame
from p2pd_daemon.core.sync_frames import (
    BUSY,
    MAX_FRAME_BYTES,
    PROTOCOL,
    PROTOCOL_ID,
    Frame,
    Refusal,
    decode_sync_frame,
    encode_sync_frame,
)
from p2pd_daemon.errors import RemoteProtocolError
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.net.inbound import Inbound
from p2pd_daemon.net.streams import (
    FOREIGN,
    broken,
    open_stream,
    read_some,
    write_all,
)

log = logging.getLogger(__name__)

OPEN_S = 5.0  # for opening the stream
STEP_S = 30.0  # for the other side's next frame, and for it to take one of ours
SESSIONS_PER_PEER = 2  # inbound at once (DESIGN.md §8)
SESSIONS = 32  # inbound at once from everybody: each may hold a batch in memory


class SyncChannel:
    """One stream, as frames in both directions."""

    def __init__(self, stream: INetStream, peer: PeerId) -> None:
        self.peer = peer
        self._stream = stream
        self._reader = FrameReader(MAX_FRAME_BYTES)
        self._frames: deque[bytes] = deque()
        self.bytes_in = 0
        self.bytes_out = 0

    async def send(self, frame: Frame) -> None:
        """Raises NetworkError when the peer does not take it within STEP_S."""
        raw = encode_frame(encode_sync_frame(frame))
        self.bytes_out += len(raw)
        try:
            await write_all(self._stream, raw, STEP_S)
        except FOREIGN as error:
            raise broken(self.peer, PROTOCOL_ID, error) from error

    async def receive(self) -> Frame:
        """The peer's next frame. Raises NetworkError after STEP_S without one, RemoteProtocolError for a bad one."""
        while not self._frames:
            try:
                chunk = await read_some(self._stream, STEP_S)
            except FOREIGN as error:
                raise broken(self.peer, PROTOCOL_ID, error) from error
            if not chunk:
                raise broken(self.peer, PROTOCOL_ID, EOFError("the peer closed the stream"))
            self.bytes_in += len(chunk)
            self._frames.extend(self._reader.feed(chunk))
        return decode_sync_frame(self._frames.popleft())


OnSync = Callable[[SyncChannel], Awaitable[None]]


@asynccontextmanager
async def open_sync(opened: OpenHost, peer: PeerId) -> AsyncIterator[SyncChannel]:
    """A channel for a session that we begin. Raises NetworkError when the peer is away or does not speak it."""
    async with open_stream(opened, peer, PROTOCOL_ID, OPEN_S) as stream:
        yield SyncChannel(stream, peer)


class SyncResponder:
    """Takes the sessions that others begin: a few at a time, refused politely beyond."""

    def __init__(self, on_sync: OnSync, dropped: Counter[str]) -> None:
        self._on_sync = on_sync
        self.inbound = Inbound(
            "sync", self._serve, dropped, per_peer=SESSIONS_PER_PEER, total=SESSIONS, refuse=self._refuse
        )
        self.handle_stream = self.inbound.handle_stream

    async def _serve(self, stream: INetStream, peer: PeerId) -> None:
        channel = SyncChannel(stream, peer)
        try:
            await self._on_sync(channel)
        except RemoteProtocolError as error:
            await channel.send(Refusal(PROTOCOL, error.message[:200]))
            raise

    async def _refuse(self, stream: INetStream, peer: PeerId) -> None:
        await SyncChannel(stream, peer).send(Refusal(BUSY, "too many sessions at once; try again later"))
