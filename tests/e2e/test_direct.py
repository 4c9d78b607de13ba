"""Direct messages: delivered, kept while the peer is away, refused with the reason."""

from __future__ import annotations

import pytest
from e2e.harness import Daemon, Net, eventually, run_cli

pytestmark = pytest.mark.slow

REFUSED = 6


def state_of(node: Daemon, peer: str, message_id: str) -> str:
    return next(str(message["state"]) for message in node.history(peer) if message["id"] == message_id)


def test_messages_wait_for_a_peer_that_is_away(net: Net) -> None:
    ann, bob = net.daemons("ann", "bob")
    assert ann.json("msg", bob.addr, "first")[0]["state"] == "delivered"
    bob.keep_port()
    bob.stop()

    waiting = [ann.json("msg", bob.peer_id, f"while away {i}")[0] for i in range(3)]
    assert {one["state"] for one in waiting} == {"queued"}
    assert ann.json("status")[0]["outbox"]["queued"] == 3
    ann.kill()  # a crash loses nothing that was accepted
    ann.start()
    assert ann.json("status")[0]["outbox"]["queued"] == 3

    bob.start()
    expected = ["first", *(f"while away {i}" for i in range(3))]
    eventually(lambda: bob.texts(ann.peer_id) == expected, 20, "what waited arrived in order")
    eventually(
        lambda: {state_of(ann, bob.peer_id, one["id"]) for one in waiting} == {"delivered"}, what="delivered"
    )
    assert ann.json("status")[0]["outbox"] == {"queued": 0, "sent": 0}


def test_nicknames_name_a_peer(net: Net) -> None:
    ann = net.daemon("ann", "--nick", "ann")
    bob = net.daemon("bob", "--nick", "bob")
    ann.cli("msg", bob.addr, "hello")
    eventually(lambda: bob.texts(ann.peer_id) == ["hello"], what="the message is there")
    assert bob.json("msg", "ann", "hello yourself")[0]["to"] == ann.peer_id
    assert [(m["nick"], m["text"]) for m in ann.json("history", "bob")] == [
        ("ann", "hello"),
        ("bob", "hello yourself"),
    ]
    missing = run_cli("msg", "zoe", "x", home=ann.home)
    assert missing.returncode == 4
    assert "zoe" in missing.stderr


def test_a_blocked_peer_is_told_and_their_room_messages_are_hidden(net: Net) -> None:
    ann, bob = net.daemons("ann", "bob")
    ann.connect(bob)
    for node in (ann, bob):
        node.join("lobby")
    eventually(lambda: ann.members("lobby") == bob.members("lobby") == 2, what="both are in the room")
    bob.cli("block", ann.peer_id)

    refused = run_cli("msg", bob.peer_id, "let me in", home=ann.home)
    assert refused.returncode == REFUSED
    assert "blocked" in refused.stderr
    assert ann.history(bob.peer_id)[-1]["state"] == "refused"
    ann.send("lobby", "hidden")
    bob.send("lobby", "shown")
    eventually(lambda: len(ann.texts("lobby")) == 2, what="ann has both")
    assert bob.texts("lobby") == ["shown"]
    own = run_cli("msg", ann.peer_id, "no", home=bob.home)
    assert own.returncode == REFUSED

    bob.cli("unblock", ann.peer_id)
    assert ann.json("msg", bob.peer_id, "again")[0]["state"] == "delivered"
    eventually(
        lambda: sorted(bob.texts("lobby")) == ["hidden", "shown"], what="unblocking shows what was hidden"
    )


def test_a_text_that_is_too_large_says_so(net: Net) -> None:
    ann = net.daemon("ann")
    ann.cli("join", "lobby")
    for command in (("send", "lobby"), ("msg", "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X")):
        done = run_cli(*command, "x" * 8193, home=ann.home)
        assert done.returncode == REFUSED
        assert "8192" in done.stderr or "8 KiB" in done.stderr
        assert run_cli(*command, "é" * 4096, home=ann.home).returncode == 0
