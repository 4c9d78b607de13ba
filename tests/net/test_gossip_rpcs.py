"""What a peer writes on its gossip stream, byte by byte: order, limits, odd encodings, and any garbage at all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.pubsub.pb import rpc_pb2
from net.support import TOPIC, Node, chat, full_mesh, join_up, new_key, open_node, open_nodes, star, until
from p2pd_daemon.core.gossip_frames import encode_rpc
from p2pd_daemon.core.record import Record, sign_record
from p2pd_daemon.core.wire import bytes_field
from p2pd_daemon.net import gossip_router
from p2pd_daemon.net.gossip_pubsub import RoomPubsub
from p2pd_daemon.net.gossip_router import RoomRouter

MESHSUB = TProtocol("/meshsub/1.1.0")
STRANGER = new_key()
HELLO = b"\x00"  # in no topic; what follows it is read without protobuf where that is possible


def records(texts: list[str], topic: str = TOPIC) -> list[Record]:
    return [sign_record(STRANGER, number, topic, text.encode()) for number, text in enumerate(texts, 1)]


def publishing(*raws: bytes) -> bytes:
    return encode_rpc(b"".join(bytes_field(2, raw) for raw in raws))


async def write(node: Node, to: Node, content: bytes) -> INetStream:
    stream = await node.opened.host.new_stream(to.opened.own_id, [MESHSUB])
    await stream.write(content)
    return stream


async def test_b9_several_messages_in_one_rpc_are_taken_in_order() -> None:
    """libp2p starts a task for each, and trio runs tasks in no order."""
    texts = [str(number) for number in range(50)]
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            bob.events.gate = trio.Event()
            await write(alice, bob, publishing(*(record.raw for record in records(texts))))
            await until(lambda: len(bob.events.checked) > 0)
            bob.events.gate.set()
            await until(lambda: len(bob.events.records) == 50)
            assert bob.events.texts() == texts


async def test_a_greeting_of_no_bytes_is_one() -> None:
    """go-libp2p sends it when it is in no topic."""
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            await write(alice, bob, HELLO + publishing(records(["hello"])[0].raw))
            await until(lambda: bob.events.texts() == ["hello"])
            assert not bob.network.dropped


async def test_a_record_in_another_encoding_is_the_same_record() -> None:
    (record,) = records(["hello"])
    message = rpc_pb2.Message.FromString(record.raw)
    odd = message.SerializeToString() + b"\x38\x01"  # a field that nobody knows
    parts = [bytes_field(5, message.signature), bytes_field(4, TOPIC.encode()), bytes_field(3, message.seqno)]
    backwards = b"".join([*parts, bytes_field(2, message.data), bytes_field(1, message.from_id)])
    with trio.fail_after(60):
        async with open_nodes(3, TOPIC) as nodes:
            await join_up(nodes, [(0, 1), (1, 2)])
            await write(nodes[0], nodes[1], HELLO + publishing(backwards, odd, record.raw))
            await until(lambda: nodes[2].events.texts() == ["hello"])
            assert nodes[1].events.records == nodes[2].events.records == [record]
            assert nodes[2].events.records[0].raw == record.raw
            assert len(nodes[1].events.checked) == 1


async def test_an_odd_encoding_does_not_silence_another_record() -> None:
    """Of two authors in one message protobuf takes the last: the first one's id must not count as seen."""
    (mine,) = records(["of the one who sends it"])
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            victim = sign_record(new_key(), 7, TOPIC, b"of the victim")
            disguise = victim.raw[: victim.raw.index(bytes_field(4, TOPIC.encode()))]
            stream = await write(alice, bob, HELLO + publishing(disguise + mine.raw))
            await until(lambda: bob.events.texts() == ["of the one who sends it"])
            await stream.write(publishing(victim.raw))
            await until(lambda: bob.events.texts()[1:] == ["of the victim"])


async def test_what_is_no_message_costs_the_stream() -> None:
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            await write(alice, bob, HELLO + publishing(b"\xff\xff\xff"))
            await until(lambda: bob.network.dropped["bad_frame"] == 1)
            await chat(alice, bob, "still here")


