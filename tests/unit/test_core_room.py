"""Heads, clock numbers, sealing and push frames: the rules one by one."""

from __future__ import annotations

import pytest
from p2pd_daemon.core import event as ev
from p2pd_daemon.core.clock import MAX_SEQNO, is_due, next_seqno, next_ts
from p2pd_daemon.core.keys import KeyType, PublicKey, SigningKey, encode_public_key
from p2pd_daemon.core.peer_id import peer_id_from_public_key
from p2pd_daemon.core.push import Ack, AckStatus, FrameReader, decode_ack, encode_ack, encode_frame
from p2pd_daemon.core.record import decode_record, sign_record
from p2pd_daemon.core.room import Heads, HeadsChange
from p2pd_daemon.core.seal import direct_box
from p2pd_daemon.errors import BadPeerId, LocalProtocolError, RemoteProtocolError

ANN, BOB = (SigningKey.from_seed(bytes((number,)) * 32) for number in (1, 2))
A, B, C, D = (letter * 32 for letter in (b"a", b"b", b"c", b"d"))


def test_an_empty_room_has_no_heads() -> None:
    heads = Heads()
    assert (heads.next(7), heads.largest_ts, heads.heads) == ((7, ()), None, [])


def test_a_reply_takes_its_parent_s_place() -> None:
    heads = Heads()
    assert heads.add(A, 10, ()) == HeadsChange((), flagged=False)
    assert heads.add(B, 11, (A,)) == HeadsChange((), flagged=False)
    assert heads.heads == [(11, B)]
    assert heads.next(5) == (12, (B,))
    assert heads.next(50) == (50, (B,))


def test_two_who_speak_at_once_are_two_heads() -> None:
    heads = Heads([(10, A)])
    heads.add(B, 11, (A,))
    heads.add(C, 12, (A,))
    assert heads.next(1) == (13, (C, B))


def test_a_missing_parent_is_named_and_is_no_head_when_it_comes() -> None:
    heads = Heads()
    assert heads.add(B, 11, (A,)).missing == (A,)
    assert heads.missing == {A}
    heads.add(A, 10, (D,))
    assert heads.heads == [(11, B)]
    assert heads.missing == {D}


def test_a_ts_not_above_a_known_parent_s_is_flagged() -> None:
    heads = Heads()
    heads.add(A, 10, ())
    assert heads.add(B, 10, (A,)).flagged
    assert heads.add(C, 5, (D,)) == HeadsChange((D,), flagged=False)
    assert heads.add(D, 3, (A,)).flagged


def test_at_most_eight_parents_the_largest() -> None:
    heads = Heads((number, bytes((number,)) * 32) for number in range(1, 20))
    ts, parents = heads.next(1)
    assert ts == 20
    assert parents == tuple(bytes((number,)) * 32 for number in range(19, 11, -1))


def test_a_parent_that_is_known_but_no_head_is_not_missing() -> None:
    heads = Heads([(12, C)], lookup={A: 10, B: 11, C: 12}.get)
    assert heads.add(D, 20, (A,)) == HeadsChange((), flagged=False)
    assert heads.heads == [(20, D), (12, C)]


def test_clock_numbers() -> None:
    assert next_ts(5, None) == 5
    assert next_ts(5, 5) == 6
    assert next_seqno(100, 0) == 100
    assert next_seqno(100, 100) == 101
    assert next_seqno(-5, 7) == 8
    for last in (MAX_SEQNO, -10):
        with pytest.raises(LocalProtocolError):
            next_seqno(-20, last)
    assert is_due(300_000, 0)
    assert not is_due(300_001, 0)


def test_what_we_must_not_write_is_our_bug() -> None:
    with pytest.raises(LocalProtocolError):
        sign_record(ANN, 1, "topic", b"")
    with pytest.raises(LocalProtocolError):
        sign_record(ANN, 1 << 64, "topic", b"x")
    for topic in ("", "x" * 1025, "\ud800"):
        with pytest.raises(LocalProtocolError):
            sign_record(ANN, 1, topic, b"x")
    for body in (
        ev.Text(""),
        ev.Text("x" * 8193),
        ev.Text("\ud800"),
        ev.Profile("x" * 33),
        ev.Delete(b"short"),
        ev.Delete(A, (B, b"short")),
        ev.Delete(A, (*(bytes((n,)) * 32 for n in range(256)), b"C" * 32)),
    ):
        with pytest.raises(LocalProtocolError):
            ev.encode_event(ev.ChatEvent(1, (), body))
    for event in (ev.ChatEvent(0, (), ev.Text("x")), ev.ChatEvent(1, (A, A), ev.Text("x"))):
        with pytest.raises(LocalProtocolError):
            ev.encode_event(event)


def test_the_size_of_a_record_is_limited() -> None:
    record = sign_record(ANN, 1, "topic", bytes(16384))
    with pytest.raises(RemoteProtocolError, match="the limit is 16384"):
        decode_record(record.raw)
    assert decode_record(record.raw, max_bytes=0) == record


