"""Universal-connectivity's discovery topic: each finds the other by it, and reads nothing malformed."""

from __future__ import annotations

import pytest
from e2e.harness import Daemon, Net, eventually
from interop.harness import Foreign, Foreigners, ForeignPeer

ROOM = "universal-connectivity"
TOPIC = "universal-connectivity-browser-peer-discovery"


def in_topic(peer: ForeignPeer, *others: str) -> bool:
    """`discovered` joins it; the mesh is what makes an announcement go out at once."""
    peer.call("discovered", topic=TOPIC)
    return set(others) <= set(peer.mesh(TOPIC))


def found(peer: ForeignPeer, daemon: Daemon) -> list[list[str]]:
    """What p2pd announced, as the peer's own strict decoder has it. Raises when it got anything malformed."""
    return [
        one["addrs"]
        for one in peer.call("discovered", topic=TOPIC)["peers"]
        if one.get("peer_id") == daemon.peer_id
    ]


@pytest.mark.cell("peer discovery of universal-connectivity")
def test_the_peer_reads_where_p2pd_is(net: Net, foreigners: Foreigners, kind: Foreign) -> None:
    ann = net.daemon("ann")
    peer = foreigners.start(kind)
    ann.cli("connect", peer.addr_of("tcp"))
    ann.cli("join", ROOM, "--wire", "text")
    eventually(lambda: in_topic(peer, ann.peer_id), what="both are in the topic")
    eventually(lambda: found(peer, ann), 30, "the peer reads it")
    assert found(peer, ann)[0] == [ann.addr]


@pytest.mark.cell("peer discovery of universal-connectivity")
def test_p2pd_meets_whom_the_peer_announces(net: Net, foreigners: Foreigners, kind: Foreign) -> None:
    """Two of the others know each other, and p2pd one of them: so it hears of the second one, and dials it."""
    ann = net.daemon("ann")
    near, far = foreigners.start(kind), foreigners.start(kind)
    ann.cli("connect", near.addr_of("tcp"))
    far.call("connect", addr=near.addr_of("tcp"))
    ann.cli("join", ROOM, "--wire", "text", "--no-announce")
    for peer in (near, far):
        peer.call("discovered", topic=TOPIC)
    eventually(lambda: in_topic(far, near.peer_id), what="the two are in the topic")
    eventually(lambda: in_topic(near, ann.peer_id, far.peer_id), what="p2pd is, too")

    def meets() -> bool:
        far.call("announce", topic=TOPIC)
        return far.peer_id in ann.peers()

    eventually(meets, 30, "p2pd dials the far one")
    assert found(far, ann) == []
