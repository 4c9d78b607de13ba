"""RPCs in parts that every implementation takes.

rust-libp2p ends a gossip stream, and hears nothing more on that connection, when the control messages and
subscriptions of one RPC are above 16 KiB: that is 350 message ids in an IHAVE, or 60 rooms with long names in a hello.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from libp2p.pubsub.pb import rpc_pb2

PART_BYTES = 12 * 1024
ENTRY_BYTES = 4  # at most, of the tag and the length before a field


def control_parts(control: rpc_pb2.ControlMessage) -> Iterator[rpc_pb2.ControlMessage]:
    """The same control messages in order of their kinds, each part within PART_BYTES."""
    if control.ByteSize() <= PART_BYTES:
        yield control
        return
    part = rpc_pb2.ControlMessage()
    for piece in _pieces(control):
        if part.ByteSize() + piece.ByteSize() > PART_BYTES:
            yield part
            part = rpc_pb2.ControlMessage()
        part.MergeFrom(piece)
    yield part


def hello_parts(hello: rpc_pb2.RPC) -> Iterator[rpc_pb2.RPC]:
    """The hello with the first subscriptions; the others follow, which means the same to whoever reads them."""
    part = rpc_pb2.RPC()
    part.CopyFrom(hello)
    part.ClearField("subscriptions")
    size = 0
    for change in hello.subscriptions:
        size += change.ByteSize() + ENTRY_BYTES
        if size > PART_BYTES and part.subscriptions:
            yield part
            part = rpc_pb2.RPC()
            size = change.ByteSize() + ENTRY_BYTES
        part.subscriptions.append(change)
    yield part


def _pieces(control: rpc_pb2.ControlMessage) -> Iterator[rpc_pb2.ControlMessage]:
    """Small enough that two fit in a part."""
    for graft in control.graft:
        yield rpc_pb2.ControlMessage(graft=[graft])
    for prune in control.prune:
        yield rpc_pb2.ControlMessage(prune=[prune])
    for ihave in control.ihave:
        for ids in _some(ihave.messageIDs):
            yield rpc_pb2.ControlMessage(ihave=[rpc_pb2.ControlIHave(topicID=ihave.topicID, messageIDs=ids)])
    for iwant in control.iwant:
        for ids in _some(iwant.messageIDs):
            yield rpc_pb2.ControlMessage(iwant=[rpc_pb2.ControlIWant(messageIDs=ids)])


def _some(ids: Iterable[bytes]) -> Iterator[list[bytes]]:
    some: list[bytes] = []
    size = 0
    for message_id in ids:
        size += len(message_id) + ENTRY_BYTES
        if size > PART_BYTES // 2 and some:
            yield some
            some = []
            size = len(message_id) + ENTRY_BYTES
        some.append(message_id)
    yield some
