"""mDNS: the record's codec, neighbours on loopback multicast, and two network namespaces that share only a cable."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from net.support import new_key
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.net.mdns import ADDRS, PEERS, Mdns, decode_txt, encode_txt

A, B = new_key().peer_id, new_key().peer_id


def test_txt_has_a_string_for_each_address_as_go_and_rust_read_it() -> None:
    raw = encode_txt(["/ip4/192.0.2.1/tcp/1/p2p/x", "/ip4/192.0.2.2/tcp/1/p2p/x"])
    assert raw == b"\x22dnsaddr=/ip4/192.0.2.1/tcp/1/p2p/x\x22dnsaddr=/ip4/192.0.2.2/tcp/1/p2p/x"
    assert decode_txt(raw) == ["/ip4/192.0.2.1/tcp/1/p2p/x", "/ip4/192.0.2.2/tcp/1/p2p/x"]


@given(st.lists(st.text(st.characters(codec="ascii"), max_size=240), max_size=9))
def test_txt_decodes_to_what_was_encoded(addrs: list[str]) -> None:
    assert decode_txt(encode_txt(addrs)) == addrs


@given(st.binary(max_size=600))
def test_any_txt_decodes(raw: bytes) -> None:
    assert all(isinstance(addr, str) for addr in decode_txt(raw))


def test_what_neighbours_say_is_checked_and_bounded() -> None:
    found: list[tuple[PeerId, list[str]]] = []
    mdns = Mdns(A, list, lambda peer, addrs: found.append((peer, addrs)))
    mdns._heard(
        ["nonsense", f"/ip4/192.0.2.1/tcp/1/p2p/{A}", f"/ip4/192.0.2.1/tcp/2/p2p/{B}", "/ip4/192.0.2.1/tcp/3"]
    )
    assert found == [(B, ["/ip4/192.0.2.1/tcp/2"])]
    assert mdns.addrs(B) == ["/ip4/192.0.2.1/tcp/2"]
    assert mdns.addrs(A) == []
    for _ in range(PEERS + 10):
        mdns._heard([f"/ip4/192.0.2.1/tcp/2/p2p/{new_key().peer_id}"])
    assert len(mdns._peers) == PEERS
    mdns._heard([f"/ip4/192.0.2.1/tcp/{port}/p2p/{B}" for port in range(1, 1000)])
    assert len(mdns.addrs(B)) == 2 * ADDRS


def test_loopback_is_announced_to_nobody_else() -> None:
    addrs = [f"/ip4/127.0.0.1/tcp/1/p2p/{A}", f"/ip6/::1/tcp/1/p2p/{A}", f"/ip4/192.0.2.1/tcp/1/p2p/{A}"]
    assert Mdns(A, lambda: addrs, lambda *_: None)._suitable() == addrs[2:]
    many = [f"/ip4/192.0.2.{host}/tcp/1/p2p/{A}" for host in range(50)]
    assert len(encode_txt(Mdns(A, lambda: many, lambda *_: None)._suitable())) < 1200


@pytest.mark.slow
async def test_neighbours_find_each_other_without_dialling_themselves() -> None:
    found: dict[PeerId, list[tuple[PeerId, list[str]]]] = {A: [], B: []}
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for own, port in ((A, 1111), (B, 2222)):
                addr = f"/ip4/127.0.0.1/tcp/{port}/p2p/{own}"
                mdns = Mdns(
                    own,
                    lambda addr=addr: [addr],  # type: ignore[misc]  # a default is how a loop binds it
                    lambda peer, addrs, own=own: found[own].append((peer, addrs)),  # type: ignore[misc]  # likewise
                    loopback=True,
                )
                nursery.start_soon(mdns.run)
            while not (B in dict(found[A]) and A in dict(found[B])):  # noqa: ASYNC110 - the thread of zeroconf has no event of ours
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
    assert dict(found[A])[B] == [
        "/ip4/127.0.0.1/tcp/2222"
    ]  # beside whoever else is announced on this machine
    assert dict(found[B])[A] == ["/ip4/127.0.0.1/tcp/1111"]
    assert A not in dict(found[A])
    assert B not in dict(found[B])


# Two network namespaces

NODE = """
import json, sys, trio
sys.path.insert(0, sys.argv[1])
from net.support import Recorder, new_key
from p2pd_daemon.net.network import NetworkConfig, open_network
async def main():
    config = NetworkConfig(listen=("/ip4/0.0.0.0/tcp/0",), mdns=True)
    async with open_network(new_key(), config, Recorder(), []) as network:
        print(json.dumps({"peer_id": network.peer_id, "addrs": network.addrs()}), flush=True)
        with trio.fail_after(60):
            while not network.peers():
                await trio.sleep(0.02)
        print(json.dumps({"met": network.peers()[0].peer_id, "addrs": network.peers()[0].addrs}), flush=True)
        await trio.sleep_forever()
trio.run(main)
"""


def missing_for_namespaces() -> str:
    if os.geteuid() != 0:
        return "needs root to make network namespaces"
    if shutil.which("ip") is None:
        return "needs the `ip` command (iproute2)"
    probe = subprocess.run(
        ["ip", "netns", "add", f"probe{os.getpid()}"], capture_output=True, text=True, check=False
    )
    subprocess.run(["ip", "netns", "del", f"probe{os.getpid()}"], capture_output=True, check=False)
    return f"cannot make network namespaces: {probe.stderr.strip()}" if probe.returncode else ""


@pytest.fixture
def namespaces() -> Iterator[tuple[str, str]]:
    """Two namespaces, each with one end of a cable (veth) and nothing else."""
    if missing := missing_for_namespaces():
        pytest.skip(missing)
    names = (f"p{os.getpid() % 100000}a", f"p{os.getpid() % 100000}b")

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip(
            "link",
            "add",
            "eth0",
            "netns",
            names[0],
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            names[1],
        )
        for number, name in enumerate(names, 1):
            ip("-n", name, "addr", "add", f"10.99.0.{number}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


@pytest.mark.slow
async def test_two_namespaces_meet_by_mdns_alone(namespaces: tuple[str, str]) -> None:
    tests = str(Path(__file__).parent.parent)
    processes = []
    try:
        with trio.fail_after(60):
            for name in namespaces:
                command = ["ip", "netns", "exec", name, sys.executable, "-c", NODE, tests]
                process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
                processes.append(process)
            said = [await lines(process, 2) for process in processes]
        assert said[0][1]["met"] == said[1][0]["peer_id"]
        assert said[1][1]["met"] == said[0][0]["peer_id"]
        assert "/ip4/10.99.0." in said[0][1]["addrs"][0]
    finally:
        for process in processes:
            process.kill()
            await process.wait()
            if process.stdout is not None:
                await process.stdout.aclose()


async def lines(process: trio.Process, count: int) -> list[dict[str, str]]:
    assert process.stdout is not None
    raw = b""
    while raw.count(b"\n") < count:
        chunk = await process.stdout.receive_some()
        assert chunk, "the node ended"
        raw += chunk
    return [json.loads(line) for line in raw.splitlines()[:count]]
