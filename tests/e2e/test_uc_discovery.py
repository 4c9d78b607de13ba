"""Universal-connectivity's discovery topic: who announces themselves there is met, and who asks not to is not."""

from __future__ import annotations

import pytest
import trio
from e2e.harness import Daemon, Net, eventually, run_cli
from e2e.raw_peer import away, soon
from multiaddr import Multiaddr
from net.support import Node, open_node
from p2pd_daemon.core.keys import SigningKey, encode_public_key
from p2pd_daemon.core.pb import uc_pb2
from p2pd_daemon.core.record import sign_record

pytestmark = pytest.mark.slow

ROOM = "universal-connectivity"
TOPIC = "universal-connectivity-browser-peer-discovery"
USAGE = 2


def join(node: Daemon, room: str = ROOM, *options: str) -> dict[str, object]:
    return node.json("join", room, "--wire", "text", *options)[0]


def connected(one: Daemon, other: Daemon) -> bool:
    return other.peer_id in one.peers() and one.peer_id in other.peers()


def test_peers_of_the_room_meet_through_one_that_both_know(net: Net) -> None:
    """Nobody else introduces them: there is no bootstrap node, and mDNS is off."""
    hub, ann, bob = net.daemons("hub", "ann", "bob")
    for node in (hub, ann, bob):
        assert join(node)["announce"] is True
    for node in (ann, bob):
        node.connect(hub)
    eventually(lambda: connected(ann, bob), 40, "they found each other")
    assert all(room["announce"] for room in ann.json("rooms"))


def test_it_is_asked_for_and_kept(net: Net) -> None:
    ann = net.daemon("ann")
    assert join(ann, "another-room")["announce"] is False
    assert join(ann, "another-room", "--announce")["announce"] is True
    assert join(ann, ROOM, "--no-announce")["announce"] is False
    refused = run_cli("join", "lobby", "--announce", home=ann.home)
    assert refused.returncode == USAGE
    assert "--wire text" in refused.stderr
    assert [room["room"] for room in ann.json("rooms")] == ["another-room", ROOM]
    ann.stop()
    ann.start()
    kept = {room["room"]: room["announce"] for room in ann.json("rooms")}
    assert kept == {"another-room": True, ROOM: False}
    told = run_cli("join", ROOM, "--announce", home=ann.home)
    assert "tells its addresses" in told.stderr
    assert {room["room"]: room["announce"] for room in ann.json("rooms")}[ROOM] is True


def announcement(key: SigningKey, *addrs: str) -> bytes:
    raws = [Multiaddr(addr).to_bytes() for addr in addrs]
    return uc_pb2.Peer(publicKey=encode_public_key(key.public_key), addrs=raws).SerializeToString()


def heard(node: Node, daemon: Daemon) -> list[bytes]:
    """What the daemon has announced."""
    return [
        record.data
        for record in node.events.records
        if record.topic == TOPIC and record.author == daemon.peer_id
    ]


async def test_what_is_announced_is_ours_strictly_and_ends_with_the_room(net: Net) -> None:
    ann = await away(net.daemon, "ann")
    with trio.fail_after(180):
        async with open_node(TOPIC, ROOM) as node:
            await node.network.connect(ann.addr)
            await away(join, ann)
            await soon(lambda: heard(node, ann), "it announces itself")
            found = uc_pb2.Peer.FromString(heard(node, ann)[0])
            assert [str(Multiaddr(addr)) for addr in found.addrs] == [ann.addr]
            await away(join, ann, ROOM, "--no-announce")
            assert TOPIC in node.gossip.pubsub.peer_topics  # it goes on reading
            await away(ann.cli, "leave", ROOM)
            await soon(lambda: ann.peer_id not in node.network.members(TOPIC), "it reads no more")


async def test_what_a_stranger_announces_is_not_believed(net: Net) -> None:
    """Neither for somebody else, nor what is malformed; an honest one after it is dialled."""
    ann = await away(net.daemon, "ann")
    await away(join, ann)
    with trio.fail_after(180):
        async with open_node(TOPIC) as node, open_node() as friend:
            await node.network.connect(ann.addr)
            await soon(lambda: ann.peer_id in node.network.members(TOPIC), "they are in the topic")
            for said in (announcement(friend.key, friend.addr), b"\xff\xff", b"\x0a\x00"):
                await node.network.publish(sign_record(node.key, next(node._seqno), TOPIC, said))
            await soon(lambda: dropped(ann).get("bad_announcement") == 3, "they are refused")
            assert friend.peer_id not in await away(ann.peers)
            said = announcement(friend.key, friend.addr)
            await node.network.publish(sign_record(friend.key, 7, TOPIC, said))
            await soon(lambda: friend.peer_id in ann.peers(), "it is dialled")


def dropped(node: Daemon) -> dict[str, int]:
    return dict(node.api("GET", "/v1/status")["dropped"])
