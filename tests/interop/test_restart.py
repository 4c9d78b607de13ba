"""A side that dies without a word and comes back with its key, and what was said meanwhile."""

from __future__ import annotations

import pytest
from e2e.harness import Daemon, Net, eventually
from interop.conftest import LISTEN
from interop.harness import TRANSPORTS, WIRE, Foreign, Foreigners, connect, meet, said_by, texts

BACK_S = 30.0  # p2pd dials a peer it knows again within seconds, more slowly the longer that is away


@pytest.mark.cell("the peer restarts and is back")
def test_p2pd_finds_a_peer_that_was_restarted(
    daemon: Daemon, foreigners: Foreigners, kind: Foreign, transport: str, room: str
) -> None:
    """p2pd dials it again by itself, at the address it knows."""
    key = ("--key", str(foreigners.folder / "peer.key"))
    peer = foreigners.start(kind, *key, listen=[TRANSPORTS[transport]])
    connect(daemon, peer, transport, "p2pd")
    meet(room, WIRE, daemon, peer)
    topic = WIRE.topic(room)
    first, second = texts("before"), texts("after")
    peer.publish(topic, WIRE.encode(first[0]))
    eventually(lambda: said_by(daemon, room, peer.peer_id) == first[:1])

    where = peer.addr.partition("/p2p/")[0]
    foreigners.kill(peer)
    eventually(lambda: peer.peer_id not in daemon.peers(), what="p2pd knows that it is gone")
    again = foreigners.start(kind, *key, listen=[where])
    assert again.peer_id == peer.peer_id
    eventually(lambda: daemon.peer_id in again.peers(), BACK_S, "p2pd has dialled it")
    meet(room, WIRE, daemon, again)
    for line in second:
        again.publish(topic, WIRE.encode(line))
    eventually(lambda: len(said_by(daemon, room, peer.peer_id)) >= 11, what="p2pd heard it")
    assert said_by(daemon, room, peer.peer_id) == [first[0], *second]
    ours = texts("from p2pd")
    for line in ours:
        daemon.send(room, line)
    eventually(lambda: len(again.heard(topic, daemon.peer_id)) >= len(ours), what="it heard p2pd")
    assert [WIRE.decode(message.data) for message in again.heard(topic, daemon.peer_id)] == ours


@pytest.mark.cell("p2pd restarts and is back")
def test_a_peer_hears_a_p2pd_that_was_restarted(
    net: Net, foreigners: Foreigners, kind: Foreign, transport: str, room: str
) -> None:
    """Killed, p2pd takes up its rooms and peers again, and its new messages are none that the others have seen."""
    daemon = net.daemon("p2pd", *LISTEN)
    peer = foreigners.start(kind)
    connect(daemon, peer, transport, "p2pd")
    meet(room, WIRE, daemon, peer)
    topic = WIRE.topic(room)
    ours = texts("from p2pd")
    for line in ours[:5]:
        daemon.send(room, line)
    eventually(lambda: len(peer.heard(topic, daemon.peer_id)) >= 5, what="the peer heard p2pd")

    daemon.kill()
    eventually(lambda: not peer.peers(), what="the peer knows that it is gone")
    daemon.start()
    eventually(lambda: daemon.peer_id in peer.peers(), BACK_S, "p2pd has dialled the peer")
    eventually(lambda: daemon.peer_id in peer.mesh(topic), BACK_S, what="p2pd is in the mesh again")
    for line in ours[5:]:
        daemon.send(room, line)
    eventually(lambda: len(peer.heard(topic, daemon.peer_id)) >= 10, what="the peer heard p2pd again")
    assert [WIRE.decode(message.data) for message in peer.heard(topic, daemon.peer_id)] == ours
    peer.publish(topic, WIRE.encode("welcome back"))
    eventually(lambda: said_by(daemon, room, peer.peer_id) == ["welcome back"])
