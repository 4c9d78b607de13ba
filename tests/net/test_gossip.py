"""Gossip between real nodes: who hears what, once, and what is not passed on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
import trio.testing
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from net.support import TOPIC, chat, full_mesh, join_up, line, open_node, open_nodes, until
from p2pd_daemon.core.admission import Outcome, Verdict
from p2pd_daemon.core.push import encode_frame
from p2pd_daemon.core.record import Record

OTHER = "p2pd/1/other"
MESHSUB = TProtocol("/meshsub/1.1.0")


@pytest.mark.slow
async def test_each_record_is_judged_and_delivered_once() -> None:
    with trio.fail_after(60):
        async with open_nodes(4, TOPIC) as nodes:
            await join_up(nodes, full_mesh(4))
            for number in range(20):
                for node in nodes:
                    await node.say(f"{node.peer_id} {number}")
            for node in nodes:
                await until(lambda node=node: len(node.events.records) >= 60)
            for node in nodes:
                assert len(node.events.checked) == len({record.id for record in node.events.records}) == 60


@pytest.mark.slow
async def test_records_arrive_byte_by_byte() -> None:
    with trio.fail_after(60):
        async with open_nodes(3, TOPIC) as nodes:
            await join_up(nodes, line(3))
            record = nodes[0].record("hello")
            assert await nodes[0].network.publish(record) == 1
            await until(lambda: len(nodes[2].events.records) == 1)
            assert nodes[2].events.records[0] == record
            assert nodes[2].events.records[0].raw == record.raw
            assert nodes[2].events.sources == [nodes[1].peer_id]


@pytest.mark.slow
async def test_what_is_not_accepted_is_not_relayed() -> None:
    def judge(record: Record) -> Verdict:
        outcome = Outcome(record.data.decode().split()[0])
        return Verdict(outcome, "" if outcome is Outcome.ACCEPT else f"because of {outcome.value}")

    with trio.fail_after(60):
        async with open_nodes(3, TOPIC) as nodes:
            first, middle, last = nodes
            await join_up(nodes, line(3))
            middle.events.verdict = judge
            for text in ("quarantine it", "ignore it", "reject it", "accept it"):
                await first.say(text)
            await until(lambda: "accept it" in last.events.texts())
            assert last.events.texts() == ["accept it"]
            assert middle.events.texts() == ["quarantine it", "accept it"]
            assert middle.network.dropped["because of ignore"] == 1
            assert middle.network.dropped["because of reject"] == 1
            assert len(middle.events.checked) == 4


async def test_a_record_may_be_published_again_when_somebody_is_there() -> None:
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            record = alice.record("is anybody there?")
            assert await alice.network.publish(record) == 0
            await join_up([alice, bob], [(0, 1)])
            assert await alice.network.publish(record) == 1
            assert await alice.network.publish(record) == 1
            await chat(alice, bob, "so there is")
            assert bob.events.texts().count("is anybody there?") == 1


@pytest.mark.slow
async def test_a_forgery_does_not_silence_the_author() -> None:
    """The message id is author and seqno only: whoever sends another text under it first must not be believed."""
    with trio.fail_after(60):
        async with open_nodes(3, TOPIC) as (alice, bob, mallory):
            await join_up([alice, bob, mallory], [(0, 1), (1, 2)])
            record = alice.record("the truth")
            forged = rpc_pb2.Message.FromString(record.raw)
            forged.data = b"a lie"
            stream = await mallory.opened.host.new_stream(bob.opened.own_id, [TProtocol("/meshsub/1.1.0")])
            await stream.write(encode_frame(rpc_pb2.RPC(publish=[forged]).SerializeToString()))
            await until(lambda: bob.network.dropped["bad_signature"] == 1)
            await alice.network.publish(record)
            await until(lambda: bob.events.texts() == ["the truth"])


async def test_records_of_other_topics_do_not_arrive() -> None:
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            assert await alice.say("psst", OTHER) == 0
            await chat(alice, bob, "aloud")
            assert len(bob.events.records) == 1


async def test_members_come_and_go() -> None:
    with trio.fail_after(60):
        async with open_node(TOPIC) as alice:
            async with open_node() as bob:
                await alice.network.connect(bob.addr)
                await bob.network.subscribe(TOPIC)
                await until(lambda: alice.events.members == [(TOPIC, bob.peer_id, True)])
                assert alice.network.members(TOPIC) == [bob.peer_id]
                # Bob is told who was there already; Alice hears of a topic only when she is in it herself.
                await until(lambda: bob.events.members == [(TOPIC, alice.peer_id, True)])
                await bob.network.subscribe(OTHER)
                await bob.network.unsubscribe(TOPIC)
                await until(lambda: alice.events.members[1:] == [(TOPIC, bob.peer_id, False)])
                await alice.network.subscribe(OTHER)
                await until(lambda: alice.events.members[2:] == [(OTHER, bob.peer_id, True)])
            await until(lambda: alice.events.members[3:] == [(OTHER, bob.peer_id, False)])
            assert alice.network.members(OTHER) == []


async def test_a_topic_joined_while_the_hello_is_written_is_told() -> None:
    """Between our hello and our entry in libp2p's table of peers a new topic would be told to nobody."""
    with trio.fail_after(60):
        async with open_node(TOPIC) as alice, open_node() as bob, trio.open_nursery() as nursery:
            pubsub = bob.gossip.pubsub
            hello = pubsub.get_hello_packet

            def hello_then_join() -> rpc_pb2.RPC:
                nursery.start_soon(bob.network.subscribe, TOPIC)
                return hello()

            pubsub.get_hello_packet = hello_then_join  # type: ignore[method-assign]  # to be in time
            await bob.network.connect(alice.addr)
            await until(lambda: alice.network.members(TOPIC) == [bob.peer_id])


