"""`p2pd start`, `stop`, `bootstrap`: in the foreground, detached, twice, with what cannot work."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from e2e.harness import LOOPBACK, P2PD, Net, clean_environment, run_cli

pytestmark = pytest.mark.slow

QUIET = ("--listen", LOOPBACK, "--http", "off", "--no-mdns")


def is_running(pid: int) -> bool:
    """False for a zombie, too: it has ended, and whether somebody collects it is not ours."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_detached_from_start_to_stop(tmp_path: Path) -> None:
    """With an imported key, in a home whose path is too long for a socket."""
    peer_id = run_cli("id", home=tmp_path / "old").stdout.strip()
    key = tmp_path / "old" / "identity.key"
    home = tmp_path / ("x" * 110)
    started = run_cli("start", "--detach", "--json", *QUIET, "--nick", "ana", "--key", str(key), home=home)
    assert started.returncode == 0, started.stderr
    ready = json.loads(started.stdout)
    assert ready.keys() >= {"event", "peer_id", "addrs", "http", "socket"}
    assert (ready["event"], ready["peer_id"]) == ("ready", peer_id)
    pid = json.loads((home / "run.json").read_text())["pid"]
    try:
        assert (home / "identity.key").read_bytes() == key.read_bytes()
        assert stat.S_IMODE((home / "daemon.log").stat().st_mode) == 0o600
        assert json.loads(run_cli("nick", "--json", home=home).stdout) == {"nick": "ana"}
        for again in (["start", *QUIET], ["start", "--detach", *QUIET]):
            second = run_cli(*again, home=home)
            assert second.returncode == 1
            assert f"process {pid}" in second.stderr
            assert "hint: " in second.stderr
        stopped = run_cli("stop", home=home)
        assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
        assert not is_running(pid)
        assert run_cli("stop", home=home).returncode == 3
        assert run_cli("status", home=home).returncode == 3
    finally:
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_home_with_another_identity_takes_no_key(tmp_path: Path) -> None:
    run_cli("id", home=tmp_path / "other")
    mine = run_cli("id", home=tmp_path / "mine").stdout.strip()
    key = tmp_path / "other" / "identity.key"
    refused = run_cli("start", "--detach", *QUIET, "--key", str(key), home=tmp_path / "mine")
    assert refused.returncode == 1
    assert mine in refused.stderr


def test_stop_ends_a_daemon_whose_api_hangs(tmp_path: Path, net: Net) -> None:
    node = net.daemon("ana")
    (node.home / "p2pd.sock").unlink()  # as if it did not answer
    assert run_cli("stop", home=node.home).returncode == 0
    assert not node.running
    assert node.stop() == 0


def test_a_port_that_was_asked_for_and_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for option in (
            ["--listen", f"/ip4/127.0.0.1/tcp/{port}", "--http", "off"],
            ["--http", f"127.0.0.1:{port}"],
        ):
            options = (
                [*option, "--no-mdns"]
                if "--listen" in option
                else [*option, "--listen", LOOPBACK, "--no-mdns"]
            )
            for detach in ([], ["--detach"]):
                done = run_cli("start", *detach, *options, home=tmp_path)
                assert done.returncode == 5, done.stderr
                assert str(port) in done.stderr
                assert "hint: " in done.stderr
                assert "Traceback" not in done.stderr


def test_wrong_settings_end_the_start_at_once(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("lisen = []\n")
    for detach in ([], ["--detach"]):
        done = run_cli("start", *detach, home=tmp_path)
        assert done.returncode == 2
        assert "config.toml: lisen" in done.stderr
        assert "Did you mean listen?" in done.stderr


def test_ctrl_c_is_quiet(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [P2PD, "start", *QUIET, "--log-level", "warning"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment() | {"P2PD_HOME": str(tmp_path)},
    )
    assert process.stdout is not None
    shown = [process.stdout.readline() for _ in range(3)]
    assert any("12D3KooW" in line for line in shown)
    assert any("/ip4/127.0.0.1/tcp/" in line for line in shown)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said == ""


def test_tail_goes_on_over_a_restart(net: Net) -> None:
    node = net.daemon("ana")
    node.join("lobby")
    tail = subprocess.Popen(
        [P2PD, "tail", "lobby", "--text", "--since", "1h"],
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment() | {"P2PD_HOME": str(node.home)},
    )
    assert tail.stdout is not None
    try:
        node.send("lobby", "before")
        assert tail.stdout.readline() == "before\n"
        node.kill()
        for line in (["status"], ["rooms"], ["stop"], ["tail"]):
            assert run_cli(*line, home=node.home).returncode == 3
        assert run_cli("id", home=node.home).stdout.strip() == node.peer_id
        node.start()
        node.send("lobby", "after")
        assert tail.stdout.readline() == "after\n"
    finally:
        tail.kill()
        tail.communicate()


def test_a_bootstrap_node(tmp_path: Path) -> None:
    started = run_cli("bootstrap", "--detach", "--json", "--listen", LOOPBACK, "--http", "off", home=tmp_path)
    assert started.returncode == 0, started.stderr
    ready = json.loads(started.stdout)
    assert ready["event"] == "ready"
    assert (tmp_path / "bootstrap" / "identity.key").exists()
    stopped = run_cli("stop", "--home", str(tmp_path / "bootstrap"), home=tmp_path)
    assert stopped.returncode == 0, stopped.stderr
