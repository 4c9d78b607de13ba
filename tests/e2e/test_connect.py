"""`p2pd connect`: each way in which it can fail has its own error, within 10 s."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from e2e.harness import SLACK, Net, eventually, run_cli

pytestmark = pytest.mark.slow

NOBODY = "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_each_outcome_has_its_own_words(net: Net, silent_port: int) -> None:
    ann, bob = net.daemons("ann", "bob")
    wrong = bob.addr.replace(bob.peer_id, NOBODY)
    cases = {
        "wrong peer ID": (wrong, 5, [bob.peer_id, NOBODY]),
        "closed port": (f"/ip4/127.0.0.1/tcp/{closed_port()}/p2p/{NOBODY}", 5, ["refused"]),
        "silent port": (f"/ip4/127.0.0.1/tcp/{silent_port}/p2p/{NOBODY}", 5, ["answer"]),
        "own address": (ann.addr, 5, ["itself"]),
        "malformed": ("/ip4/127.0.0.1/tcp/banana", 2, ["/ip4/127.0.0.1/tcp/banana"]),
        "no peer ID": (bob.addr.rpartition("/p2p/")[0], 2, ["/p2p/"]),
        "nobody knows": (NOBODY, 5, [NOBODY]),
    }
    said = {}
    for name, (target, code, words) in cases.items():
        began = time.monotonic()
        done = run_cli("connect", target, home=ann.home)
        assert time.monotonic() - began < 10 * SLACK, name
        assert done.returncode == code, (name, done.stderr)
        assert done.stdout == ""
        assert done.stderr.startswith("error: "), (name, done.stderr)
        assert "hint: " in done.stderr, (name, done.stderr)
        for word in words:
            assert word in done.stderr, (name, done.stderr)
        said[name] = done.stderr.splitlines()[0]
    assert len(set(said.values())) == len(cases)

    connected = ann.json("connect", bob.addr)[0]
    assert connected["peer_id"] == bob.peer_id
    assert connected["addr"].startswith("/ip4/127.0.0.1/tcp/")
    assert connected["ms"] > 0
    peer = ann.json("peers")[0]
    assert peer["peer_id"] == bob.peer_id
    assert peer["direction"] == "out"
    assert bob.json("peers")[0]["direction"] == "in"
    ann.cli("disconnect", bob.peer_id)
    eventually(lambda: ann.json("peers") == [], what="bob's daemon redials within a second, and is refused")


def test_who_was_disconnected_is_told_so_and_not_that_it_is_connected(net: Net) -> None:
    ann, bob = net.daemons("ann", "bob")
    ann.connect(bob)
    eventually(lambda: bob.peers() == {ann.peer_id})
    ann.cli("disconnect", bob.peer_id)
    eventually(lambda: bob.peers() == set())
    for target in (ann.addr, ann.peer_id):
        done = run_cli("connect", target, home=bob.home)
        assert (done.returncode, done.stdout) == (5, ""), done.stderr
        assert done.stderr.startswith(f"error: {ann.peer_id} at {ann.addr.partition('/p2p/')[0]} ended"), (
            done.stderr
        )
        assert "hint: " in done.stderr
    ann.connect(bob)  # its person takes it back
    assert bob.json("connect", ann.addr)[0]["peer_id"] == ann.peer_id
