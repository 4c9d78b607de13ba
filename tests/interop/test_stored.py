"""Messages of other implementations' peers are kept, compared, exported and verified like p2pd's own."""

from __future__ import annotations

import json

import pytest
from e2e.exporting import export, verify
from e2e.harness import Daemon, Net, eventually
from interop.harness import WIRE, Foreign, Foreigners, connect, meet, said_by, texts


def ids(node: Daemon, room: str) -> list[str]:
    return [message["id"] for message in node.history(room)]


@pytest.mark.cell("stored, reconciled to a second p2pd, verified there")
def test_a_second_p2pd_gets_them_by_comparing_and_verifies_them(
    daemon: Daemon, net: Net, foreigners: Foreigners, kind: Foreign, room: str
) -> None:
    """The second never meets the peer: it comes when the peer has gone."""
    peer = foreigners.start(kind)
    connect(daemon, peer, "tcp", "peer")
    meet(room, WIRE, daemon, peer)
    said = texts("for the record")
    for line in said:
        peer.publish(WIRE.topic(room), WIRE.encode(line))
    eventually(lambda: len(said_by(daemon, room, peer.peer_id)) >= len(said), what="p2pd heard it")
    author = peer.peer_id
    foreigners.stop(peer)

    late = net.daemon("late")
    WIRE.join(late, room)
    late.connect(daemon)
    eventually(lambda: said_by(late, room, author) == said, 60, "the second p2pd has it all")
    assert ids(late, room) == ids(daemon, room)
    file = export(late, room, late.home / "room.jsonl")
    assert ": 10 records of 1 author" in verify(file, home=late.home / "nobody")
    records = [json.loads(line) for line in file.read_text().splitlines()]
    assert sum(record.get("from") == author for record in records) == len(said)

    file.write_text(file.read_text().replace("for the record 7", "for the record 8"))
    verify(file, home=late.home / "nobody", code=1)