def test_the_largest_text_fits_in_a_record() -> None:
    text = ev.Text("x" * 8192, A)
    parents = tuple(bytes((number,)) * 32 for number in range(8))
    data = ev.encode_event(ev.ChatEvent(2**53 - 1, parents, text))
    assert len(sign_record(ANN, MAX_SEQNO, "p2pd/1/" + "\U0001f44b" * 64, data).raw) < 16384


def test_a_known_body_with_later_fields_is_read() -> None:
    later = (
        ev.encode_event(ev.ChatEvent(1, (), ev.Text("hi"))).replace(b"\x1a\x04", b"\x1a\x07") + b"\x1a\x01n"
    )
    event = ev.decode_event(later)
    assert event.body == ev.Text("hi")


def test_a_later_membership_change_is_unknown() -> None:
    known = ev.encode_event(ev.ChatEvent(1, (A,), ev.Membership(BOB.peer_id, ev.Change.REMOVED)))
    later = known[:-1] + b"\x09"
    event = ev.decode_event(later)
    assert isinstance(event.body, ev.Unknown)
    assert ev.kind_of(event.body) == "unknown"
    assert ev.encode_event(event) == later


@pytest.mark.parametrize("text_bytes", [4, 0])
def test_another_text_limit(text_bytes: int) -> None:
    data = ev.encode_event(ev.ChatEvent(1, (), ev.Text("x" * 9000)), text_bytes=0)
    if text_bytes:
        with pytest.raises(RemoteProtocolError, match="9000 bytes; the limit is 4"):
            ev.decode_event(data, text_bytes=text_bytes)
    else:
        assert ev.decode_event(data, text_bytes=0).body == ev.Text("x" * 9000)


def test_direct_needs_an_ed25519_key() -> None:
    rsa = peer_id_from_public_key(encode_public_key(PublicKey(KeyType.RSA, bytes(294))))
    secp = peer_id_from_public_key(encode_public_key(PublicKey(KeyType.SECP256K1, b"\x02" + bytes(32))))
    for peer in (rsa, secp):
        with pytest.raises(BadPeerId, match="does not contain an Ed25519 key") as caught:
            direct_box(ANN, peer)
        assert caught.value.hint


# Points of order 1, 2, 4 and 8, and values of y that are no point: https://cr.yp.to/ecdh.html, "small order".
WEAK = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "0200000000000000000000000000000000000000000000000000000000000000",
]


@pytest.mark.parametrize("point", WEAK)
def test_direct_refuses_weak_keys(point: str) -> None:
    peer = peer_id_from_public_key(encode_public_key(PublicKey(KeyType.ED25519, bytes.fromhex(point))))
    with pytest.raises(BadPeerId, match="not a valid one"):
        direct_box(ANN, peer)


def test_sealing_our_own_mistakes() -> None:
    box = direct_box(ANN, BOB.peer_id)
    place = {"sender": ANN.peer_id, "seqno": 1, "ts_ms": 1}
    with pytest.raises(LocalProtocolError):
        box.seal(ev.Text("x"), nonce=bytes(23), **place)
    with pytest.raises(LocalProtocolError):
        box.seal(ev.Sealed(bytes(24), bytes(20)), nonce=bytes(24), **place)


def test_a_box_that_holds_no_body_is_refused() -> None:
    import nacl.bindings

    box = direct_box(ANN, BOB.peer_id)
    place = {"sender": ANN.peer_id, "seqno": 1, "ts_ms": 1}
    nested = ev.encode_body(ev.Sealed(bytes(24), bytes(20)))
    whole = ev.encode_event(ev.ChatEvent(1, (), ev.Text("x")))
    linked = whole.replace(b"\x08\x01", b"\x12\x20" + A)
    for plain in (b"\xff", nested, whole, linked):
        sealed = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
            plain, box._bound(**place), bytes(24), box._key
        )
        with pytest.raises(RemoteProtocolError):
            box.open(ev.Sealed(bytes(24), sealed), **place)


def test_frames() -> None:
    reader = FrameReader(200)
    stream = encode_frame(b"a") + encode_frame(b"b" * 200)
    assert reader.feed(stream[:50]) == [b"a"]
    assert reader.pending == 48
    assert reader.feed(stream[50:]) == [b"b" * 200]
    with pytest.raises(RemoteProtocolError, match="201 bytes; the limit is 200"):
        reader.feed(encode_frame(b"c" * 201)[:2])
    for frame in (b"", bytes(1 << 28)):
        with pytest.raises(LocalProtocolError):
            encode_frame(frame)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x10\x00",
        b"\x10\x07",
        b"\x0a\x01x\x10\x01",
        b"\x10\x01\x1a\x01\xff",
        b"\x10\x01\x1a\x81\x02" + b"x" * 257,
        b"\xff",
    ],
)
def test_bad_acks(raw: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_ack(raw)


def test_a_reason_is_cut_between_characters() -> None:
    reason = decode_ack(encode_ack(Ack(A, AckStatus.INVALID, "x" + "é" * 200))).reason
    assert reason == "x" + "é" * 127
