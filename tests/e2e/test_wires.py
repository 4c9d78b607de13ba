"""Rooms of other people's formats, between two p2pd nodes: said, kept, caught up on, exported, imported."""

from __future__ import annotations

from typing import Any

import pytest
from e2e.harness import Daemon, Net, eventually

UC = "universal-connectivity"
SOME = [f"text {number}" for number in range(10)]


def join(node: Daemon, room: str, wire: str) -> dict[str, Any]:
    return dict(node.api("POST", "/v1/join", {"room": room, "wire": wire}))


def meet(one: Daemon, other: Daemon, room: str = UC) -> None:
    one.connect(other)
    eventually(lambda: one.members(room) == other.members(room) == 2, what="both are in the room")


@pytest.mark.slow
def test_two_nodes_talk_in_a_text_room_and_remember_it(net: Net) -> None:
    ann, bob = net.daemons("ann", "bob")
    for node in (ann, bob):
        assert join(node, UC, "text") == {"room": UC, "topic": UC, "wire": "text"}
    meet(ann, bob)
    for text in SOME:
        ann.send(UC, text)
    eventually(lambda: bob.texts(UC) == SOME, what="in the order in which they were said")
    [room] = bob.json("rooms")
    assert (room["room"], room["topic"], room["wire"], room["unread"]) == (UC, UC, "text", len(SOME))
    assert [(line["from"], line["state"], line["sender"]) for line in bob.history(UC, 1)] == [
        (ann.peer_id, "received", None)
    ]
    bob.stop()
    bob.start()
    assert bob.texts(UC) == SOME
    assert bob.json("rooms")[0]["wire"] == "text"
    bob.send(UC, "back again")
    assert bob.texts(UC) == [*SOME, "back again"]
    bob.connect(ann)
    eventually(lambda: ann.texts(UC) == [*SOME, "back again"], what="what was said alone arrives")