@pytest.mark.slow
async def test_a_record_is_encoded_once_for_all_peers_and_checked_by_others_only() -> None:
    with trio.fail_after(60):
        async with open_nodes(4, TOPIC) as nodes:
            await join_up(nodes, star(4))
            queues = list(nodes[0].gossip.pubsub.peer_queues.values())
            await nodes[0].say("hello")
            frames = {id(frame) for queue in queues for frame in queue._records}  # type: ignore[attr-defined]
            assert len(queues) == 3
            assert len(frames) <= 1  # none, where the writers were quicker
            await until(lambda: all(node.events.texts() == ["hello"] for node in nodes[1:]))
            assert not nodes[0].events.checked


@pytest.mark.slow
async def test_b11_what_the_router_keeps_does_not_grow_with_the_messages() -> None:
    """libp2p's router notes the time of each delivery for adaptive gossip, and forgets it only where that is on."""
    with trio.fail_after(60):
        async with open_nodes(3, TOPIC) as nodes:
            await join_up(nodes, full_mesh(3))

            async def talk(count: int) -> int:
                before = len(nodes[1].events.records)
                for number in range(count):
                    await nodes[0].say(f"{number}")
                await until(lambda: len(nodes[1].events.records) == before + count)
                return sum(map(held, (nodes[1].gossip.router, nodes[1].gossip.pubsub)))

            before = await talk(20)
            assert await talk(300) <= before + 10  # a few peers' control messages
            assert not nodes[1].gossip.router.recent_message_deliveries


def held(service: RoomRouter | RoomPubsub) -> int:
    """How many things it keeps, besides what test_gossip_memory.py is about."""
    return sum(
        count(value)
        for name, value in vars(service).items()
        if name not in {"recent", "mcache", "seen_messages"}
    )


def count(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(count, value.values()))
    return len(value) if isinstance(value, list | set | tuple) else 0


async def test_a_peer_is_asked_for_so_many_a_heartbeat_whatever_it_claims_to_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gossip_router, "IDS_PER_CONTROL", 100)
    asked: list[bytes] = []
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            router = bob.gossip.router
            monkeypatch.setattr(router, "emit_iwant", lambda ids, to: noted(asked, ids))
            router._asked.clear()
            for number in range(20):
                ids = [b"%d of %d" % (which, number) for which in range(30)]
                await router.handle_ihave(
                    rpc_pb2.ControlIHave(topicID=TOPIC, messageIDs=ids), alice.opened.own_id
                )
            assert len(asked) == len(set(asked)) == 100


async def test_what_is_offered_under_an_id_of_another_kind_is_asked_for_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rust's ids are never among those that we have seen; it offers each for three heartbeats, and sends each time."""
    asked: list[bytes] = []
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            router = bob.gossip.router
            monkeypatch.setattr(router, "emit_iwant", lambda ids, to: noted(asked, ids))
            own = alice.opened.own_id.to_bytes() + bytes(8)
            offer = rpc_pb2.ControlIHave(topicID=TOPIC, messageIDs=[b"other", own])
            for _ in range(3):
                await router.handle_ihave(offer, alice.opened.own_id)
                router._asked.clear()  # as each heartbeat does
            assert asked == [b"other", own, own, own]


async def test_a_peer_does_not_choose_how_much_is_written_to_it() -> None:
    """Ids and topics may be as long as an RPC, and would wait here until the peer reads: a thousand of them."""
    long = "made up " * 50_000
    offer = rpc_pb2.ControlIHave(topicID=TOPIC, messageIDs=[long.encode(), b"short"])
    control = rpc_pb2.ControlMessage(graft=[rpc_pb2.ControlGraft(topicID=long)], ihave=[offer])
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            queue = bob.gossip.pubsub.peer_queues[alice.opened.own_id]
            before = len(queue._control)
            await bob.gossip.router.handle_rpc(rpc_pb2.RPC(control=control), alice.opened.own_id)
            frame = queue._control[-1]
            assert frame.endswith(b"short")
            assert len(queue._control) == before + 1
            assert len(frame) < 100


