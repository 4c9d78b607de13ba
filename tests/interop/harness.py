"""Peers of other implementations beside a p2pd daemon, each a process of its own.

A `ForeignPeer` takes the commands of peers/README.md; `Foreigners` starts and ends them. The daemon is that of
e2e. A `Wire` says how a p2pd room looks to the others: the topic, and what is said as bytes.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from e2e.harness import Daemon, eventually
from p2pd_daemon.core.event import ChatEvent, Text, decode_event, encode_event
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.record import Record, verify_record

sys.path.append(str(Path(__file__).parents[2]))  # `benchmarks` is a folder of the checkout, not installed

from benchmarks.foreign import GO, IMPLEMENTATIONS, JS, RUST, Foreign
from benchmarks.peer import LinePeer
from benchmarks.processes import open_line_process

__all__ = ["GO", "IMPLEMENTATIONS", "JS", "RUST", "Foreign"]

TRANSPORTS = {"tcp": "/ip4/127.0.0.1/tcp/0", "ws": "/ip4/127.0.0.1/tcp/0/ws"}
REQUIRED = (
    "P2PD_INTEROP_REQUIRED"  # set where all implementations are expected: a missing one fails, not skips
)


@dataclass(frozen=True, slots=True)
class Wire:
    """`option` is what `p2pd join --wire` is given."""

    option: str
    topic: Callable[[str], str]
    encode: Callable[[str], bytes]
    decode: Callable[[bytes], str]

    def join(self, daemon: Daemon, room: str) -> None:
        daemon.cli("join", room, *(("--wire", self.option) if self.option != "p2pd" else ()))


def _event(text: str) -> bytes:
    return encode_event(ChatEvent(next(_clock), (), Text(text)))


def _text_of(event: bytes) -> str:
    body = decode_event(event).body
    assert isinstance(body, Text), body
    return body.text


_clock = itertools.count(
    time.time_ns() // 1_000_000 - 60_000
)  # rises with each event, and is never in the future
NATIVE = Wire("p2pd", lambda room: f"p2pd/1/{room}", _event, _text_of)
TEXT = Wire("text", lambda room: room, lambda text: text.encode(), lambda data: data.decode())
WIRE = TEXT  # what most tests speak


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that a foreign peer got."""

    author: str
    seqno: int
    data: bytes
    signature: bytes
    key: bytes

    def check(self, topic: str) -> str:
        """Verifies the signature; returns the id that p2pd gives this message."""
        record = Record(PeerId(self.author), self.seqno, topic, self.data, self.signature, self.key or None)
        verify_record(record)
        return record.id_hex

    @classmethod
    def from_line(cls, line: Mapping[str, str]) -> Heard:
        data, signature, key = (base64.b64decode(line[name]) for name in ("data", "signature", "key"))
        return cls(line["from"], int(line["seqno"]), data, signature, key)


class ForeignPeer(LinePeer):
    """A peer of another implementation. Addresses have a transport, of TRANSPORTS."""

    @property
    def peer_id(self) -> str:
        return str(self.ready["peer_id"])

    @property
    def version(self) -> str:
        return str(self.ready["version"])

    def addr_of(self, transport: str) -> str:
        return addr_of(self.ready["addrs"], transport)

    def peers(self) -> list[str]:
        return list(self.call("peers")["peers"])

    def join(self, topic: str) -> None:
        self.call("join", room=topic)

    def members(self, topic: str) -> int:
        return int(self.call("members", room=topic)["count"])

    def mesh(self, topic: str) -> list[str]:
        return list(self.call("mesh", room=topic)["peers"])

    def publish(self, topic: str, data: bytes) -> None:
        self.call("publish", room=topic, data=base64.b64encode(data).decode())

    def received(self, topic: str) -> list[Heard]:
        return [Heard.from_line(line) for line in self.call("received", room=topic)["messages"]]

    def heard(self, topic: str, author: str) -> list[Heard]:
        """What came from one author, in the order of arrival.

        go-libp2p checks signatures on all cores at once, and hands on what is checked first; there it is the author's
        order, by seqno, which is what is left to go by.
        """
        found = [message for message in self.received(topic) if message.author == author]
        return sorted(found, key=lambda message: message.seqno) if self.name == GO.title else found

    def decode(self, kind: str, data: bytes) -> dict[str, Any]:
        """What this implementation's own decoder makes of it. BenchmarkError when it refuses it."""
        return self.call("decode", kind=kind, data=base64.b64encode(data).decode())


