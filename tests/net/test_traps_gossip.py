"""The traps and faults of libp2p's gossipsub: each test fails when its work-around is taken away."""

from __future__ import annotations

import pytest
import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from net.support import TOPIC, Node, chat, join_up, line, open_node, open_nodes, star, until
from p2pd_daemon.core.admission import Verdict
from p2pd_daemon.core.push import encode_frame
from p2pd_daemon.core.record import Record, sign_record
from p2pd_daemon.errors import TooLarge
from p2pd_daemon.net.gossip_router import HEARTBEAT_S, RoomRouter

OTHER = "p2pd/1/other"


async def ignore(_ihave: rpc_pb2.ControlIHave, _sender: ID) -> None: ...


async def gossip_stream(node: Node, to: Node) -> INetStream:
    return await node.opened.host.new_stream(to.opened.own_id, [TProtocol("/meshsub/1.1.0")])


async def test_trap_01_a_malformed_frame_costs_that_stream() -> None:
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            stream = await gossip_stream(bob, alice)
            await stream.write(encode_frame(b"\xff\xff\xff"))
            await until(lambda: alice.network.dropped["bad_frame"] == 1)
            await chat(alice, bob, "still here")


async def test_trap_01_a_message_whose_key_is_none_costs_that_message() -> None:
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            message = rpc_pb2.Message(
                from_id=b"\x12\x20" + bytes(32),
                seqno=bytes(8),
                topicIDs=[TOPIC],
                data=b"x",
                signature=b"x",
                key=b"\xff",
            )
            stream = await gossip_stream(bob, alice)
            await stream.write(encode_frame(rpc_pb2.RPC(publish=[message]).SerializeToString()))
            await until(lambda: alice.network.dropped["bad_signature"] == 1)
            await chat(alice, bob, "still here")


async def test_trap_02_a_failure_while_judging_a_record_costs_that_record() -> None:
    def fail(record: Record) -> Verdict:
        raise LookupError("a bug of ours")

    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            accept, bob.events.verdict = bob.events.verdict, fail
            await alice.say("lost")
            await until(lambda: len(bob.events.checked) == 1)
            bob.events.verdict = accept
            await chat(alice, bob, "still here")
            assert "lost" not in bob.events.texts()


@pytest.mark.slow
async def test_trap_03_the_heart_beats_every_second() -> None:
    with trio.fail_after(60):
        async with open_node(TOPIC) as alice:
            router = alice.gossip.router
            assert not router.adaptive_gossip_enabled  # it would slow down to 30 s after 30 s
            first = router.mcache.history[0]
            await until(lambda: router.mcache.history[2] is first, 10 * HEARTBEAT_S)


@pytest.mark.slow
async def test_trap_04_more_than_ten_messages_a_second_are_relayed() -> None:
    with trio.fail_after(60):
        async with open_nodes(3, TOPIC) as nodes:
            await join_up(nodes, line(3))
            for number in range(30):
                await nodes[0].say(f"{number}")
            await until(lambda: len(nodes[2].events.records) == 30)


@pytest.mark.slow
async def test_trap_05_more_neighbours_than_the_mesh_holds_hear_everything() -> None:
    with trio.fail_after(60):
        async with open_nodes(9, TOPIC) as nodes:
            hub, leaves = nodes[0], nodes[1:]
            hub.gossip.router.degree = hub.gossip.router.degree_low = 2
            hub.gossip.router.degree_high = 3
            await join_up(nodes, star(9))
            await until(lambda: len(hub.gossip.router.mesh[TOPIC]) == 2)
            assert len(hub.gossip.router.back_off) <= 1
            for leaf in leaves:  # it comes by itself, not because a later heartbeat tells of it
                leaf.gossip.router.handle_ihave = ignore  # type: ignore[method-assign]
            await hub.say("from the hub")
            await until(lambda: all("from the hub" in leaf.events.texts() for leaf in leaves))
            for leaf in leaves:
                del leaf.gossip.router.handle_ihave
            await leaves[0].say("from a leaf")
            await until(lambda: all("from a leaf" in leaf.events.texts() for leaf in leaves[1:]))