async def test_a_graft_is_answered_once_however_often_an_rpc_repeats_it() -> None:
    grafts = [rpc_pb2.ControlGraft(topicID=TOPIC)] * 500
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            router, peer = bob.gossip.router, alice.opened.own_id
            router.mesh[TOPIC].discard(peer)
            router._add_back_off(peer, TOPIC, False)
            queue = bob.gossip.pubsub.peer_queues[peer]
            before = len(queue._control)
            await router.handle_rpc(rpc_pb2.RPC(control=rpc_pb2.ControlMessage(graft=grafts)), peer)
            assert len(queue._control) == before + 1
            assert TOPIC.encode() in queue._control[-1]
            assert peer not in router.mesh[TOPIC]


async def noted(asked: list[bytes], ids: list[bytes]) -> None:
    asked += ids


class Bytes:
    """A gossip stream that brings these, in these pieces."""

    def __init__(self, like: INetStream, pieces: list[bytes]) -> None:
        self.muxed_conn = like.muxed_conn
        self._pieces: Iterator[bytes] = iter(pieces)
        self.was_reset = False

    async def read(self, n: int) -> bytes:
        piece = next(self._pieces, None)
        if piece is None:
            raise StreamEOF
        return piece

    async def reset(self) -> None:
        self.was_reset = True


fields = st.builds(bytes_field, st.integers(1, 7), st.binary(max_size=40) | st.sampled_from([TOPIC.encode()]))
messages = st.lists(fields, max_size=8).map(b"".join)
controls = st.lists(st.builds(bytes_field, st.integers(1, 5), messages), max_size=4).map(b"".join)
genuine = st.builds(
    lambda seqno, data: sign_record(STRANGER, seqno, TOPIC, data).raw,
    st.integers(0, 2**64 - 1),
    st.text("abc", min_size=1).map(str.encode),
)
bent = st.builds(
    lambda raw, at, to: raw[: at % len(raw)] + to + raw[at % len(raw) + 1 :],
    genuine,
    st.integers(0),
    st.binary(max_size=2),
)
rpcs = st.lists(
    st.builds(bytes_field, st.just(2), genuine | bent | messages)
    | st.builds(bytes_field, st.just(3), controls)
    | st.builds(bytes_field, st.sampled_from([1, 4]), messages)
    | st.binary(max_size=5),
    max_size=5,
).map(b"".join)
NO_TOPIC = bytes_field(3, bytes_field(3, bytes_field(1, b"\x80")))  # a GRAFT for what is not UTF-8
streams = st.lists(rpcs.map(encode_rpc) | st.binary(max_size=10), max_size=5).map(b"".join)


@pytest.mark.slow
async def test_any_bytes_cost_their_stream_only() -> None:
    """No exception leaves the handler, which would end the host; and who is connected chats on."""
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            stream = bob.gossip.pubsub.peers[alice.opened.own_id]
            resets = itertools.count()

            async def feed(pieces: list[bytes]) -> None:
                fake = Bytes(stream, pieces)
                await bob.gossip.pubsub.stream_handler(fake)  # type: ignore[arg-type]  # as far as it is used
                if fake.was_reset:
                    next(resets)

            @settings(
                derandomize=True, deadline=None, max_examples=200, suppress_health_check=list(HealthCheck)
            )
            @given(streams, st.integers(1, 100))
            @example(encode_rpc(NO_TOPIC), 100)
            def every_stream(content: bytes, size: int) -> None:
                pieces = [content[at : at + size] for at in range(0, len(content), size)]
                trio.from_thread.run(feed, pieces)

            await trio.to_thread.run_sync(every_stream)
            assert 0 < next(resets) < 200
            assert bob.events.records  # genuine ones were among them
            assert bob.network.dropped["bad_peer_record"]
            await bob.network.unsubscribe(TOPIC)
            await bob.network.subscribe(TOPIC)
            await until(lambda: bob.peer_id in alice.network.members(TOPIC))
            async with open_node(TOPIC) as newcomer:
                await join_up([newcomer, bob], [(0, 1)])
                await chat(newcomer, bob, "still here")
            await until(lambda: alice.opened.own_id in bob.gossip.pubsub.peer_queues)
