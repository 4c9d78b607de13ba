"""Any bytes either decode or give RemoteProtocolError; decoding undoes encoding."""

from __future__ import annotations

from dataclasses import replace

import base58
import pytest
from hypothesis import given
from hypothesis import strategies as st
from p2pd_daemon.core.event import ChatEvent, Unknown, decode_body, decode_event, encode_body, encode_event
from p2pd_daemon.core.keys import decode_private_key, decode_public_key, encode_private_key, encode_public_key
from p2pd_daemon.core.peer_id import PeerId, decode_peer_id, peer_id_bytes, peer_id_from_bytes
from p2pd_daemon.core.push import Ack, AckStatus, FrameReader, decode_ack, encode_ack, encode_frame
from p2pd_daemon.core.record import Record, decode_record, verify_record
from p2pd_daemon.core.wire import bytes_field, decode_uvarint, encode_uvarint
from p2pd_daemon.errors import BadPeerId, IdentityError, RemoteProtocolError
from property import strategies as some


def mutated(raw: bytes, at: int, to: int) -> bytes:
    at %= len(raw)
    return raw[:at] + bytes((to,)) + raw[at + 1 :]


# Records


@pytest.mark.slow
@given(some.records())
def test_record_roundtrip(record: Record) -> None:
    again = decode_record(record.raw)
    assert again == record
    assert (again.raw, again.id) == (record.raw, record.id)
    verify_record(again)


@given(some.records(), st.integers(0), st.integers(0, 255))
def test_one_changed_byte_never_passes_for_the_record(record: Record, at: int, to: int) -> None:
    raw = mutated(record.raw, at, to)
    if raw == record.raw:
        return
    with pytest.raises(RemoteProtocolError):
        verify_record(decode_record(raw))


@given(st.binary(max_size=300) | some.records().flatmap(lambda r: st.binary().map(lambda b: r.raw + b)))
def test_any_bytes_are_a_record_or_refused(raw: bytes) -> None:
    try:
        record = decode_record(raw)
    except RemoteProtocolError:
        return
    assert record.raw == raw


def _field(number: int) -> st.SearchStrategy[bytes]:
    return st.lists(st.binary(max_size=40).map(lambda value: bytes_field(number, value)), max_size=2).map(
        b"".join
    )


@given(st.tuples(*(_field(number) for number in range(1, 8))).map(b"".join))
def test_any_fields_are_a_record_or_refused(raw: bytes) -> None:
    try:
        assert decode_record(raw).raw == raw
    except RemoteProtocolError:
        return


# Events


@given(some.events)
def test_event_roundtrip(event: ChatEvent) -> None:
    raw = encode_event(event)
    assert decode_event(raw) == event
    assert encode_event(decode_event(raw)) == raw


@given(some.open_bodies)
def test_body_roundtrip(body: object) -> None:
    assert decode_body(encode_body(body)) == body


@given(some.events, st.integers(0), st.integers(0, 255))
def test_damaged_events_are_read_or_refused(event: ChatEvent, at: int, to: int) -> None:
    try:
        again = decode_event(mutated(encode_event(event), at, to))
    except RemoteProtocolError:
        return
    assert decode_event(encode_event(again)) == again


@given(st.binary(max_size=300))
def test_any_bytes_are_an_event_or_refused(data: bytes) -> None:
    try:
        event = decode_event(data)
    except RemoteProtocolError:
        return
    assert decode_event(encode_event(event)) == event


@given(some.events, st.integers(13, 15), st.binary(max_size=50))
def test_bodies_of_later_versions_are_kept_as_they_are(event: ChatEvent, number: int, value: bytes) -> None:
    later = replace(event, body=Unknown(bytes_field(number, value)))
    raw = encode_event(later)
    assert decode_event(raw) == later
    assert encode_event(decode_event(raw)) == raw


# Push


acks = st.builds(Ack, some.ids | st.just(b""), st.sampled_from(AckStatus), st.text(max_size=60))


@given(acks)
def test_ack_roundtrip(ack: Ack) -> None:
    assert decode_ack(encode_ack(ack)) == ack


