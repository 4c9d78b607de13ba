"""The bytes of gossip: however they are chunked and whatever they are, they are cut and read as protobuf reads them."""

from __future__ import annotations

import time

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from libp2p.pubsub.pb import rpc_pb2
from p2pd_daemon.core.gossip_frames import RpcReader, encode_rpc, message_frame, message_id, published
from p2pd_daemon.core.peer_id import peer_id_bytes
from p2pd_daemon.core.record import Record, canonical_record
from p2pd_daemon.core.wire import bytes_field
from p2pd_daemon.errors import RemoteProtocolError
from property import strategies as some

MOST = 300
rpcs = st.lists(st.binary(max_size=MOST), max_size=8)
cuts = st.lists(st.integers(0, 400), max_size=20)


def chunks(stream: bytes, cuts: list[int]) -> list[bytes]:
    found = []
    for cut in cuts:
        found.append(stream[:cut])
        stream = stream[cut:]
    return [*found, stream]


def read(parts: list[bytes]) -> list[bytes] | None:
    """None when the reader refuses the stream."""
    reader = RpcReader(MOST)
    found: list[bytes] = []
    try:
        for part in parts:
            found += reader.feed(part)
            assert len(reader._kept) <= MOST + 4
    except RemoteProtocolError:
        return None
    return found


@pytest.mark.slow
@given(rpcs, cuts)
def test_rpcs_are_read_as_they_were_sent(sent: list[bytes], cuts: list[int]) -> None:
    assert read(chunks(b"".join(map(encode_rpc, sent)), cuts)) == sent


@pytest.mark.slow
@given(
    st.binary(max_size=500) | rpcs.map(lambda sent: b"".join(map(encode_rpc, sent))),
    cuts,
    st.binary(max_size=9),
)
def test_how_a_stream_is_cut_up_makes_no_difference(stream: bytes, cuts: list[int], rest: bytes) -> None:
    stream += rest
    bytewise = [stream[at : at + 1] for at in range(len(stream))]
    assert read([stream]) == read(chunks(stream, cuts)) == read(bytewise)


@pytest.mark.parametrize(
    "stream", [b"\xad\x02", b"\xff\xff\xff\xff\x01", b"\x80\x00", b"\xff\xff\xff\x7f"], ids=bytes.hex
)
def test_lengths_that_are_too_long_or_not_minimal_are_refused(stream: bytes) -> None:
    assert read([stream]) is None


def test_go_libp2p_greets_with_nothing() -> None:
    assert read([b"\x00\x00\x03abc"]) == [b"", b"", b"abc"]


def test_a_long_rpc_in_small_pieces_is_not_copied_for_each() -> None:
    """32 GB of copying otherwise, for 1 MiB: a peer needs few bytes for that."""
    reader = RpcReader(1 << 20)
    stream = encode_rpc(bytes(1 << 20))
    before = time.process_time()
    found = [rpc for at in range(0, len(stream), 16) for rpc in reader.feed(stream[at : at + 16])]
    assert found == [bytes(1 << 20)]
    assert time.process_time() - before < 2


@pytest.mark.slow
@given(st.lists(some.records(), max_size=5))
def test_an_rpc_of_messages_only_gives_their_bytes(records: list[Record]) -> None:
    messages = [rpc_pb2.Message.FromString(record.raw) for record in records]
    rpc = rpc_pb2.RPC(publish=messages)
    assert published(rpc.SerializeToString()) == [record.raw for record in records]
    rpc.subscriptions.add(subscribe=True, topicid="t")
    assert published(rpc.SerializeToString()) is None
    for record in records:
        (frame,) = RpcReader(1 << 20).feed(message_frame(record.raw))
        assert published(frame) == [record.raw]


pieces = st.lists(
    st.builds(bytes_field, st.integers(1, 6), st.binary(max_size=200)) | st.binary(max_size=8), max_size=8
).map(b"".join)


@pytest.mark.slow
@given(pieces)
def test_what_is_found_without_decoding_is_what_protobuf_finds(rpc: bytes) -> None:
    raws = published(rpc)
    if raws is None:
        return
    assert b"".join(bytes_field(2, raw) for raw in raws) == rpc
    try:
        decoded = rpc_pb2.RPC.FromString(rpc)
    except DecodeError:  # a message in it is none, which is seen later
        return
    assert len(decoded.publish) == len(raws)
    assert not decoded.subscriptions
    assert not decoded.HasField("control")
    assert not decoded.senderRecord


@given(some.records())
def test_the_id_of_a_record_is_at_its_place(record: Record) -> None:
    assert message_id(record.raw) == peer_id_bytes(record.author) + record.seqno.to_bytes(8)


@pytest.mark.slow
@given(pieces)
def test_any_bytes_have_an_id_or_none(raw: bytes) -> None:
    found = message_id(raw)
    record = canonical_record(raw)
    if record is not None:
        assert found == peer_id_bytes(record.author) + record.seqno.to_bytes(8)
    if found is not None:
        assert raw[2 : 2 + raw[1]] == found[:-8]


@pytest.mark.slow
@given(some.records(), st.integers(0), st.binary(min_size=1, max_size=3), st.booleans())
def test_a_canonical_record_is_encoded_the_same_again(
    record: Record, at: int, to: bytes, longer: bool
) -> None:
    at %= len(record.raw)
    raw = record.raw[:at] + to + record.raw[at + (0 if longer else len(to)) :]
    found = canonical_record(raw)
    if found is not None:
        again = Record(found.author, found.seqno, found.topic, found.data, found.signature, found.key)
        assert (again.raw, again.id, again.signing_bytes) == (raw, found.id, found.signing_bytes)