class Foreigners:
    """The foreign peers of one test or module."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.versions: dict[str, str] = {}  # of the implementations that were started
        self._running: dict[ForeignPeer, contextlib.ExitStack] = {}
        self._numbers = itertools.count()

    def start(
        self, kind: Foreign, *options: str, listen: Sequence[str] = tuple(TRANSPORTS.values())
    ) -> ForeignPeer:
        """Skips the test, or fails it, when there is no such peer. It listens on TCP and WebSocket, loopback."""
        require(kind)
        assert kind.command is not None
        command = [*kind.command, *(word for addr in listen for word in ("--listen", addr)), *options]
        log = self.folder / f"{kind.name}-{next(self._numbers)}.log"
        with contextlib.ExitStack() as stack:
            peer = ForeignPeer(stack.enter_context(open_line_process(command, log)))
            self.versions[kind.name] = peer.version
            self._running[peer] = stack.pop_all()
        return peer

    def stop(self, peer: ForeignPeer) -> None:
        self._running.pop(peer).close()

    def kill(self, peer: ForeignPeer) -> None:
        """kill -9: it says no farewell."""
        os.kill(peer.pid, signal.SIGKILL)
        self.stop(peer)

    def close(self) -> None:
        with contextlib.ExitStack() as all_of_them:
            for stack in self._running.values():
                all_of_them.enter_context(stack)
        self._running.clear()


@contextlib.contextmanager
def open_foreigners(folder: Path) -> Iterator[Foreigners]:
    foreigners = Foreigners(folder)
    try:
        yield foreigners
    finally:
        foreigners.close()


def require(kind: Foreign) -> None:
    if kind.command is None:
        missing = f"the {kind.title} peer is not built: `make interop` builds it"
        if os.environ.get(REQUIRED):
            pytest.fail(missing)
        pytest.skip(missing)


def addr_of(addrs: Sequence[str], transport: str) -> str:
    return next(addr for addr in addrs if ("/ws/" in addr) == (transport == "ws"))


def connect(daemon: Daemon, peer: ForeignPeer, transport: str, dialler: str) -> None:
    """Connects the two; `dialler` is "p2pd" or "peer". Returns when both know it."""
    if dialler == "p2pd":
        daemon.cli("connect", peer.addr_of(transport))
    else:
        answer = peer.call("connect", addr=addr_of(daemon.ready["addrs"], transport))
        assert answer["peer_id"] == daemon.peer_id
    eventually(lambda: peer.peer_id in daemon.peers(), what="p2pd knows the peer")
    eventually(lambda: daemon.peer_id in peer.peers(), what="the peer knows p2pd")


def meet(room: str, wire: Wire, daemon: Daemon, *peers: ForeignPeer) -> None:
    """All are in the room, know each neighbour there, and each peer has p2pd in its mesh.

    They have to be connected. That a mesh is there is what makes a message go out at once.
    """
    topic = wire.topic(room)
    wire.join(daemon, room)
    for peer in peers:
        peer.join(topic)
    for peer in peers:
        eventually(
            lambda peer=peer: daemon.peer_id in peer.mesh(topic), what=f"{peer.name} has p2pd in its mesh"
        )
    eventually(lambda: daemon.members(room) >= len(peers) + 1, what="p2pd knows who is in the room")


def texts(what: str, count: int = 10) -> list[str]:
    """Unique ones: rust-libp2p's universal-connectivity peer takes an equal text for the same message."""
    return [f"{what} {number} {time.time_ns()} ünïcode 🎈" for number in range(count)]


def said_by(daemon: Daemon, room: str, author: str) -> list[str]:
    """The texts of one author that a daemon shows in a room, in its order."""
    return [message["text"] for message in daemon.history(room) if message["from"] == author]
