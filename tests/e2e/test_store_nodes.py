"""Two people who are never online at the same time talk through a node that keeps for them and has nobody's key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.harness import Daemon, Net, Process, eventually

pytestmark = pytest.mark.slow

KEPT = "kept by a store node"


def open_store_node(net: Net, kind: str, **environment: str) -> Process:
    if kind == "start":
        return net.daemon("keeper", "--store", **environment)
    return net.bootstrap("keeper", "--store", **environment)


def states(node: Daemon, target: str) -> set[tuple[str, str]]:
    return {(one["state"], one["reason"]) for one in node.history(target) if one["delivery"]}


def left(node: Daemon, *targets: str) -> Callable[[], bool]:
    """Whether all that the node said there is kept."""
    return lambda: all(states(node, target) == {("sent", KEPT)} for target in targets)


def bytes_in(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file())


@pytest.mark.parametrize("kind", ["bootstrap", pytest.param("start", marks=pytest.mark.all)])
def test_two_who_are_never_online_together(net: Net, kind: str) -> None:
    keeper = open_store_node(net, kind)
    keeper.keep_port()
    ann, bob = net.daemons("ann", "bob", options=("--bootstrap", keeper.addr))
    bob.join("lobby")
    bob.stop()

    ann.join("lobby")
    ann.send("lobby", "anybody here?")
    first = ann.json("msg", bob.peer_id, "the secret word is xylophone")[0]
    assert first["state"] == "queued"
    eventually(left(ann, "lobby", bob.peer_id), 30, "what ann said is kept")
    assert ann.history(bob.peer_id)[0]["delivery"]["held_by"] == 0, "the store node is not bob"
    ann.stop()

    assert keeper.running
    keeper.kill()  # what it took it has on disk
    on_disk = bytes_in(keeper.home)
    assert b"xylophone" not in on_disk
    assert b"anybody here?" in on_disk, "the search would find what is not sealed"
    for node in (ann, bob):
        key = (node.home / "identity.key").read_bytes()
        assert key[4:36] not in on_disk
    keeper.start()

    bob.start()
    eventually(lambda: bob.texts("lobby") == ["anybody here?"], 20, "bob has caught up with the room")
    eventually(lambda: bob.texts(ann.peer_id) == ["the secret word is xylophone"], 20, "and got his letter")
    bob.send("lobby", "now I am")
    bob.json("msg", ann.peer_id, "got it")
    eventually(left(bob, "lobby", ann.peer_id), 30, "what bob said is kept")
    bob.stop()

    ann.start()
    eventually(lambda: ann.texts("lobby") == ["anybody here?", "now I am"], 20, "ann has the answer")
    eventually(lambda: len(ann.texts(bob.peer_id)) == 2, 20, "in the room and in the conversation")
    letter = ann.history(bob.peer_id)[0]
    assert (letter["state"], letter["delivery"]["held_by"]) == ("delivered", 1), "his answer names it"
    assert ann.json("status")[0]["outbox"] == {"queued": 0, "sent": 0}
    if isinstance(keeper, Daemon):
        kept = keeper.json("status")[0]["store"]
        assert (kept["rooms"], kept["mailboxes"], kept["records"]) == (1, 0, 2)
        assert keeper.api("GET", "/v1/rooms") == [], "it is in no room"
    else:
        assert ann.json("status")[0]["store"] is None


@pytest.mark.all
def test_quotas_refuse_politely_and_what_waits_goes_on_waiting(net: Net) -> None:
    keeper = open_store_node(
        net, "start", P2PD_LIMITS_STORE_SENDER_RECORDS="2", P2PD_LIMITS_STORE_PEER_ROOMS="1"
    )
    ann, bob = net.daemons("ann", "bob")
    ann.connect(keeper)
    ann.join("first")
    ann.send("first", "kept")
    eventually(left(ann, "first"), 30, "the first room is kept")
    ann.join("second")
    ann.send("second", "one room too many")
    bob.stop()
    for i in range(3):
        ann.json("msg", bob.peer_id, f"letter {i}")
    eventually(lambda: [m["state"] for m in ann.history(bob.peer_id)] == ["sent", "sent", "queued"], 30)
    eventually(lambda: keeper.json("status")[0]["dropped"].get("kept_refused"), 20, "it says no")
    assert states(ann, "second") == {("stored", "")}
    kept = keeper.json("status")[0]["store"]
    assert (kept["rooms"], kept["mailboxes"], kept["records"]) == (1, 1, 3)
    assert "sync protocol" not in ann.json("status")[0]["dropped"]
    assert "1 rooms, 1 mailboxes" in keeper.cli("status")

    bob.start()
    bob.connect(ann)
    eventually(lambda: bob.texts(ann.peer_id) == [f"letter {i}" for i in range(3)], 20, "all arrive by hand")
    eventually(
        lambda: {one["state"] for one in ann.history(bob.peer_id)} == {"delivered"}, what="bob's receipts"
    )


def test_a_store_node_that_nobody_chose_is_told_nothing(net: Net) -> None:
    keeper = open_store_node(net, "start")
    ann = net.daemon("ann")
    ann.join("plans")
    ann.send("plans", "not for strangers")
    keeper.cli("connect", ann.addr)
    eventually(lambda: keeper.peer_id in ann.peers(), what="they are connected")
    ann.send("plans", "nor is this")
    ann.json("msg", "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X", "sealed, and ours")
    bob = net.daemon("bob", "--bootstrap", keeper.addr)
    bob.join("other")
    bob.send("other", "bob chose it")
    eventually(left(bob, "other"), 30, "it does keep for bob")
    assert keeper.json("status")[0]["store"]["records"] == 1
    ann.connect(keeper)
    eventually(left(ann, "plans"), 30, "and for ann once she wants it")

    keeper.keep_port()
    keeper.kill()
    eventually(lambda: keeper.peer_id not in ann.peers(), what="it is gone")
    ann.send("plans", "meanwhile")
    assert ("stored", "") in states(ann, "plans")
    keeper.start()
    eventually(left(ann, "plans"), 60, "it is back, and so is what was chosen")
