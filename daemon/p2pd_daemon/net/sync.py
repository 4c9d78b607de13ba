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
from p2pd_daemon.errors import NetworkError, P2pdError, RemoteProtocolError
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.net.streams import (
    FOREIGN,
    broken,
    end_stream,
    open_stream,
    read_some,
    reset_stream,
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
        self._dropped = dropped
        self._sessions: Counter[PeerId] = Counter()

    async def handle_stream(self, stream: INetStream) -> None:
        """Serves one inbound stream to its end. Raises nothing but cancellation."""
        channel = SyncChannel(stream, PeerId(stream.muxed_conn.peer_id.to_base58()))
        busy = self._sessions[channel.peer] >= SESSIONS_PER_PEER or self._sessions.total() >= SESSIONS
        self._sessions[channel.peer] += 1
        clean = False
        try:
            if busy:
                await channel.send(Refusal(BUSY, "too many sessions at once; try again later"))
            else:
                await self._serve(channel)
            clean = True
        except RemoteProtocolError as error:
            self._dropped["sync protocol"] += 1
            log.info("sync with %s: %s", channel.peer, error.message)
        except NetworkError as error:
            log.debug("sync with %s ended: %s", channel.peer, error.message)
        except P2pdError:
            log.exception("sync with %s failed here", channel.peer)  # our store: it costs this session
        finally:
            self._sessions[channel.peer] -= 1
            if not self._sessions[channel.peer]:
                del self._sessions[channel.peer]
            await (end_stream(stream) if clean else reset_stream(stream))

    async def _serve(self, channel: SyncChannel) -> None:
        try:
            await self._on_sync(channel)
        except RemoteProtocolError as error:
            await channel.send(Refusal(PROTOCOL, error.message[:200]))
            raise
