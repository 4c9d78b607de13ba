"""The event stream of a real daemon, 10,000 events behind: none is missed and none comes twice, whatever breaks."""

from __future__ import annotations

import random
import re
import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio
from e2e.harness import Daemon, Net
from p2pd_client import connect
from p2pd_client.shapes import Message
from p2pd_daemon.store import open_store
from p2pd_daemon.store.flusher import UNFLUSHED_EVENTS
from store_records import BOB, START_MS, TOPIC, make

pytestmark = pytest.mark.slow

BEHIND = 10_000
AFTER_KILL = BEHIND + UNFLUSHED_EVENTS  # numbers that a power failure may have lost are not given again
SEED = 20_263
NUMBER = re.compile(rb'^data: {"n":(\d+),', re.MULTILINE)
UNLIMITED = {"P2PD_LIMITS_AUTHOR_RATE": "0", "P2PD_LIMITS_AUTHOR_BURST": "0"}


async def fill(path: Path) -> None:
    async with open_store(path) as store:
        room = await store.add_room("lobby", TOPIC, START_MS)
        records = [
            make(room.room_n, f"message {n}", author=BOB, ts_ms=START_MS + n, seqno=n) for n in range(BEHIND)
        ]
        await store.ingest(records)
        assert await store.newest_event() == BEHIND


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a node that has heard BEHIND messages in `lobby`."""
    path = tmp_path_factory.mktemp("filled") / "store.sqlite3"
    trio.run(fill, path)
    return path


@pytest.fixture
def node(net: Net, filled: Path) -> Daemon:
    """A node that has just started with it."""
    found = net.daemon("node", start=False, **UNLIMITED)
    found.home.mkdir()
    shutil.copy(filled, found.home)
    found.start()
    return found


class RawStream:
    """A client that speaks SSE over the unix socket with nothing but a socket, and reconnects with Last-Event-ID."""

    def __init__(self, node: Daemon, *, receive_buffer: int | None = None) -> None:
        self.numbers: list[int] = []
        self._node = node
        self._last_id = b"0"
        self._receive_buffer = receive_buffer
        self._link: socket.socket | None = None
        self._rest = b""

    def __enter__(self) -> RawStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def connect(self) -> None:
        self.cut()
        link = socket.socket(socket.AF_UNIX)
        if self._receive_buffer is not None:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        link.settimeout(60)
        link.connect(self._node.ready["socket"])
        # HTTP/1.0: the stream comes as it is, without chunks.
        link.sendall(b"GET /v1/events HTTP/1.0\r\nLast-Event-ID: %s\r\n\r\n" % self._last_id)
        self._link = link
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._receive(4096)
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head

    def cut(self) -> None:
        """Drops the connection, and what is not a whole frame yet."""
        if self._link is not None:
            self._link.close()
        self._link, self._rest = None, b""

    def read_bytes(self, count: int) -> None:
        """Reads that many bytes of the stream: it may end in the middle of a frame."""
        while count > 0:
            received = self._receive(min(count, 65536))
            count -= len(received)
            self._take(received)

    def read_until(self, newest: int) -> None:
        while not self.numbers or self.numbers[-1] < newest:
            self._take(self._receive(65536))

    def _receive(self, size: int) -> bytes:
        assert self._link is not None
        received = self._link.recv(size)
        if not received:
            raise ConnectionResetError("the stream ended")
        return received

    def _take(self, received: bytes) -> None:
        *frames, self._rest = (self._rest + received).split(b"\n\n")
        for frame in frames:
            for line in frame.split(b"\n"):
                if line.startswith(b"id: "):
                    self._last_id = line.removeprefix(b"id: ")
            self.numbers += [int(number) for number in NUMBER.findall(frame)]


def test_a_client_that_is_cut_off_again_and_again(node: Daemon) -> None:
    rng = random.Random(SEED)
    with RawStream(node) as stream:
        for step in range(30):
            stream.connect()
            stream.read_bytes(rng.randrange(1, 100_000))
            if step == 10:
                node.kill()
                node.start()
            if step == 20:
                node.send("lobby", "one more")
                assert node.stop() == 0
                node.start()
        assert len(stream.numbers) < BEHIND  # so that all of the cuts were on the way
        node.send("lobby", "the last")
        stream.connect()
        stream.read_until(AFTER_KILL + 2)
        assert stream.numbers == [*range(1, BEHIND + 1), AFTER_KILL + 1, AFTER_KILL + 2]


async def test_the_sdk_reads_on_through_restarts(node: Daemon) -> None:
    numbers: list[int] = []
    texts: list[str] = []
    with trio.fail_after(180):
        async with connect(node.home) as client, trio.open_nursery() as nursery:

            async def read_events() -> None:
                async for event in client.events(after=0):
                    numbers.append(event.n)
                    if event.n == BEHIND // 4:
                        node.kill()
                        await trio.to_thread.run_sync(node.start)
                    elif event.n == BEHIND // 2:
                        assert await trio.to_thread.run_sync(node.stop) == 0
                        await trio.to_thread.run_sync(node.start)
                    elif event.n == BEHIND:
                        assert (await client.send("lobby", "the last")).state == "stored"
                    elif event.n > BEHIND:
                        return

            async def read_messages() -> None:
                message: Message
                async for message in client.messages("lobby", after=0):
                    texts.append(message.text)
                    if message.text == "the last":
                        return

            nursery.start_soon(read_events)
            nursery.start_soon(read_messages)
    assert numbers == [*range(1, BEHIND + 1), AFTER_KILL + 1]
    assert texts == [*(f"message {n}" for n in range(BEHIND)), "the last"]


def resident_bytes(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def test_clients_that_stop_reading_slow_nobody(node: Daemon) -> None:
    last = BEHIND + 100
    with ExitStack() as stack:
        stuck = [stack.enter_context(RawStream(node, receive_buffer=4096)) for _ in range(20)]
        live = stack.enter_context(RawStream(node))
        reader = stack.enter_context(ThreadPoolExecutor(1))
        for stream in (*stuck, live):
            stream.connect()
        memory = resident_bytes(node.pid)
        reading = reader.submit(live.read_until, last)
        longest = 0.0
        for number in range(last - BEHIND):
            began = time.monotonic()
            node.send("lobby", f"meanwhile {number}")
            longest = max(longest, time.monotonic() - began)
        reading.result(60)
        assert longest < 9  # the node gives up a stuck client after 10 s: nobody waited for one
        assert resident_bytes(node.pid) - memory < 30e6
        assert live.numbers == list(range(1, last + 1))
        # One of them wakes up. If it was dropped by now, its Last-Event-ID brings the rest.
        late = stuck[0]
        try:
            late.read_until(last)
        except ConnectionResetError:
            late.connect()
            late.read_until(last)
        assert late.numbers == live.numbers
