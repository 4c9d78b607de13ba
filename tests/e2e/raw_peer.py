"""Somebody else's program in the test's own process: a libp2p host that speaks a few protocols, and none of p2pd's."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import trio
from e2e.harness import Daemon, eventually
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.pb import uc_pb2
from p2pd_daemon.core.push import FrameReader, encode_frame
from p2pd_daemon.net.dial import dial
from p2pd_daemon.net.host import OpenHost, open_host
from p2pd_daemon.net.interface import NetworkConfig
from p2pd_daemon.net.streams import open_stream, read_some, write_all
from p2pd_daemon.net.targets import parse_target

T = TypeVar("T")

UC_DIRECT = "/universal-connectivity/dm/1.0.0"
CHAT = "/chat/1.0.0"


class RawPeer:
    """`answer` is what it says to each direct message: a status, or None for nothing at all."""

    def __init__(self, opened: OpenHost) -> None:
        self.opened = opened
        self.answer: int | None = uc_pb2.OK
        self.why = ""
        self.messages: list[uc_pb2.DirectMessageRequest] = []
        self.chats: list[INetStream] = []

    @property
    def addr(self) -> str:
        return self.opened.addrs()[0]

    @property
    def peer_id(self) -> str:
        return self.opened.peer_id

    def serve_direct(self) -> None:
        self.opened.host.set_stream_handler(TProtocol(UC_DIRECT), self._take)

    async def connect(self, daemon: Daemon) -> None:
        await dial(self.opened, [parse_target(daemon.addr)], 8)

    async def dm(self, daemon: Daemon, raw: bytes) -> uc_pb2.DirectMessageResponse:
        """Sends a frame's content and returns what is answered."""
        peer = parse_target(daemon.addr).peer
        async with open_stream(self.opened, peer, UC_DIRECT, 5) as stream:
            await write_all(stream, encode_frame(raw), 5)
            return uc_pb2.DirectMessageResponse.FromString(await _frame(stream))

    async def say(self, daemon: Daemon, text: str, timestamp: int = 1) -> uc_pb2.DirectMessageResponse:
        metadata = uc_pb2.Metadata(clientVersion="raw", timestamp=timestamp)
        request = uc_pb2.DirectMessageRequest(metadata=metadata, content=text, type="text/plain")
        return await self.dm(daemon, request.SerializeToString())

    async def _take(self, stream: INetStream) -> None:
        self.messages.append(uc_pb2.DirectMessageRequest.FromString(await _frame(stream)))
        if self.answer is not None:
            metadata = uc_pb2.Metadata(clientVersion="raw", timestamp=1)
            status: uc_pb2.Status = self.answer  # type: ignore[assignment]  # a number stands for it
            answer = uc_pb2.DirectMessageResponse(metadata=metadata, status=status, statusText=self.why)
            await stream.write(encode_frame(answer.SerializeToString()))
        await stream.close()


@asynccontextmanager
async def open_raw_peer(
    agent: str = "somebody's-chat/1.0", listen: str = "/ip4/127.0.0.1/tcp/0", key: SigningKey | None = None
) -> AsyncIterator[RawPeer]:
    key = key or SigningKey.from_seed(os.urandom(32))
    async with open_host(key, NetworkConfig(listen=(listen,), mdns=False, agent=agent)) as opened:
        yield RawPeer(opened)


async def _frame(stream: INetStream) -> bytes:
    reader = FrameReader(100_000)
    while True:
        if frames := reader.feed(await read_some(stream, 5)):
            return frames[0]


async def away(call: Callable[..., T], *args: object, **more: object) -> T:
    """Runs what waits for a daemon while this process's own peers go on."""
    return await trio.to_thread.run_sync(partial(call, *args, **more))


async def soon(look: Callable[[], object], what: str) -> None:
    await away(eventually, look, 15.0, what)
