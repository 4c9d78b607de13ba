"""Daemons as processes, driven as a person or a script would: the `p2pd` command, and the API on its unix socket.

Everything listens on loopback with port 0 and `--no-mdns`; homes are the test's own folders; only processes started
here are ended. `eventually` is for what other processes do in their own time: it looks again until a deadline.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from p2pd_client import quick

T = TypeVar("T")

BIN = Path(sys.executable).parent
P2PD = str(BIN / "p2pd")
LOOPBACK = "/ip4/127.0.0.1/tcp/0"
LOOK_AGAIN_S = 0.05
SLACK = 4.0  # most deadlines are for a machine with nothing else to do; they are there for what hangs, not to measure


def eventually(look: Callable[[], T], timeout: float = 15.0, what: str = "") -> T:
    """The first true answer of `look`. AssertionError with the last answer after SLACK times `timeout` seconds."""
    return within(SLACK * timeout, look, what)


def within(seconds: float, look: Callable[[], T], what: str = "") -> T:
    """As `eventually`, for what we promise: no slack."""
    deadline = time.monotonic() + seconds
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what or look}: {answer!r}")
        time.sleep(LOOK_AGAIN_S)


class Process:
    """One `p2pd start` or `p2pd bootstrap` process with a home of its own."""

    def __init__(
        self,
        home: Path,
        *options: str,
        command: str = "start",
        prefix: tuple[str, ...] = (),
        **environment: str,
    ) -> None:
        self.home = home
        self.command = command
        self.options = options
        self.prefix = prefix
        self.environment = clean_environment() | {"P2PD_HOME": str(home)} | environment
        self.process: subprocess.Popen[str] | None = None
        self.ready: dict[str, Any] = {}

    def start(self) -> Process:
        self.launch()
        self.wait_ready()
        return self

    def launch(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.log = (self.home / "stderr.log").open("a")
        self.process = subprocess.Popen(
            [*self.prefix, P2PD, self.command, "--json", *self.options],
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=self.environment,
        )

    def wait_ready(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.end(signal.SIGKILL)
            raise AssertionError(f"{self.command} did not start: {self.stderr()[-3000:]}")
        self.ready = json.loads(line)
        assert self.ready["event"] == "ready"

    @property
    def peer_id(self) -> str:
        return str(self.ready["peer_id"])

    @property
    def addr(self) -> str:
        """The full TCP multiaddr."""
        return next(addr for addr in self.ready["addrs"] if "/ws" not in addr)

    def keep_port(self) -> None:
        """From the next start on it listens where it does now, as a node with a configured port."""
        here = self.addr.rpartition("/p2p/")[0]
        self.options = tuple(here if option == LOOPBACK else option for option in self.options)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """kill -9."""
        self.end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self.end(signal.SIGTERM)

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.log.close()
        return code

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def stderr(self) -> str:
        return (self.home / "stderr.log").read_text()


class Daemon(Process):
    """A node."""

    def cli(self, *args: str, stdin: str | None = None, code: int | None = 0, timeout: float = 120) -> str:
        """Runs `p2pd …` on this node's home and returns its standard output."""
        done = run_cli(*args, home=self.home, stdin=stdin, timeout=timeout, prefix=self.prefix)
        assert code is None or done.returncode == code, f"{args}: exit {done.returncode}: {done.stderr}"
        return done.stdout

    def json(self, *args: str, stdin: str | None = None) -> list[dict[str, Any]]:
        """The lines of `p2pd … --json`."""
        return [json.loads(line) for line in self.cli(*args, "--json", stdin=stdin).splitlines()]

    def connect(self, other: Process) -> None:
        self.api("POST", "/v1/connect", {"addr": other.addr})

    def api(self, method: str, path: str, body: object = None) -> Any:
        status, answer = quick.request(self.ready["socket"], method, path, body)
        assert status == 200, f"{method} {path}: {status} {answer}"
        return answer

    def join(self, room: str) -> None:
        self.api("POST", "/v1/join", {"room": room})

    def send(self, room: str, text: str) -> dict[str, Any]:
        return dict(self.api("POST", "/v1/send", {"room": room, "text": text}))

    def texts(self, target: str, limit: int = 1000) -> list[str]:
        return [message["text"] for message in self.history(target, limit)]

    def history(self, target: str, limit: int = 1000) -> list[dict[str, Any]]:
        from urllib.parse import quote

        return list(self.api("GET", f"/v1/history?target={quote(target, safe='')}&limit={limit}"))

    def whole_history(self, room: str) -> list[dict[str, Any]]:
        """Page by page."""
        found: list[dict[str, Any]] = []
        before = ""
        while page := self.api("GET", f"/v1/history?room={room}&limit=1000{before}"):
            found = page + found
            before = f"&before={page[0]['id']}"
        return found

    def peers(self) -> set[str]:
        return {peer["peer_id"] for peer in self.api("GET", "/v1/peers")}

    def members(self, room: str) -> int:
        return next((found["members"] for found in self.api("GET", "/v1/rooms") if found["room"] == room), 0)


def run_cli(
    *args: str,
    home: Path,
    stdin: str | None = None,
    timeout: float = 120,
    prefix: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*prefix, P2PD, *args],
        env=clean_environment() | {"P2PD_HOME": str(home)} | dict(environment or {}),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def clean_environment() -> dict[str, str]:
    """Ours without what would change a node's settings, or make it compile itself at every start."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("P2PD_", "PYTHON"))}


class Net:
    """The nodes of one test, ended with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: list[Process] = []

    def daemon(self, name: str, *options: str, start: bool = True, **more: Any) -> Daemon:
        daemon = Daemon(self._folder / name, *base_options(options), *options, **more)
        self._all.append(daemon)
        if start:
            daemon.start()
        return daemon

    def daemons(self, *names: str, options: tuple[str, ...] = ()) -> list[Daemon]:
        """Several nodes, starting at the same time."""
        nodes = [self.daemon(name, *options, start=False) for name in names]
        for node in nodes:
            node.launch()
        for node in nodes:
            node.wait_ready()
        return nodes

    def bootstrap(self, name: str = "bootstrap", *options: str, start: bool = True, **more: Any) -> Process:
        listen = () if "--listen" in options else ("--listen", LOOPBACK)
        http = () if "--http" in options else ("--http", "off")
        node = Process(
            self._folder / name,
            *listen,
            *http,
            "--home",
            str(self._folder / name),
            *options,
            command="bootstrap",
            **more,
        )
        self._all.append(node)
        if start:
            node.start()
        return node

    def close(self) -> None:
        for node in self._all:
            if node.running:
                with contextlib.suppress(ProcessLookupError):
                    node.thaw()
            if node.process is not None:  # one that has ended has files open here
                node.kill()


def base_options(options: tuple[str, ...]) -> tuple[str, ...]:
    listen = () if "--listen" in options else ("--listen", LOOPBACK)
    http = () if "--http" in options else ("--http", "off")
    mdns = () if "--mdns" in options else ("--no-mdns",)
    return (*listen, *http, *mdns)


@contextlib.contextmanager
def open_net(folder: Path) -> Iterator[Net]:
    net = Net(folder)
    try:
        yield net
    finally:
        net.close()
