"""What a node knows of its own messages, and how long it keeps a room."""

from __future__ import annotations

import pytest
from e2e.harness import Daemon, Net, eventually

pytestmark = pytest.mark.slow


def test_delivery_tells_who_has_a_message(net: Net) -> None:
    ann, bob, cleo = net.daemons("ann", "bob", "cleo")
    for node in (ann, bob, cleo):
        node.join("lobby")
    alone = ann.send("lobby", "is anybody here?")
    assert alone["state"] == "stored"
    delivery = ann.json("history", "lobby")[0]["delivery"]
    assert delivery == {"state": "stored", "sent_to": 0, "held_by": 0, "members": 0}

    for node in (bob, cleo):
        node.connect(ann)

    def known() -> bool:
        found = ann.history("lobby")[0]["delivery"]
        return bool(found["held_by"] == 2 and found["state"] == "sent" and found["members"] == 2)

    eventually(known, 20, "both are known to have it")
    assert bob.history("lobby")[0]["delivery"] is None
    said = bob.json("msg", ann.peer_id, "hello")[0]
    direct = bob.history(ann.peer_id)[0]
    assert direct["id"] == said["id"]
    assert direct["delivery"] == {"state": "delivered", "sent_to": 1, "held_by": 1, "members": 1}


def test_a_room_kept_for_a_number_of_records_neither_grows_nor_syncs_for_ever(net: Net) -> None:
    ann = net.daemon("ann")
    bob = net.daemon("bob", "--keep", "20", start=False)
    bob.launch()
    bob.wait_ready()
    for node in (ann, bob):
        node.join("lobby")
    bob.connect(ann)
    eventually(lambda: ann.members("lobby") == bob.members("lobby") == 2, what="together")
    for i in range(50):
        ann.send("lobby", f"message {i}")
    eventually(lambda: "message 49" in bob.texts("lobby"), what="all heard")
    bob.stop()
    bob.start()  # what is too old is given up at the start, and then every few minutes
    eventually(lambda: len(bob.texts("lobby")) <= 20, what="only the newest are kept")
    eventually(lambda: bob.members("lobby") == 2, what="together again")
    ann.send("lobby", "one more")
    eventually(lambda: "one more" in bob.texts("lobby"), what="it goes on")
    eventually(lambda: held_by(ann) == 1, 20, "they compared what both keep")
    assert len(bob.texts("lobby")) <= 21
    assert len(ann.texts("lobby")) == 51


def held_by(node: Daemon) -> int:
    return int(node.history("lobby")[-1]["delivery"]["held_by"])
