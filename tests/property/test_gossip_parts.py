"""Gossip's RPCs in parts: nothing is lost, and each is small enough for rust-libp2p."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from libp2p.pubsub.pb import rpc_pb2
from p2pd_daemon.net.gossip_parts import PART_BYTES, control_parts, hello_parts

RUST_BYTES = 16 * 1024

topics = st.text(max_size=64)
ids = st.lists(st.binary(max_size=60), max_size=8)
lengths = st.sampled_from([0, 1, 300, 5000])


@st.composite
def controls(draw: st.DrawFn) -> rpc_pb2.ControlMessage:
    control = rpc_pb2.ControlMessage()
    for _ in range(draw(st.integers(0, 3))):
        control.graft.add(topicID=draw(topics))
        control.prune.add(topicID=draw(topics), backoff=60)
        control.ihave.add(topicID=draw(topics), messageIDs=draw(ids) * draw(lengths))
        control.iwant.add(messageIDs=draw(ids) * draw(lengths))
    return control


def ids_of(control: rpc_pb2.ControlMessage) -> tuple[list[tuple[str, bytes]], list[bytes]]:
    have = [(ihave.topicID, one) for ihave in control.ihave for one in ihave.messageIDs]
    return have, [one for iwant in control.iwant for one in iwant.messageIDs]


@given(controls())
def test_control_messages_keep_their_content_and_order_in_small_parts(
    control: rpc_pb2.ControlMessage,
) -> None:
    parts = list(control_parts(control))
    assert all(part.ByteSize() <= PART_BYTES < RUST_BYTES for part in parts)
    joined = rpc_pb2.ControlMessage()
    for part in parts:
        joined.MergeFrom(part)
    assert list(joined.graft) == list(control.graft)
    assert list(joined.prune) == list(control.prune)
    assert ids_of(joined) == ids_of(control)


@given(st.lists(topics, max_size=8), lengths, st.binary(max_size=300))
def test_a_hello_keeps_its_subscriptions_and_the_record_in_its_first_part(
    names: list[str], times: int, record: bytes
) -> None:
    hello = rpc_pb2.RPC(senderRecord=record)
    for name in names * times:
        hello.subscriptions.add(subscribe=True, topicid=name)
    first, *rest = hello_parts(hello)
    assert first.senderRecord == record
    assert not any(part.HasField("senderRecord") for part in rest)
    subscriptions = [change for part in (first, *rest) for change in part.subscriptions]
    assert subscriptions == list(hello.subscriptions)
    for part in (first, *rest):
        part.ClearField("senderRecord")
        assert part.ByteSize() <= PART_BYTES
