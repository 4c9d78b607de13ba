"""Two machines on one cable, p2pd started on each with no option at all: they meet by mDNS and chat.

The machines are network namespaces; that takes root and iproute2.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.harness import Daemon, eventually

pytestmark = pytest.mark.slow

NAMES = [f"p2pd-{os.getpid()}-{end}" for end in "ab"]


def ip(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


@pytest.fixture
def machines() -> Iterator[list[str]]:
    """Two namespaces, each with one end of a cable (veth) and nothing else."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and the `ip` command (iproute2)")
    made = ip("netns", "add", NAMES[0], check=False)
    if made.returncode:
        pytest.skip(f"cannot make network namespaces here: {made.stderr.strip()}")
    try:
        ip("netns", "add", NAMES[1])
        one, other = (("name", "eth0", "netns", name) for name in NAMES)
        ip("link", "add", *one, "type", "veth", "peer", *other)
        for number, name in enumerate(NAMES, 1):
            ip("-n", name, "addr", "add", f"10.98.0.{number}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                ip("-n", name, "link", "set", device, "up")
        yield NAMES
    finally:
        for name in NAMES:
            ip("netns", "del", name, check=False)


def test_two_machines_meet_by_mdns_alone(machines: list[str], tmp_path: Path) -> None:
    ann, bob = (Daemon(tmp_path / name, prefix=("ip", "netns", "exec", name)) for name in machines)
    try:
        for node in (ann, bob):
            node.launch()
        for number, node in enumerate((ann, bob), 1):
            node.wait_ready()
            assert f"/ip4/10.98.0.{number}/tcp/4100/p2p/{node.peer_id}" in node.ready["addrs"]
            assert f"/ip4/10.98.0.{number}/tcp/4101/ws/p2p/{node.peer_id}" in node.ready["addrs"]
            assert node.ready["http"] == "http://127.0.0.1:8080"
            node.join("lobby")
        eventually(lambda: ann.members("lobby") == bob.members("lobby") == 2, 30, "they have met")
        for sender, receiver in ((ann, bob), (bob, ann)):
            assert sender.send("lobby", f"from {sender.peer_id}")["state"] == "sent"
            eventually(
                lambda sender=sender, receiver=receiver: f"from {sender.peer_id}" in receiver.texts("lobby"),
                what="the message is there",
            )
            assert sender.json("msg", receiver.peer_id, "hello")[0]["state"] == "delivered"
        assert bob.json("peers")[0]["addrs"][0].startswith("/ip4/10.98.0.1/")
        for node in (ann, bob):
            assert node.stop() == 0
            assert "Traceback" not in node.stderr()
    finally:
        for node in (ann, bob):
            if node.process is not None:
                node.kill()
