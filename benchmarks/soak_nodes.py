"""The nodes of a soak, and what happens to them: restarts, kills, strangers, clients that go without a word."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2pd_client import quick
from p2pd_client.errors import ApiError

from .model import BenchmarkError
from .peer import P2PD_COMMAND, START_OPTIONS
from .processes import READY_S, LineProcess, clean_environment, cpu_seconds, memory_mib

ROOM = "soak"
SIDE_ROOM = "aside"
LISTEN = "--listen"


@dataclass(frozen=True, slots=True)
class Sample:
    """What one node held at a moment of the soak. `seconds` since the start; `cpu_s` used by then."""

    seconds: float
    node: str
    rss: float
    pss: float
    files: int
    tasks: int
    cpu_s: float


class SoakNode:
    """A `p2pd start` with a home of its own. Ended and started again, it listens where it did."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._home = folder / name
        self._options = list(START_OPTIONS)
        self._process: LineProcess | None = None
        self._socket = ""
        self.addr = ""
        self.peer_id = ""

    @property
    def up(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        environment = clean_environment() | {"P2PD_HOME": str(self._home)}
        command = [str(P2PD_COMMAND), *self._options]
        process = LineProcess(command, self._home.with_suffix(".log"), environment)
        ready = process.read(READY_S)
        self._socket = ready["socket"]
        self.peer_id = ready["peer_id"]
        self.addr = next(addr for addr in ready["addrs"] if "/ws" not in addr)
        self._options[self._options.index(LISTEN) + 1] = self.addr.rpartition("/p2p/")[0]
        self._process = process

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, how)
            process.close()

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Raises BenchmarkError when it refuses, ApiError when it is not there."""
        status, answer = quick.request(self._socket, method, path, body)
        if not 200 <= status < 300:
            raise BenchmarkError(f"{self.name}: {method} {path}: {answer}")
        return answer

    def send(self, text: str) -> str | None:
        """The message's id, None when the node went away before it said that it has it."""
        try:
            sent = self.ask("POST", "/v1/send", {"room": ROOM, "text": text})
        except (ApiError, OSError):
            return None
        return str(sent["id"])

    def ids(self) -> set[str]:
        """Of all messages in the room."""
        found: set[str] = set()
        before = ""
        while page := self.ask("GET", f"/v1/history?room={ROOM}&limit=1000{before}"):
            found.update(message["id"] for message in page)
            before = f"&before={page[0]['id']}"
        return found

    def sample(self, seconds: float) -> Sample:
        assert self._process is not None
        pid = self._process.pid
        rss, pss = memory_mib(pid)
        tasks = self.ask("GET", "/v1/status")["tasks"]
        files = len(os.listdir(f"/proc/{pid}/fd"))
        return Sample(seconds, self.name, rss, pss, files, tasks, cpu_seconds(pid))

    def leave_a_client_hanging(self) -> socket.socket:
        """A client that asks for the event stream and never reads it."""
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.connect(self._socket)
        client.sendall(b"GET /v1/events HTTP/1.1\r\nHost: p2pd\r\n\r\n")
        return client

    def dial_with_garbage(self, garbage: bytes) -> None:
        """A stranger who speaks no libp2p."""
        parts = self.addr.split("/")
        with (
            contextlib.suppress(OSError),
            socket.create_connection((parts[2], int(parts[4])), timeout=5) as link,
        ):
            link.sendall(garbage)


class Churn:
    """One thing happens every `every` seconds, chosen by the seed, until `stop`; then those that are down come back.

    `steady` nodes are never ended; everything else may happen to them as well.
    """

    def __init__(self, steady: list[SoakNode], moving: list[SoakNode], seed: int, every: float) -> None:
        self._steady = steady
        self._moving = moving
        self._random = random.Random(seed)
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="churn")
        self._clients: list[socket.socket] = []
        self._failed: Exception | None = None
        self.happened: dict[str, int] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Raises what went wrong, if anything did."""
        self._over.set()
        self._thread.join()
        for client in self._clients:
            client.close()
        for node in self._moving:
            if not node.up:
                node.start()
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        things: list[Callable[[], None]] = [
            self._kill_one,
            self._stop_one,
            self._stranger,
            self._rude_client,
            self._side_room,
            self._disconnect,
        ]
        while not self._over.wait(self._every):
            thing = self._random.choice(things)
            try:
                thing()
            except Exception as error:
                self._failed = error
                return
            name = thing.__name__.strip("_")
            self.happened[name] = self.happened.get(name, 0) + 1

    def _kill_one(self) -> None:
        self._restart(signal.SIGKILL)

    def _stop_one(self) -> None:
        self._restart(signal.SIGTERM)

    def _restart(self, how: signal.Signals) -> None:
        node = self._random.choice(self._moving)
        node.end(how)
        self._over.wait(self._random.uniform(0, self._every / 2))
        node.start()

    def _stranger(self) -> None:
        self._random.choice(self._steady).dial_with_garbage(self._random.randbytes(4096))

    def _rude_client(self) -> None:
        """At most five at a time; the oldest is gone then, without a word."""
        self._clients.append(self._random.choice(self._steady).leave_a_client_hanging())
        if len(self._clients) > 5:
            self._clients.pop(0).close()

    def _side_room(self) -> None:
        node = self._random.choice(self._steady)
        for path in ("/v1/join", "/v1/leave"):
            node.ask("POST", path, {"room": SIDE_ROOM})

    def _disconnect(self) -> None:
        node, other = self._random.sample(self._steady, 2)
        node.ask("POST", "/v1/disconnect", {"peer": other.peer_id})
        node.ask("POST", "/v1/connect", {"addr": other.addr})


def save_samples(path: Path, samples: list[Sample]) -> None:
    """One JSON object a line."""
    path.write_text(
        "".join(json.dumps({name: getattr(one, name) for name in one.__slots__}) + "\n" for one in samples)
    )
