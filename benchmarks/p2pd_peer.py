"""A whole p2pd as a peer (see peer.py): starts a daemon, and uses it as any program does, through the SDK.

`python -m benchmarks.p2pd_peer FOLDER [--sample FILE]`; with a FILE the daemon can be sampled (sampled.py). Messages
are sent by the API, so they are stored before the next one is sent, and count as seen when the event stream shows
them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import anyio.to_thread
import p2pd_client
from p2pd_client.errors import ApiError

from .peer import P2PD_COMMAND, START_OPTIONS

NO_LIMITS = ("AUTHOR_RATE", "AUTHOR_BURST", "AUTHOR_DAY")  # speed is measured, not the limit to it
STALL_S = 5.0
STOP_S = 5.0


class FloodStalled(Exception):
    """No acknowledgement for STALL_S."""


class Seen:
    """Others' messages since it was made, as the event stream showed them."""

    def __init__(self, acks: anyio.abc.UDPSocket, port: int, every: int) -> None:
        self._acks = acks
        self._port = port
        self._every = every
        self._first_sent = 0
        self._last_seen = 0
        self._latencies_ms: list[float] = []

    async def take(self, text: str) -> None:
        arrived = time.monotonic_ns()
        mark, _, sent, *_ = text.split(" ", 3)
        if mark != "bench":
            return
        self._first_sent = self._first_sent or int(sent)
        self._last_seen = arrived
        self._latencies_ms.append((arrived - int(sent)) / 1e6)
        if self._port and len(self._latencies_ms) % self._every == 0:
            await self._acks.sendto(b"%d" % len(self._latencies_ms), "127.0.0.1", self._port)

    def report(self) -> dict[str, Any]:
        return {
            "count": len(self._latencies_ms),
            "seconds": (self._last_seen - self._first_sent) / 1e9,
            "latencies_ms": self._latencies_ms,
        }


class Window:
    """How many messages were sent and how many of them were seen, by the other's acknowledgements."""

    def __init__(self, size: int) -> None:
        self.sent = 0
        self._size = size
        self._seen = 0
        self._waiting: deque[anyio.Event] = deque()

    async def take_place(self) -> int:
        """The number of the next message, once there is room for it."""
        while self.sent - self._seen >= self._size:
            room = anyio.Event()
            self._waiting.append(room)
            try:
                with anyio.fail_after(STALL_S):
                    await room.wait()
            except TimeoutError:
                raise FloodStalled(f"{self.sent - self._seen} of {self.sent} messages are lost") from None
        self.sent += 1
        return self.sent

    def acknowledge(self, count: int) -> None:
        before, self._seen = self._seen, max(self._seen, count)
        to_wake = min(self._seen - before, len(self._waiting))  # no more of them than there is room for
        for _ in range(to_wake):
            self._waiting.popleft().set()


class P2pdPeer:
    """The commands, each by its name."""

    def __init__(
        self,
        client: p2pd_client.Client,
        peer_id: str,
        acks: anyio.abc.UDPSocket,
        tasks: anyio.abc.TaskGroup,
    ) -> None:
        self._client = client
        self._peer_id = peer_id
        self._acks = acks
        self._tasks = tasks
        self._seen: Seen | None = None
        self._under_way: Window | None = None
        tasks.start_soon(self._read_acks)
        self.commands: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
            "join": self.join,
            "connect": self.connect,
            "disconnect": self.disconnect,
            "members": self.members,
            "watch": self.watch,
            "seen": self.seen,
            "flood": self.flood,
            "pace": self.pace,
        }

    async def join(self, room: str) -> dict[str, Any]:
        await self._client.join(room)
        return {}

    async def connect(self, addr: str) -> dict[str, Any]:
        return {"ms": (await self._client.connect(addr)).ms}

    async def disconnect(self, peer_id: str) -> dict[str, Any]:
        await self._client.disconnect(peer_id)
        return {}

    async def members(self, room: str) -> dict[str, Any]:
        return {
            "count": next((found.members for found in await self._client.rooms() if found.room == room), 0)
        }

    async def watch(self, port: int, every: int) -> dict[str, Any]:
        if self._seen is None:
            self._tasks.start_soon(self._read_messages)
        self._seen = Seen(self._acks, port, every)
        return {}

    async def _read_messages(self) -> None:
        """Runs until cancelled. What is said before the stream is open is not seen."""
        async for message in self._client.messages():
            if self._seen is not None and message.from_ != self._peer_id:
                await self._seen.take(message.text)

    async def _read_acks(self) -> None:
        """Runs until cancelled, between floods too: an old acknowledgement must not open a later flood's window."""
        async for datagram, _ in self._acks:
            if self._under_way is not None:
                self._under_way.acknowledge(int(datagram))

    async def seen(self) -> dict[str, Any]:
        return self._seen.report() if self._seen else {}

    async def flood(
        self, *, room: str, seconds: float, size: int, window: int, senders: int, many: bool = False
    ) -> dict[str, Any]:
        """With `many` one sender sends all in one request, and waits for none of them."""
        under_way = self._under_way = Window(window)
        deadline = time.monotonic() + seconds

        async def texts() -> AsyncIterator[str]:
            while time.monotonic() < deadline:
                yield payload(await under_way.take_place(), size)

        async def send() -> None:
            async for text in texts():
                await self._client.send(room, text)

        async def send_many() -> None:
            async with self._client.send_many(room, texts()) as receipts:
                while await receipts.batch():
                    pass

        try:
            async with anyio.create_task_group() as sending:
                for _ in range(1 if many else senders):
                    sending.start_soon(send_many if many else send)
        finally:
            self._under_way = None
        return {"sent": under_way.sent}

    async def pace(self, room: str, seconds: float, size: int, rate: float) -> dict[str, Any]:
        start = time.monotonic()
        count = round(seconds * rate)
        async with anyio.create_task_group() as sending:
            for number in range(count):
                await anyio.sleep(max(0.0, start + number / rate - time.monotonic()))
                sending.start_soon(self._client.send, room, payload(number, size))
        return {"sent": count}


