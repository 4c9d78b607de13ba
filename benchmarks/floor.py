"""The floor as a peer (see peer.py): what any Python node has to pay, and nothing else. `python -m benchmarks.floor`.

trio, a TCP connection, each message signed and verified with Ed25519 (PyNaCl, the fastest there is for Python),
encoded and decoded as a gossipsub RPC by the protobuf library, sealed with ChaCha20-Poly1305 in frames of noise's
form. No libp2p: no muxer, no mesh, no duplicates, no forwarding. `addr` is host:port.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

import nacl.bindings
import trio
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from libp2p.pubsub.pb import rpc_pb2

from .trio_peer import LOCALHOST, Traffic, open_acks, profiled, serve_peer

NAME = "floor"
KEY = bytes(32)  # both ends know it: there is no handshake to pay
SIGNING_PREFIX = b"libp2p-pubsub:"
READ_BYTES = 262_144


class Connection:
    """One task writes, as much at once as has gathered; one reads."""

    def __init__(self, floor: Floor, stream: trio.SocketStream) -> None:
        self._floor = floor
        self._stream = stream
        self._cipher = ChaCha20Poly1305(KEY)
        self._sealed = self._opened = 0
        self._waiting: list[bytes] = []
        self._wake = trio.Event()

    def send(self, rpc: bytes) -> None:
        self._waiting.append(rpc)
        self._wake.set()

    async def write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            batch, self._waiting = self._waiting, []
            await self._stream.send_all(b"".join(self._seal(rpc) for rpc in batch))

    def _seal(self, rpc: bytes) -> bytes:
        sealed = self._cipher.encrypt(nonce(self._sealed), rpc, None)
        self._sealed += 1
        return len(sealed).to_bytes(2) + sealed

    async def read(self) -> None:
        buffer = bytearray()
        while chunk := await self._stream.receive_some(READ_BYTES):
            buffer += chunk
            at = 0
            while len(buffer) - at >= 2:
                end = at + 2 + int.from_bytes(buffer[at : at + 2])
                if end > len(buffer):
                    break
                rpc = self._cipher.decrypt(nonce(self._opened), buffer[at + 2 : end], None)
                self._opened += 1
                at = end
                await self._floor.take(rpc)
            del buffer[:at]


class Floor:
    def __init__(self, acks: trio.socket.SocketType, tasks: trio.Nursery) -> None:
        public, self._secret = nacl.bindings.crypto_sign_seed_keypair(os.urandom(32))
        self._peer_id = b"\x00\x24\x08\x01\x12\x20" + public
        self._seqno = time.time_ns()
        self._tasks = tasks
        self._connections: list[Connection] = []
        self.traffic = Traffic(self, acks)

    async def publish(self, room: str, content: bytes) -> None:
        self._seqno += 1
        message = rpc_pb2.Message(
            from_id=self._peer_id, data=content, seqno=self._seqno.to_bytes(8), topicIDs=[room]
        )
        unsigned = SIGNING_PREFIX + message.SerializeToString()
        message.signature = nacl.bindings.crypto_sign(unsigned, self._secret)[:64]
        rpc = rpc_pb2.RPC(publish=[message]).SerializeToString()
        for connection in self._connections:
            connection.send(rpc)
        await trio.lowlevel.checkpoint()

    async def take(self, rpc: bytes) -> None:
        for message in rpc_pb2.RPC.FromString(rpc).publish:
            signature = message.signature
            message.ClearField("signature")
            unsigned = SIGNING_PREFIX + message.SerializeToString()
            nacl.bindings.crypto_sign_open(signature + unsigned, message.from_id[-32:])
            await self.traffic.take(message.data)

    async def serve(self, stream: trio.SocketStream) -> None:
        """Runs until the other side closes."""
        connection = Connection(self, stream)
        self._connections.append(connection)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.write)
            await connection.read()
            nursery.cancel_scope.cancel()
        self._connections.remove(connection)

    async def join(self, room: str) -> dict[str, Any]:
        return {}

    async def connect(self, addr: str) -> dict[str, Any]:
        before = time.monotonic()
        host, port = addr.split(":")
        self._tasks.start_soon(self.serve, await trio.open_tcp_stream(host, int(port)))
        return {"ms": (time.monotonic() - before) * 1e3}

    async def members(self, room: str) -> dict[str, Any]:
        return {"count": len(self._connections)}


def nonce(number: int) -> bytes:
    return bytes(4) + number.to_bytes(8, "little")


async def run() -> None:
    acks, port = await open_acks()
    async with trio.open_nursery() as tasks:
        floor = Floor(acks, tasks)
        (listener,) = await trio.open_tcp_listeners(0, host=LOCALHOST)
        tasks.start_soon(trio.serve_listeners, floor.serve, [listener])
        addr = f"{LOCALHOST}:{listener.socket.getsockname()[1]}"
        own = {"join": floor.join, "connect": floor.connect, "members": floor.members}
        ready = {"implementation": NAME, "addr": addr, "acks": port}
        await serve_peer(ready, own, floor.traffic)
        tasks.cancel_scope.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="", metavar="FILE")
    with profiled(parser.parse_args().profile):
        trio.run(run)


if __name__ == "__main__":
    main()
