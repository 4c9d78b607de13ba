"""gossipsub's mesh: who is taken into it, who is put out, and how what the mesh does not bring is recovered."""

from __future__ import annotations

import pytest
from e2e.harness import Daemon, eventually
from interop.harness import WIRE, Foreign, Foreigners, connect, meet, said_by, texts


@pytest.mark.cell("graft and prune: joining and leaving")
def test_joining_grafts_and_leaving_prunes(
    daemon: Daemon, foreigners: Foreigners, kind: Foreign, transport: str, room: str
) -> None:
    peer = foreigners.start(kind)
    connect(daemon, peer, transport, "p2pd")
    meet(room, WIRE, daemon, peer)
    topic = WIRE.topic(room)

    daemon.cli("leave", room)
    eventually(lambda: peer.mesh(topic) == [], what="the peer has pruned p2pd")
    eventually(lambda: peer.members(topic) == 0, what="the peer knows that p2pd left")

    WIRE.join(daemon, room)
    eventually(lambda: peer.members(topic) == 1, what="the peer knows that p2pd is back")
    eventually(lambda: daemon.members(room) == 2, what="p2pd knows the peer")
    peer.publish(topic, WIRE.encode("you left"))
    eventually(lambda: said_by(daemon, room, peer.peer_id) == ["you left"])
    daemon.send(room, "and am back")
    eventually(
        lambda: [WIRE.decode(one.data) for one in peer.heard(topic, daemon.peer_id)] == ["and am back"]
    )

    peer.call("leave", room=topic)
    eventually(lambda: daemon.members(room) == 1, what="p2pd knows that the peer left")
    peer.join(topic)
    eventually(lambda: daemon.members(room) == 2, what="p2pd knows that the peer is back")
    daemon.send(room, "so are you")
    eventually(lambda: [WIRE.decode(one.data) for one in peer.heard(topic, daemon.peer_id)] == ["so are you"])


@pytest.mark.cell("IHAVE and IWANT recover what is said, p2pd as source and receiver")
def test_what_the_mesh_does_not_bring_is_recovered(
    daemon: Daemon, foreigners: Foreigners, kind: Foreign, room: str
) -> None:
    """beyond – p2pd – hub – leaf, and no mesh between p2pd and the hub.

    p2pd left the room and came back at once: within the back-off the hub answers its GRAFT with a PRUNE. What others
    say crosses that gap only when one side tells what it has, and the other asks for it.
    """
    topic = WIRE.topic(room)
    hub, leaf, beyond = (foreigners.start(kind) for _ in range(3))
    hub.join(topic)
    leaf.join(topic)
    leaf.call("connect", addr=hub.addr)
    eventually(lambda: leaf.peer_id in hub.mesh(topic), what="the leaf is in the hub's mesh")
    connect(daemon, hub, "tcp", "p2pd")
    meet(room, WIRE, daemon, hub)
    daemon.cli("leave", room)
    eventually(lambda: hub.members(topic) == 1, what="the hub knows that p2pd left")
    connect(daemon, beyond, "tcp", "peer")
    meet(room, WIRE, daemon, beyond)
    eventually(lambda: hub.members(topic) == 2, what="the hub knows that p2pd is back")
    eventually(lambda: daemon.members(room) == 3, what="p2pd knows both")

    inward, outward = texts("from the leaf", 3), texts("from beyond", 3)
    for count, (line, other) in enumerate(zip(inward, outward, strict=True), 1):
        leaf.publish(topic, WIRE.encode(line))
        eventually(
            lambda n=count: len(beyond.heard(topic, leaf.peer_id)) == n, what="p2pd asked and passed on"
        )
        beyond.publish(topic, WIRE.encode(other))
        eventually(lambda n=count: len(leaf.heard(topic, beyond.peer_id)) == n, what="the hub asked p2pd")
        assert daemon.peer_id not in hub.mesh(topic)
    assert said_by(daemon, room, leaf.peer_id) == inward
    for listener, speaker, said in ((beyond, leaf, inward), (leaf, beyond, outward)):
        heard = listener.heard(topic, speaker.peer_id)
        assert [WIRE.decode(message.data) for message in heard] == said
        for message in heard:
            message.check(topic)
