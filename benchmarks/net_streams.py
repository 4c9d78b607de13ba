"""A peer for streams alone (see peer.py): p2pd's libp2p host, or with --stock py-libp2p's as it comes.

`python -m benchmarks.net_streams [--stock] [--profile FILE]`. Commands, and the protocols always served:
    echo {peer_id, seconds, size} → {count, seconds}   round trips of one message on one stream, /p2pd-bench/echo/1
    bulk {peer_id, seconds} → {bytes, seconds}         64 KiB at a time until the other end has all, /p2pd-bench/sink/1
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import AsyncIterator
from typing import Any

import trio
from libp2p import new_host
from libp2p.abc import IHost, INetStream
from libp2p.custom_types import TProtocol
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from multiaddr import Multiaddr
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.net.host import open_host
from p2pd_daemon.net.interface import NetworkConfig

from .trio_peer import Command, Traffic, open_acks, profiled, serve_peer

ECHO = TProtocol("/p2pd-bench/echo/1")
SINK = TProtocol("/p2pd-bench/sink/1")
CHUNK = 65536
LISTEN = "/ip4/127.0.0.1/tcp/0"


async def read_some(stream: INetStream) -> bytes:
    try:
        return await stream.read(CHUNK)
    except StreamEOF:
        return b""


async def serve_echo(stream: INetStream) -> None:
    while chunk := await read_some(stream):
        await stream.write(chunk)
    await stream.close()


async def serve_sink(stream: INetStream) -> None:
    count = 0
    while chunk := await read_some(stream):
        count += len(chunk)
    await stream.write(count.to_bytes(8, "big"))
    await stream.close()


class StreamCommands:
    """Serves both protocols on `host`; `commands` drive another peer's."""

    def __init__(self, host: IHost) -> None:
        self._host = host
        host.set_stream_handler(ECHO, serve_echo)
        host.set_stream_handler(SINK, serve_sink)
        self.commands: dict[str, Command] = {"echo": self.echo, "bulk": self.bulk}

    async def connect(self, addr: str) -> dict[str, Any]:
        start = trio.current_time()
        await self._host.connect(info_from_p2p_addr(Multiaddr(addr)))
        return {"ms": (trio.current_time() - start) * 1000}

    async def echo(self, peer_id: str, seconds: float, size: int) -> dict[str, Any]:
        stream = await self._host.new_stream(ID.from_base58(peer_id), [ECHO])
        message, count, start = os.urandom(size), 0, trio.current_time()
        while trio.current_time() - start < seconds:
            await stream.write(message)
            answer = b""
            while len(answer) < size:
                answer += await stream.read(size - len(answer))
            count += 1
        took = trio.current_time() - start
        await stream.close()
        return {"count": count, "seconds": took}

    async def bulk(self, peer_id: str, seconds: float) -> dict[str, Any]:
        stream = await self._host.new_stream(ID.from_base58(peer_id), [SINK])
        chunk, count, start = bytes(CHUNK), 0, trio.current_time()
        while trio.current_time() - start < seconds:
            await stream.write(chunk)
            count += CHUNK
        await stream.close()
        answer = b""
        while len(answer) < 8:
            answer += await stream.read(8 - len(answer))
        assert int.from_bytes(answer, "big") == count
        return {"bytes": count, "seconds": trio.current_time() - start}


@contextlib.asynccontextmanager
async def open_stock() -> AsyncIterator[tuple[IHost, str]]:
    host = new_host()
    async with host.run(listen_addrs=[Multiaddr(LISTEN)]):
        yield host, str(host.get_addrs()[0])


@contextlib.asynccontextmanager
async def open_ours() -> AsyncIterator[tuple[IHost, str]]:
    key = SigningKey.from_seed(os.urandom(32))
    async with open_host(key, NetworkConfig(listen=(LISTEN,))) as opened:
        yield opened.host, opened.addrs()[0]


class Nowhere:
    """There are no rooms here."""

    async def publish(self, room: str, content: bytes) -> None: ...


async def serve(stock: bool) -> None:
    acks, port = await open_acks()
    async with open_stock() if stock else open_ours() as (host, addr):
        streams = StreamCommands(host)
        ready = {
            "implementation": "py-libp2p" if stock else "p2pd net",
            "peer_id": str(host.get_id()),
            "addr": addr,
            "acks": port,
        }
        own: dict[str, Command] = {"connect": streams.connect, **streams.commands}
        await serve_peer(ready, own, Traffic(Nowhere(), acks))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stock", action="store_true")
    parser.add_argument("--profile", default="", metavar="FILE")
    arguments = parser.parse_args()
    with profiled(arguments.profile):
        trio.run(serve, arguments.stock)


if __name__ == "__main__":
    main()