@pytest.mark.slow
async def test_b2_a_pruned_peer_is_told_of_records_during_its_back_off() -> None:
    with trio.fail_after(60):
        async with open_nodes(3, TOPIC) as nodes:
            first, hub, pruned = nodes
            await join_up(nodes, line(3))
            for here, there in ((hub, pruned), (pruned, hub)):
                here.gossip.router._add_back_off(there.opened.own_id, TOPIC, False)
                here.gossip.router.mesh[TOPIC].discard(there.opened.own_id)
            await first.say("by IHAVE")
            await until(lambda: "by IHAVE" in pruned.events.texts())
            assert pruned.opened.own_id not in hub.gossip.router.mesh[TOPIC]


async def test_trap_07_what_gossip_would_lose_is_refused() -> None:
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            with pytest.raises(TooLarge):
                await alice.network.publish(sign_record(alice.key, 1, TOPIC, bytes(20_000)))
            await chat(alice, bob, "still here")


async def test_b1_control_messages_go_to_the_peers_they_concern() -> None:
    sent: dict[bytes, tuple[list[str], list[str], list[str]]] = {}

    class Router(RoomRouter):
        async def emit_control_message(self, control_msg: rpc_pb2.ControlMessage, to_peer: ID) -> None:
            assert to_peer.to_bytes() not in sent
            sent[to_peer.to_bytes()] = (
                [one.topicID for one in control_msg.graft],
                [one.topicID for one in control_msg.prune],
                [one.topicID for one in control_msg.ihave],
            )

    a, b, c, d = (ID(name) for name in (b"a", b"b", b"c", b"d"))
    await Router({})._emit_control_msgs(  # type: ignore[arg-type]  # counts nothing here
        {a: ["t1"], b: ["t2"]}, {a: ["t3"], c: ["t4", "t5"]}, {a: {"t6": [b"x"]}, d: {"t7": [b"y"]}}
    )
    assert sent == {
        b"a": (["t1"], ["t3"], ["t6"]),
        b"b": (["t2"], [], []),
        b"c": ([], ["t4", "t5"], []),
        b"d": ([], [], ["t7"]),
    }


@pytest.mark.slow
async def test_leaving_and_joining_again_at_once_works_both_ways() -> None:
    """In libp2p the mesh is one-way for 10 s afterwards."""
    with trio.fail_after(60):
        async with open_nodes(3, TOPIC) as nodes:
            await join_up(nodes, line(3))
            middle = nodes[1]
            for _ in range(2):
                await middle.network.unsubscribe(TOPIC)
                await middle.network.subscribe(TOPIC)
            await join_up(nodes, line(3))
            await chat(nodes[0], middle, "near")
            await chat(nodes[0], nodes[2], "far", 8)


async def test_a_late_member_hears_what_was_just_said_in_order() -> None:
    with trio.fail_after(60):
        async with open_nodes(2) as (alice, bob):
            await alice.network.subscribe(TOPIC)
            await alice.network.connect(bob.addr)
            for number in range(50):
                await alice.say(f"{number}")
            await bob.network.subscribe(TOPIC)
            await until(lambda: len(bob.events.records) == 50)
            assert bob.events.texts() == [str(number) for number in range(50)]


@pytest.mark.slow
async def test_a_broken_gossip_stream_is_replaced_and_topics_are_kept() -> None:
    """libp2p forgets the topics of a peer whose stream broke; the peer, still connected, does not repeat them."""
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            for here, there in ((alice, bob), (bob, alice)):
                await here.gossip.pubsub.peers[there.opened.own_id].reset()
                await here.say("into the broken stream")
                await until(lambda here=here, there=there: _writable(here, there))
                await chat(alice, bob, f"after that of {here.peer_id}")


def _writable(here: Node, there: Node) -> bool:
    stream = here.gossip.pubsub.peers.get(there.opened.own_id)
    return stream is not None and not stream.muxed_stream.closed  # type: ignore[attr-defined]  # NetStream has it


@pytest.mark.slow
async def test_of_two_connections_one_may_break() -> None:
    """libp2p leaves its gossip stream on the dead one, and never tells the peer our topics on the other."""
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            old = alice.opened.swarm.connections[bob.opened.own_id][0]
            transport = bob.opened.host.get_transport_addrs()[0]
            await alice.opened.swarm.dial_addr(transport, bob.opened.own_id)
            await old.close()
            await until(lambda: alice.gossip.pubsub.peers.get(bob.opened.own_id) is not None)
            await chat(alice, bob, "on the other connection")
            assert (bob.peer_id, False) not in alice.events.connected
