"""The bootstrap node as a process: what it prints, its HTTP, its errors and exit codes; and that it is in no room."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from net.point import open_point
from net.support import LOOPBACK, TOPIC, Node, chat, meet, new_key, open_node, until
from p2pd_bootstrap import serve
from p2pd_bootstrap.options import CONNECTIONS, parse_options
from p2pd_bootstrap.registry import RegistryLimits
from p2pd_daemon.core.room import rendezvous_tag
from p2pd_daemon.errors import BadConfig
from p2pd_daemon.net.dial import dial
from p2pd_daemon.net.host import open_host
from p2pd_daemon.net.interface import NetworkConfig
from p2pd_daemon.net.targets import parse_target
from p2pd_daemon.version import __version__

READY_S = 60.0
LISTEN = ("--listen", "/ip4/127.0.0.1/tcp/0", "--http", "127.0.0.1:0")


@dataclass
class Running:
    process: trio.Process
    ready: dict[str, Any]
    exit_code: int = 0  # expected

    @property
    def addr(self) -> str:
        return str(self.ready["addrs"][0])


def command(home: Path, *options: str) -> Sequence[str]:
    return [sys.executable, "-m", "p2pd_bootstrap", "--home", str(home), *options]


@asynccontextmanager
async def start(home: Path, *options: str) -> AsyncIterator[Running]:
    """A node that said it is ready; killed at the end if it still runs. Its stderr must stay empty."""
    with trio.fail_after(60):
        process = await trio.lowlevel.open_process(
            command(home, "--json", *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            with trio.fail_after(READY_S):
                raw = await process.stdout.receive_some()
            assert raw, (await process.stderr.receive_some()).decode()
            running = Running(process, json.loads(raw))
            yield running
            if process.poll() is None:
                process.terminate()
            with trio.fail_after(60):
                assert await process.wait() == running.exit_code
            assert await process.stderr.receive_some() == b""
        finally:
            process.kill()
            await process.wait()
            await process.stdout.aclose()
            await process.stderr.aclose()


async def run(
    home: Path, *options: str, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    with trio.fail_after(READY_S):
        return await trio.run_process(
            command(home, *options),
            check=False,
            capture_stdout=True,
            capture_stderr=True,
            env=os.environ | (environ or {}),
        )


@pytest.mark.slow
async def test_nodes_meet_through_it_and_again_after_it_was_killed_and_it_is_in_no_room(
    tmp_path: Path,
) -> None:
    async with start(tmp_path, *LISTEN) as point:
        assert list(point.ready) == ["event", "peer_id", "addrs", "http"]
        assert point.addr.endswith(f"/p2p/{point.ready['peer_id']}")
        async with in_room(point) as old, in_room(point) as new:
            await until(lambda: meet(old, new))
            peer = next(one for one in old.network.peers() if one.peer_id == point.ready["peer_id"])
            assert peer.agent == f"p2pd-bootstrap/{__version__}"
            assert "/rendezvous/1.0.0" in peer.protocols
            assert not [
                name for name in peer.protocols if "meshsub" in name or "floodsub" in name or "p2pd" in name
            ]
            await check_http(point)
            point.process.kill()
            point.exit_code = -signal.SIGKILL
            await chat(old, new, "without it")
            port = point.addr.split("/")[4]
            async with start(tmp_path, "--listen", f"/ip4/127.0.0.1/tcp/{port}", "--http", "off") as back:
                assert back.addr == point.addr
                assert back.ready["http"] is None
                async with in_room(back) as late:
                    await until(lambda: meet(old, late) and meet(new, late))


@asynccontextmanager
async def in_room(point: Running) -> AsyncIterator[Node]:
    async with open_node(TOPIC, bootstrap=(point.addr,)) as node:
        await node.network.advertise([rendezvous_tag(TOPIC)])
        yield node


async def check_http(point: Running) -> None:
    async with httpx.AsyncClient(base_url=point.ready["http"]) as http:
        about = (await http.get("/")).json()
        assert about["name"] == "p2pd-bootstrap"
        assert about["version"] == __version__
        assert about["peer_id"] == point.ready["peer_id"]
        assert about["addrs"] == point.ready["addrs"]
        assert about["peers"] == 2
        assert about["registrations"] == 4
        assert about["uptime_ms"] > 0
        assert about["limits"]["connections"] == CONNECTIONS
        assert about["limits"]["per_peer"] == RegistryLimits().per_peer
        assert (await http.get("/health")).json() == {"ok": True}
        metrics = await http.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert "p2pd_bootstrap_registrations 4" in metrics.text.splitlines()
        assert 'p2pd_bootstrap_requests_total{kind="register"} 4' in metrics.text.splitlines()
        assert all(line.startswith(("# ", "p2pd_bootstrap_")) for line in metrics.text.splitlines())
        # How many, never who.
        assert rendezvous_tag(TOPIC) not in metrics.text + str(about)
        assert (await http.get("/peers")).status_code == 404
        assert (await http.post("/", json={})).status_code == 405


@pytest.mark.slow
async def test_a_port_that_was_asked_for_and_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        for_peers = ("--listen", f"/ip4/127.0.0.1/tcp/{port}", "--http", "off")
        for_http = ("--listen", "/ip4/127.0.0.1/tcp/0", "--http", f"127.0.0.1:{port}")
        ended: list[subprocess.CompletedProcess[bytes]] = []

        async def try_it(name: str, *options: str) -> None:
            ended.append(await run(tmp_path / name, *options))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(try_it, "a", *for_peers)
            nursery.start_soon(try_it, "b", *for_http)
    for done in ended:
        assert done.returncode == 5
        assert done.stdout == b""
        text = done.stderr.decode()
        assert text.startswith("error: ")
        assert str(port) in text
        assert "hint: " in text
        assert "Traceback" not in text


@pytest.mark.slow
async def test_for_a_person_it_prints_how_to_use_it_and_stops_quietly(tmp_path: Path) -> None:
    with trio.fail_after(60):
        process = await trio.lowlevel.open_process(
            command(tmp_path, *LISTEN, "--http", "off"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stderr is not None
        text = (await process.stdout.receive_some()).decode()
        second = await run(tmp_path, *LISTEN)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
        assert await process.stderr.receive_some() == b""
        assert await process.stdout.receive_some() == b""
        await process.stdout.aclose()
        await process.stderr.aclose()
    addr = next(line.split()[1] for line in text.splitlines() if line.startswith("  address"))
    assert f"p2pd start --bootstrap {addr}" in text
    assert second.returncode == 1
    assert str(process.pid) in second.stderr.decode()


async def test_options_come_from_the_environment_too(tmp_path: Path) -> None:
    environ = {
        "P2PD_HOME": str(tmp_path),
        "P2PD_BOOTSTRAP_LISTEN": "/ip4/127.0.0.1/tcp/1 /ip4/127.0.0.1/tcp/2/ws",
        "P2PD_BOOTSTRAP_HTTP": "off",
        "P2PD_BOOTSTRAP_LIMITS_PER_PEER": "7",
        "P2PD_BOOTSTRAP_LIMITS_CONNECTIONS": "50",
    }
    options = parse_options([], environ)
    assert options.home == tmp_path / "bootstrap"
    assert options.listen == ("/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/2/ws")
    assert options.http == ()
    assert options.limits.per_peer == 7
    assert options.connections == 50
    given = ["--listen=/ip4/127.0.0.1/tcp/3", "--http", "[::1]:0", "--home", str(tmp_path / "x"), "--json"]
    options = parse_options(given, environ)
    assert options.listen == ("/ip4/127.0.0.1/tcp/3",)
    assert options.http == ("::1", 0)
    assert options.home == tmp_path / "x"
    assert options.json


@pytest.mark.parametrize(
    ("argv", "environ"),
    [
        (["--http", "8080"], {}),
        (["--http", "127.0.0.1:99999"], {}),
        (["--log-level", "loud"], {}),
        ([], {"P2PD_BOOTSTRAP_LIMITS_PER_TAG": "many"}),
        ([], {"P2PD_BOOTSTRAP_LIMITS_TOTAL": "0"}),
    ],
)
def test_wrong_options_say_what_is_expected(argv: list[str], environ: dict[str, str]) -> None:
    with pytest.raises(BadConfig) as caught:
        parse_options(argv, environ)
    assert caught.value.hint.startswith("Expected")


@pytest.mark.slow
async def test_a_point_with_many_connections_stops_at_once() -> None:
    """libp2p closes one connection after the other, 0.2 s for each."""
    with trio.fail_after(60):
        async with AsyncExitStack() as stack:
            peers = [
                await stack.enter_async_context(open_host(new_key(), NetworkConfig(listen=LOOPBACK)))
                for _ in range(20)
            ]
            async with open_point() as point:
                for peer in peers:
                    await dial(peer, [parse_target(point.addr)], 5)
                assert len(point.opened.swarm.connections) == len(peers)
                start = trio.current_time()
            assert trio.current_time() - start < 0.2 * len(peers) - 0.5


async def test_a_default_port_that_is_taken_gives_way_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken, trio.fail_after(60):
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        monkeypatch.setattr(serve, "LISTEN", (f"/ip4/127.0.0.1/tcp/{port}",))
        monkeypatch.setattr(serve, "HTTP", ("127.0.0.1", port))
        said: list[serve.Ready] = []

        def ready(one: serve.Ready) -> None:
            said.append(one)
            signal.raise_signal(signal.SIGTERM)

        await serve.serve_bootstrap(parse_options(["--home", str(tmp_path)], {}), new_key(), ready)
    assert f"/tcp/{port}/" not in said[0].addrs[0]
    assert said[0].http != f"http://127.0.0.1:{port}"
    assert len(said[0].notes) == 2
    assert all("taken" in note for note in said[0].notes)
