"""Three nodes that know only a bootstrap node: rooms and direct messages in all directions, through restarts."""

from __future__ import annotations

import pytest
from e2e.harness import Daemon, Net, eventually

pytestmark = pytest.mark.slow


def together(nodes: list[Daemon], room: str) -> None:
    eventually(lambda: all(node.members(room) == len(nodes) for node in nodes), 20, "all are in the room")


def test_three_nodes_that_know_only_the_bootstrap(net: Net) -> None:
    bootstrap = net.bootstrap()
    nodes = [
        net.daemon(name, "--bootstrap", bootstrap.addr, "--nick", name) for name in ("ann", "bob", "cleo")
    ]
    for node in nodes:
        node.cli("join", "lobby")
    together(nodes, "lobby")

    said = []
    for node in nodes:
        text = f"hello from {node.peer_id}"
        assert node.json("send", "lobby", text)[0]["state"] == "sent"
        said.append(text)
    for node in nodes:
        eventually(
            lambda node=node: sorted(node.texts("lobby")) == sorted(said), what="everybody heard everything"
        )
    for sender in nodes:
        for receiver in nodes:
            if sender is not receiver:
                text = f"{sender.peer_id} to {receiver.peer_id}"
                assert sender.json("msg", receiver.peer_id, text)[0]["state"] == "delivered"
                assert receiver.texts(sender.peer_id)[-1] == text

    for node in nodes:
        node.stop()
        node.start()
        together(nodes, "lobby")
        text = f"{node.peer_id} is back"
        node.cli("send", "lobby", text)
        said.append(text)
        for other in nodes:
            eventually(
                lambda other=other: len(other.texts("lobby")) == len(said), what="the restarted node is heard"
            )
    histories = [
        [(m["id"], m["from"], m["nick"], m["text"]) for m in node.json("history", "lobby", "--limit", "100")]
        for node in nodes
    ]
    assert histories[0] == histories[1] == histories[2]
    assert {nick for _, _, nick, _ in histories[0]} == {"ann", "bob", "cleo"}
    assert [text for *_, text in histories[0]][-3:] == said[-3:]
