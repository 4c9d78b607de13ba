"""Where a node listens, and how it ends: ports that are taken, signals at any moment, nothing left behind."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.harness import LOOPBACK, P2PD, Daemon, Net, clean_environment, eventually, run_cli
from p2pd_client import quick
from p2pd_client.errors import ApiError
from p2pd_daemon.config import DEFAULT_HTTP, DEFAULT_TCP_PORT, DEFAULT_WS_PORT

pytestmark = pytest.mark.slow

HTTP_PORT = int(DEFAULT_HTTP.rpartition(":")[2])
DEFAULT_PORTS = {DEFAULT_TCP_PORT, DEFAULT_WS_PORT, HTTP_PORT}
STOP_S = 9.0  # a client that does not read could hold it up for 10
NOISE = re.compile("Traceback|Exception|ERROR|WARNING|unhandled|never awaited|error:", re.IGNORECASE)


@contextlib.contextmanager
def taken(port: int) -> Iterator[int]:
    """The port, taken on 127.0.0.1: by us, or by somebody else on this machine, which does as well."""
    with socket.socket() as listener:
        with contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            listener.listen()
        yield listener.getsockname()[1] or port


def ports_in(addrs: list[str]) -> set[int]:
    return {int(port) for addr in addrs for port in re.findall(r"/tcp/(\d+)", addr)}


def test_default_ports_that_are_taken_give_way_to_free_ones(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        for port in DEFAULT_PORTS:
            stack.enter_context(taken(port))
        done = run_cli("start", "--detach", "--no-mdns", "--no-bootstrap", home=tmp_path)
        try:
            assert done.returncode == 0, done.stderr
            addrs = re.findall(r"^  address  (\S+)$", done.stdout, re.MULTILINE)
            page = re.search(r"^  page     (http://127\.0\.0\.1:(\d+)/\S*)$", done.stdout, re.MULTILINE)
            assert page is not None, done.stdout
            assert len(ports_in(addrs)) >= 2
            assert not DEFAULT_PORTS & (ports_in(addrs) | {int(page[2])})
            notes = re.findall("^note: .*$", done.stdout, re.MULTILINE)
            assert len(notes) == 2, done.stdout
            assert "--listen" in notes[0]
            assert str(HTTP_PORT) in notes[1]
            assert page[2] in notes[1]
            # As a person can see later, too, and a settings file can be made of.
            assert f":{page[2]}" in json.loads(run_cli("status", "--json", home=tmp_path).stdout)["http"]
        finally:
            assert run_cli("stop", home=tmp_path).returncode == 0
        again = Daemon(tmp_path, "--no-mdns", "--no-bootstrap").start()  # with --json
        assert not DEFAULT_PORTS & ports_in(again.ready["addrs"])
        assert again.stop() == 0
        assert again.stderr().count("note: ") == 2


def test_a_port_that_settings_ask_for_and_is_taken(tmp_path: Path) -> None:
    with taken(0) as port:
        (tmp_path / "file").mkdir()
        (tmp_path / "file" / "config.toml").write_text(f'http = "127.0.0.1:{port}"\n')
        for way, environment, others in (
            ("file", {}, ("--listen", LOOPBACK)),
            ("environment", {"P2PD_LISTEN": f"/ip4/127.0.0.1/tcp/{port}"}, ("--http", "off")),
        ):
            home = tmp_path / way
            done = run_cli("start", "--no-mdns", "--json", *others, home=home, environment=environment)
            assert done.returncode == 5, (way, done)
            assert done.stdout == ""
            error, hint = done.stderr.splitlines()[-2:]
            assert error.startswith("error: ")
            assert str(port) in error
            assert hint.startswith("hint: ")
            assert "Traceback" not in done.stderr
            assert not (home / "run.json").exists()


def test_port_0_and_the_ready_line(net: Net) -> None:
    node = net.daemon("ann", "--listen", LOOPBACK, "--listen", f"{LOOPBACK}/ws", "--http", "127.0.0.1:0")
    ready = node.ready
    assert ready.keys() >= {"event", "peer_id", "addrs", "http", "socket"}
    assert (node.home / "stderr.log").read_text() == ""
    assert len(ready["addrs"]) == 2
    assert 0 not in ports_in(ready["addrs"])
    for addr in ready["addrs"]:
        assert re.fullmatch(rf"/ip4/127\.0\.0\.1/tcp/\d+(/ws)?/p2p/{node.peer_id}", addr)
    for port in (*ports_in(ready["addrs"]), int(ready["http"].rpartition(":")[2])):
        socket.create_connection(("127.0.0.1", port), 30).close()
    with urllib.request.urlopen(f"{ready['http']}/health", timeout=30) as answer:
        assert answer.status == 200
    assert Path(ready["socket"]).is_socket()
    run = json.loads((node.home / "run.json").read_text())
    assert run == {
        "pid": node.pid,
        "socket": ready["socket"],
        "http": ready["http"],
        "peer_id": node.peer_id,
        "started_ms": run["started_ms"],
    }
    assert abs(run["started_ms"] / 1000 - time.time()) < 60
    with_off = net.daemon("bob")
    assert with_off.ready["http"] is None
    for addr in ready["addrs"]:  # TCP and WebSocket alike
        assert with_off.json("connect", addr)[0]["peer_id"] == node.peer_id
        with_off.cli("disconnect", node.peer_id)


class Busy:
    """Clients of a node that never stop: two that send, event streams on the unix socket and on TCP, a `tail`."""

    def __init__(self, node: Daemon, room: str) -> None:
        self.accepted: list[str] = []
        self._node = node
        self._room = room
        self._senders = [threading.Thread(target=self._send, args=(name,)) for name in ("one", "two")]
        self._streams = [self._unix_stream(), self._tcp_stream()]
        self.tail = subprocess.Popen(
            [P2PD, "tail", room],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=clean_environment() | {"P2PD_HOME": str(node.home)},
        )
        for thread in self._senders:
            thread.start()

    def _send(self, name: str) -> None:
        for number in itertools.count():
            text = f"{self._node.pid} {name} {number}"
            body = {"room": self._room, "text": text}
            try:
                status, _ = quick.request(self._node.ready["socket"], "POST", "/v1/send", body)
            except ApiError:
                return
            if status != 200:
                return
            self.accepted.append(text)

    def _unix_stream(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX)
        link.connect(self._node.ready["socket"])
        return self._ask(link, "p2pd")

    def _tcp_stream(self) -> socket.socket:
        host = self._node.ready["http"].removeprefix("http://")
        link = socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])))
        return self._ask(link, host)

    def _ask(self, link: socket.socket, host: str) -> socket.socket:
        token = (self._node.home / "token").read_text()
        request = f"GET /v1/events?after=0 HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
        link.settimeout(60)
        link.sendall(request.encode())
        assert link.recv(4096).startswith(b"HTTP/1.1 200")
        return link

    def end(self) -> None:
        """Returns when all of them have noticed that the node is gone."""
        for thread in self._senders:
            thread.join(60)
            assert not thread.is_alive()
        for link in self._streams:
            while link.recv(65536):
                pass
            link.close()
        self.tail.send_signal(signal.SIGINT)
        _, said = self.tail.communicate(timeout=60)
        assert b"Traceback" not in said


def test_signals_end_it_in_order_in_the_middle_of_everything(net: Net) -> None:
    ann, bob = net.daemons("ann", "bob", options=("--http", "127.0.0.1:0", "--log-level", "warning"))
    ann.connect(bob)
    for node in (ann, bob):
        node.join("lobby")
    eventually(lambda: ann.members("lobby") == bob.members("lobby") == 2, what="together in the room")
    accepted = []
    for number in (signal.SIGTERM, signal.SIGINT):
        busy = Busy(ann, "lobby")
        eventually(lambda busy=busy: len(busy.accepted) > 20, what="messages are in flight")
        with contextlib.suppress(ApiError):  # and a direct message, on its way when the signal comes
            quick.request(ann.ready["socket"], "POST", "/v1/msg", {"to": bob.peer_id, "text": "bye"})
        began = time.monotonic()
        assert ann.end(number) == 0
        assert time.monotonic() - began < STOP_S
        busy.end()
        accepted += busy.accepted
        assert not (ann.home / "run.json").exists()
        assert not Path(ann.ready["socket"]).exists()
        assert not NOISE.search(ann.stderr()), ann.stderr()
        eventually(lambda: ann.peer_id not in bob.peers(), what="the peer has noticed")
        ann.start()
        assert set(accepted) <= {line["text"] for line in ann.json("history", "lobby", "--limit", "100000")}
    assert run_cli("stop", home=ann.home).returncode == 0
    assert bob.stop() == 0
    assert not NOISE.search(ann.stderr() + bob.stderr()), ann.stderr() + bob.stderr()


def test_a_signal_during_the_start_is_quiet(tmp_path: Path) -> None:
    """At moments spread over the whole of it: imports, store, listening."""
    moments = [0.0, 0.2, 0.4, 0.7]
    for moment, number in [(moment, signal.SIGINT) for moment in moments] + [(0.4, signal.SIGTERM)]:
        home = tmp_path / f"{number.name}-{moment}"
        process = subprocess.Popen(
            [P2PD, "start", "--listen", LOOPBACK, "--http", "off", "--no-mdns", "--log-level", "warning"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment() | {"P2PD_HOME": str(home)},
        )
        eventually((home / "lock").exists, what="the process has begun")
        time.sleep(moment)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert said == "", (moment, said)
        assert process.returncode in {0, -number}, (moment, process.returncode)
        assert not (home / "run.json").exists()