@given(st.binary(max_size=100))
def test_any_bytes_are_an_ack_or_refused(raw: bytes) -> None:
    try:
        ack = decode_ack(raw)
    except RemoteProtocolError:
        return
    assert decode_ack(encode_ack(ack)) == ack


@given(st.text(max_size=1000))
def test_a_long_reason_is_cut_to_what_may_be_received(reason: str) -> None:
    assert reason.startswith(decode_ack(encode_ack(Ack(b"", AckStatus.INVALID, reason))).reason)


@pytest.mark.slow
@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.data())
def test_frames_do_not_depend_on_chunks(frames: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(encode_frame(frame) for frame in frames)
    reader, got, at = FrameReader(300), [], 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        got += reader.feed(stream[at : at + size])
        at += size
    assert got == frames
    assert reader.pending == 0


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_any_stream_gives_frames_or_is_refused_wherever_it_is_cut(chunks: list[bytes]) -> None:
    def read(parts: list[bytes]) -> tuple[list[bytes], bool]:
        reader, got = FrameReader(50), []
        for part in parts:
            try:
                got += reader.feed(part)
            except RemoteProtocolError:
                return got, False
            assert reader.pending <= 50 + 4
        return got, True

    one_by_one = [bytes((byte,)) for byte in b"".join(chunks)]
    bytewise, clean = read(one_by_one)
    chunked, also_clean = read(chunks)
    assert clean == also_clean
    assert chunked == bytewise[: len(chunked)]
    if clean:
        assert chunked == bytewise


# Varints, keys, peer IDs


@given(st.integers(0, 2**63 - 1))
def test_varint_roundtrip(value: int) -> None:
    raw = encode_uvarint(value)
    assert decode_uvarint(raw) == (value, len(raw))
    assert decode_uvarint(b"??" + raw + b"!", 2) == (value, 2 + len(raw))


@given(st.binary(max_size=12))
def test_any_bytes_are_a_minimal_varint_or_refused(raw: bytes) -> None:
    try:
        value, end = decode_uvarint(raw)
    except RemoteProtocolError:
        return
    assert encode_uvarint(value) == raw[:end]


@given(
    st.binary(max_size=100)
    | st.tuples(st.integers(0, 4), st.binary(max_size=40)).map(
        lambda pair: bytes((8, pair[0])) + bytes_field(2, pair[1])
    )
)
def test_any_bytes_are_a_public_key_or_refused(raw: bytes) -> None:
    try:
        key = decode_public_key(raw)
    except RemoteProtocolError:
        return
    assert encode_public_key(key) == raw
    assert key.verify(b"\x30" * 64, b"message") is False


@given(st.binary(min_size=32, max_size=32) | st.binary(max_size=100))
def test_any_bytes_are_a_private_key_or_refused(raw: bytes) -> None:
    for candidate in (raw, b"\x08\x01" + bytes_field(2, raw)):
        try:
            key = decode_private_key(candidate)
        except IdentityError:
            continue
        assert decode_private_key(encode_private_key(key)).peer_id == key.peer_id


@given(some.peers)
def test_peer_id_roundtrip(peer: PeerId) -> None:
    raw = peer_id_bytes(peer)
    assert peer_id_from_bytes(raw) == peer == decode_peer_id(peer) == base58.b58encode(raw).decode()


@given(st.binary(max_size=60))
def test_any_bytes_are_a_peer_id_or_refused(raw: bytes) -> None:
    for candidate in (
        raw,
        b"\x12\x20" + raw,
        b"\0" + bytes((len(raw),)) + raw,
        b"\0\x24\x08\x01\x12\x20" + raw,
    ):
        try:
            peer = peer_id_from_bytes(candidate)
        except RemoteProtocolError:
            continue
        assert peer_id_bytes(peer) == candidate
        assert base58.b58decode(peer) == candidate


@given(
    st.text(max_size=150) | st.text("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", max_size=60)
)
def test_any_text_is_a_peer_id_or_refused_with_a_hint(text: str) -> None:
    hint = ""
    try:
        hint = decode_peer_id(text)
    except BadPeerId as error:
        hint = error.hint
    assert hint