def payload(number: int, size: int) -> str:
    return f"bench {number} {time.monotonic_ns()} ".ljust(size, "x")


@contextmanager
def open_daemon(home: Path, samples: str = "") -> Iterator[dict[str, Any]]:
    """Starts a daemon and yields its ready line; ends it by SIGTERM, and by SIGKILL after STOP_S."""
    limits = {f"P2PD_LIMITS_{name}": "0" for name in NO_LIMITS}
    environment = os.environ | limits | {"P2PD_HOME": str(home)}
    sampled = [sys.executable, "-m", "benchmarks.sampled", samples, *START_OPTIONS[1:]]
    command = sampled if samples else [P2PD_COMMAND, *START_OPTIONS]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment
    ) as daemon:
        try:
            assert daemon.stdout is not None
            line = daemon.stdout.readline()
            if not line:
                raise SystemExit("p2pd did not start")
            yield {**json.loads(line), "pid": daemon.pid}
        finally:
            daemon.terminate()
            try:
                daemon.wait(STOP_S)
            except subprocess.TimeoutExpired:
                daemon.kill()


async def read_lines() -> AsyncIterator[dict[str, Any]]:
    """Standard input's lines until its end. The thread that waits for one does not hold up our own end."""
    while line := await anyio.to_thread.run_sync(sys.stdin.buffer.readline, abandon_on_cancel=True):
        yield json.loads(line)


@asynccontextmanager
async def open_p2pd_peer(daemon: dict[str, Any]) -> AsyncIterator[P2pdPeer]:
    acks = await anyio.create_udp_socket(local_host="127.0.0.1", local_port=0)
    async with (
        acks,
        p2pd_client.connect(socket=daemon["socket"]) as client,
        anyio.create_task_group() as tasks,
    ):
        peer = P2pdPeer(client, daemon["peer_id"], acks, tasks)
        port = acks.extra(anyio.abc.SocketAttribute.local_port)
        write_line(
            {
                "event": "ready",
                "implementation": "p2pd",
                "pid": daemon["pid"],
                "addr": daemon["addrs"][0],
                "acks": port,
            }
        )
        yield peer
        tasks.cancel_scope.cancel()


def write_line(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def serve(daemon: dict[str, Any]) -> None:
    """Answers commands, one at a time, until standard input ends."""
    async with open_p2pd_peer(daemon) as peer:
        async for line in read_lines():
            number, command = line.pop("n"), line.pop("command")
            try:
                answer = {"ok": True, **await peer.commands[command](**line)}
            except* (ApiError, FloodStalled) as failed:
                answer = {"ok": False, "error": "; ".join(str(error) for error in leaves(failed))}
            write_line({"n": number, **answer})


def leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from leaves(error)
        else:
            yield error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sample", default="", metavar="FILE")
    asked = parser.parse_args()
    with open_daemon(asked.folder / "home", asked.sample) as daemon:
        # The end of standard input ends us, in order: we go when the daemon is gone.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        anyio.run(serve, daemon)


if __name__ == "__main__":
    main()
