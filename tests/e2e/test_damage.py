"""Damage on one node's disk: it is named, costs what it hit, and nothing else; not on the others either."""

from __future__ import annotations

import sqlite3

import pytest
from e2e.harness import Daemon, Net, eventually
from exported import START_MS, export_of, key, said

pytestmark = pytest.mark.slow


def bend_records(node: Daemon, *ids: bytes, at: int = 70, size: int | None = None) -> None:
    """Changes a byte in the signed bytes of records (without ids: of all) in a stopped node's store, or cuts them."""
    conn = sqlite3.connect(node.home / "store.sqlite3")
    with conn:
        for one, raw in conn.execute("SELECT id, raw FROM records").fetchall():
            if not ids or one in ids:
                bent = (raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :])[:size]
                conn.execute("UPDATE records SET raw = ? WHERE id = ?", (bent, one))
    conn.close()


def test_records_that_are_damaged_at_one_node_do_not_keep_the_rest_from_the_others(net: Net) -> None:
    ann, bob = net.daemons("ann", "bob")
    for node in (ann, bob):
        node.join("lobby")
    made = [said(key(1 + i % 3), f"message {i}", ts_ms=START_MS + i) for i in range(60)]
    ann.cli("import", "-", stdin=export_of(made).decode())  # others said it, so it passes by comparing alone
    ann.keep_port()
    ann.stop()
    bend_records(ann, made[10].id, made[50].id)
    ann.start()
    mine = bob.send("lobby", "of bob")["id"]

    bob.connect(ann)
    intact = [f"message {i}" for i in range(60) if i not in {10, 50}]
    eventually(lambda: bob.texts("lobby") == [*intact, "of bob"], 30, "all but what is damaged")
    eventually(lambda: mine in {message["id"] for message in ann.history("lobby")}, 30, "and the other way")
    eventually(
        lambda: bob.stderr().count("left out record") >= 2 and "not its author's" in bob.stderr(),
        what="bob names it",
    )
    eventually(lambda: "damaged record" in ann.stderr(), 30, "and ann is told")
    texts = ann.texts("lobby")
    assert texts[:60] == [f"message {i}" for i in range(60)]  # what it said is still to be read there

    cleo = net.daemon("cleo")
    cleo.join("lobby")
    cleo.connect(bob)
    eventually(lambda: cleo.texts("lobby") == bob.texts("lobby"), 30, "they go on among themselves")
    for node in (ann, bob):
        before = len(node.texts("lobby"))
        node.send("lobby", f"{node.home.name} goes on")
        eventually(lambda node=node, before=before: len(node.texts("lobby")) > before)
    eventually(lambda: cleo.texts("lobby")[-2:] == bob.texts("lobby")[-2:], 30, "and live, too")


@pytest.mark.parametrize(
    ("at", "size"),
    [(0, 40), (70, None), *(pytest.param(at, None, marks=pytest.mark.all) for at in (3, 30, -1))],
)
def test_a_node_whose_every_record_is_damaged_goes_on(net: Net, at: int, size: int | None) -> None:
    """What was said is still to be read there, and what is said from now on reaches the others."""
    ann = net.daemon("ann", "--nick", "ann")
    bob = net.daemon("bob")
    ann.join("lobby")
    bob.join("lobby")
    bob.keep_port()
    ann.cli("msg", bob.addr, "delivered")
    eventually(lambda: bob.texts(ann.peer_id) == ["delivered"])
    bob.stop()
    ann.send("lobby", "nobody has heard this")
    ann.cli("msg", bob.peer_id, "waits")
    ann.stop()
    bend_records(ann, at=at, size=size)
    ann.start()
    bob.start()
    assert ann.texts("lobby")[-1] == "nobody has heard this"
    assert ann.texts(bob.peer_id) == ["delivered", "waits"]
    bob.connect(ann)
    eventually(lambda: ann.members("lobby") == bob.members("lobby") == 2, 20, "they are together in the room")
    ann.send("lobby", "new")
    bob.send("lobby", "hello")
    ann.cli("msg", bob.peer_id, "new", code=None)
    eventually(lambda: "new" in bob.texts("lobby") and "hello" in ann.texts("lobby"), 20, "the room lives")
    eventually(lambda: "new" in bob.texts(ann.peer_id), 20, "the conversation lives")
    ann.cli("nick", "anna")
    bob.cli("send", "lobby", "still there?")
    eventually(lambda: "still there?" in ann.texts("lobby"), 20)
    assert "Traceback" not in ann.stderr(), ann.stderr()
    assert ann.running
    assert bob.running
