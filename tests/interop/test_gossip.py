"""What is said in a room: each implementation, each transport, whoever dials."""

from __future__ import annotations

import pytest
from e2e.harness import Daemon, eventually
from interop.harness import (
    NATIVE,
    WIRE,
    Foreign,
    Foreigners,
    ForeignPeer,
    Wire,
    connect,
    meet,
    said_by,
    texts,
)


@pytest.mark.cell("gossip in a text room, signed")
def test_ten_messages_each_way(daemon: Daemon, neighbour: ForeignPeer, room: str) -> None:
    say_ten_each_way(daemon, neighbour, room, WIRE)


@pytest.mark.cell("gossip in a native room, signed")
def test_ten_messages_each_way_in_a_native_room(
    daemon: Daemon, foreigners: Foreigners, kind: Foreign, room: str
) -> None:
    peer = foreigners.start(kind)
    connect(daemon, peer, "tcp", "peer")
    say_ten_each_way(daemon, peer, room, NATIVE)


def say_ten_each_way(daemon: Daemon, peer: ForeignPeer, room: str, wire: Wire) -> None:
    """Both speak in turn; each hears all that the other said, in order, once, and signed by who said it."""
    topic = wire.topic(room)
    meet(room, wire, daemon, peer)
    ours, theirs, ids = texts("from p2pd"), texts("from the peer"), []
    for our, their in zip(ours, theirs, strict=True):
        ids.append(daemon.send(room, our)["id"])
        peer.publish(topic, wire.encode(their))

    eventually(lambda: len(peer.heard(topic, daemon.peer_id)) >= len(ours), what="the peer heard p2pd")
    eventually(lambda: len(said_by(daemon, room, peer.peer_id)) >= len(theirs), what="p2pd heard the peer")
    heard = peer.heard(topic, daemon.peer_id)
    assert [wire.decode(message.data) for message in heard] == ours
    assert [message.check(topic) for message in heard] == ids
    assert said_by(daemon, room, peer.peer_id) == theirs