async def test_who_cannot_be_written_to_yet_is_no_member() -> None:
    """What was said alone is published to the first member: before our stream is open, that would reach nobody."""
    with trio.fail_after(60):
        async with open_node(TOPIC) as alice, open_node(TOPIC) as bob:
            new_stream, may_open = alice.opened.host.new_stream, trio.Event()

            async def late(peer: ID, protocols: Sequence[TProtocol]) -> INetStream:
                if MESHSUB in protocols:
                    await may_open.wait()
                return await new_stream(peer, protocols)

            alice.opened.host.new_stream = late  # type: ignore[method-assign]  # as on a slow line
            await alice.network.connect(bob.addr)
            await until(lambda: alice.gossip.pubsub.peer_topics.get(TOPIC) == {bob.opened.own_id})
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert alice.network.members(TOPIC) == []
            assert alice.events.members == []
            assert await alice.say("too early") == 0
            may_open.set()
            await until(lambda: alice.events.members == [(TOPIC, bob.peer_id, True)])
            assert alice.network.members(TOPIC) == [bob.peer_id]
            assert await alice.say("in time") == 1
            await until(lambda: "in time" in bob.events.texts())


async def test_connections_are_told_once_and_described() -> None:
    with trio.fail_after(60):
        async with open_node(TOPIC) as alice:
            async with open_node(TOPIC) as bob:
                await join_up([alice, bob], [(0, 1)])
                await until(lambda: bob.network.peers()[0].rtt_ms is not None)
                (out,), (into,) = alice.network.peers(), bob.network.peers()
                assert (out.peer_id, out.direction) == (bob.peer_id, "out")
                assert (into.peer_id, into.direction) == (alice.peer_id, "in")
                assert out.addrs == (bob.addr,)
                await until(lambda: bob.network.peers()[0].addrs == (alice.addr,))  # once identified
                await until(lambda: alice.network.peers()[0].agent.startswith("p2pd/"))
                assert "/p2pd/push/1.0.0" in alice.network.peers()[0].protocols
                assert out.since_ms > 1_700_000_000_000
            await until(lambda: alice.events.connected == [(bob.peer_id, True), (bob.peer_id, False)])
