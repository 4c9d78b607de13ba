"""What the peers that run on trio share (see peer.py): the lines, the closed loop, and what has been seen."""

from __future__ import annotations

import contextlib
import cProfile
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Protocol

import trio

STALL_S = 5.0
LOCALHOST = "127.0.0.1"

Command = Callable[..., Awaitable[dict[str, Any]]]


class FloodStalled(Exception):
    """For STALL_S no acknowledgement came."""


class Room(Protocol):
    """What is measured. `publish` returns when the message is taken, not when it has arrived."""

    async def publish(self, room: str, content: bytes) -> None: ...


class Traffic:
    """The commands `watch`, `seen`, `flood` and `pace`. `take` gets every message of others."""

    def __init__(self, room: Room, acks: trio.socket.SocketType) -> None:
        self._room = room
        self._acks = acks
        self._port = 0
        self._every = 1
        self._acknowledged = 0
        self._waiting = trio.lowlevel.ParkingLot()  # senders, for room
        self._first_sent = 0
        self._last_seen = 0
        self._latencies_ns: list[int] = []
        self.commands: dict[str, Command] = {
            "watch": self.watch,
            "seen": self.seen,
            "flood": self.flood,
            "pace": self.pace,
        }

    async def take(self, content: bytes) -> None:
        arrived = time.monotonic_ns()
        mark, _, sent, *_ = content.split(b" ", 3)
        if mark != b"bench":
            return
        self._first_sent = self._first_sent or int(sent)
        self._last_seen = arrived
        self._latencies_ns.append(arrived - int(sent))
        if self._port and len(self._latencies_ns) % self._every == 0:
            await self._acks.sendto(b"%d" % len(self._latencies_ns), (LOCALHOST, self._port))

    async def watch(self, port: int, every: int) -> dict[str, Any]:
        self._port, self._every = port, every
        self._first_sent = self._last_seen = 0
        self._latencies_ns = []
        return {}

    async def seen(self) -> dict[str, Any]:
        return {
            "count": len(self._latencies_ns),
            "seconds": (self._last_seen - self._first_sent) / 1e9,
            "latencies_ms": [ns / 1e6 for ns in self._latencies_ns],
        }

    async def read_acks(self) -> None:
        """Runs until cancelled, between floods too: an old acknowledgement must not count as a later flood's."""
        while True:
            datagram, _ = await self._acks.recvfrom(64)
            before, self._acknowledged = self._acknowledged, max(self._acknowledged, int(datagram))
            self._waiting.unpark(count=self._acknowledged - before)  # no more of them than there is room for

    async def flood(self, room: str, seconds: float, size: int, window: int, senders: int) -> dict[str, Any]:
        sent = self._acknowledged = 0
        deadline = time.monotonic() + seconds

        async def send() -> None:
            nonlocal sent
            while time.monotonic() < deadline:
                if sent - self._acknowledged >= window:
                    await self._waiting.park()
                    continue
                sent += 1
                await self._room.publish(room, payload(sent, size))

        async def watch_for_stall() -> None:
            while True:
                before = self._acknowledged
                await trio.sleep(STALL_S)
                if self._acknowledged == before:
                    raise FloodStalled(f"{sent - before} of {sent} messages are lost")

        async with trio.open_nursery() as watching:
            watching.start_soon(watch_for_stall)
            async with trio.open_nursery() as sending:
                for _ in range(senders):
                    sending.start_soon(send)
            watching.cancel_scope.cancel()
        return {"sent": sent}

    async def pace(self, room: str, seconds: float, size: int, rate: float) -> dict[str, Any]:
        start = trio.current_time()
        count = round(seconds * rate)
        async with trio.open_nursery() as sending:
            for number in range(count):
                await trio.sleep_until(start + number / rate)
                sending.start_soon(self._room.publish, room, payload(number, size))
        return {"sent": count}


def payload(number: int, size: int) -> bytes:
    return (b"bench %d %d " % (number, time.monotonic_ns())).ljust(size, b"x")


async def open_acks() -> tuple[trio.socket.SocketType, int]:
    acks = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    await acks.bind((LOCALHOST, 0))
    return acks, acks.getsockname()[1]


async def serve_peer(ready: dict[str, Any], commands: Mapping[str, Command], traffic: Traffic) -> None:
    """Prints the ready line, then answers one command at a time until standard input ends."""
    commands = {**commands, **traffic.commands}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(traffic.read_acks)
        write_line({"event": "ready", "pid": os.getpid(), **ready})
        async for line in read_lines():
            number, command = line.pop("n"), line.pop("command")
            try:
                answer = {"ok": True, **await commands[command](**line)}
            except Exception as error:  # whatever it is, the other side is told
                answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
            write_line({"n": number, **answer})
        nursery.cancel_scope.cancel()


async def read_lines() -> AsyncIterator[dict[str, Any]]:
    received = b""
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stream:
        async for chunk in stream:
            *lines, received = (received + chunk).split(b"\n")
            for line in lines:
                yield json.loads(line)


def write_line(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def profiled(path: str) -> Iterator[None]:
    """Writes cProfile's statistics there at the end; nothing when `path` is empty."""
    if not path:
        yield
        return
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the end of standard input ends us, in order
    profile = cProfile.Profile()
    with profile:
        yield
    profile.dump_stats(path)
