"""Damage on one node's disk: it is named, costs what it hit, and nothing else; not on the others either."""

from __future__ import annotations

import sqlite3

import pytest
from e2e.harness import Daemon, Net, eventually
from exported import START_MS, export_of, key, said

pytestmark = pytest.mark.slow


def bend_records(node: Daemon, *ids: bytes) -> None:
    """Changes a byte in the signed bytes of records in a stopped node's store."""
    conn = sqlite3.connect(node.home / "store.sqlite3")
    with conn:
        for one in ids:
            (raw,) = conn.execute("SELECT raw FROM records WHERE id = ?", (one,)).fetchone()
            bent = raw[:70] + bytes((raw[70] ^ 1,)) + raw[71:]
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
