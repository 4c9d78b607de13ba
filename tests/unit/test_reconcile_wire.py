"""Messages that no implementation of Negentropy sends are refused."""

from __future__ import annotations

import pytest
from p2pd_daemon.core.reconcile_keys import decode_keys, encode_key, shortest_bound
from p2pd_daemon.core.reconcile_storage import Position
from p2pd_daemon.core.reconcile_wire import (
    INFINITY,
    Fingerprint,
    IdList,
    MessageWriter,
    Skip,
    decode_message,
    encode_varint,
    fingerprint,
)
from p2pd_daemon.errors import LocalProtocolError, RemoteProtocolError
from reconcile_sets import id_of, naive_fingerprint

SKIP, DIGEST, LIST = b"\0", b"\x01", b"\x02"


def bound(code: int, prefix: bytes = b"") -> bytes:
    return encode_varint(code) + encode_varint(len(prefix)) + prefix


@pytest.mark.parametrize(
    ("ranges", "why"),
    [
        (b"\x80\x01\0\0", "leading zero"),  # 1 in two digits
        (b"\x83" + b"\xff" * 9 + b"\0\0", "64 bits"),
        (b"\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00\0\0", "64 bits"),  # 2^64
        (b"\x81\x80", "cut short"),
        (b"\x05", "cut short"),
        (bound(5), "cut short"),
        (b"\x05\x04abc", "cut short"),
        (bound(5, bytes(33)) + SKIP, "prefix of 33"),
        (bound(5) + b"\x03", "mode 3"),
        (bound(5) + b"\x81\x00", "mode 128"),
        (bound(5) + DIGEST + bytes(15), "cut short"),
        (bound(5) + LIST + b"\x02" + bytes(63), "cut short"),
        (bound(5) + LIST + b"\x81" + b"\xff" * 8 + b"\x7f", "cut short"),  # 2^64 - 1 ids
        (bound(5, b"b") + SKIP + bound(1, b"a") + SKIP, "order"),
        (bound(5, b"b") + SKIP + bound(1) + SKIP, "order"),
        (bound(0) + SKIP + bound(2) + SKIP, "64 bits"),  # behind infinity
        (bound((1 << 64) - 1) + SKIP + bound(3) + SKIP, "64 bits"),
    ],
)
def test_refused(ranges: bytes, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why):
        decode_message(b"\x61" + ranges)


def test_empty_ranges_are_understood() -> None:
    """The reference ends a list that reached infinity, but filled the frame, with one more range up to infinity."""
    raw = (
        b"\x61" + bound(5, b"a\0") + SKIP + bound(1, b"a") + SKIP + bound(0) + LIST + b"\0" + bound(0) + SKIP
    )
    assert [part.upper for part in decode_message(raw)] == [
        (4).to_bytes(8) + b"a\0",
        (4).to_bytes(8) + b"a",
        INFINITY,
        INFINITY,
    ]


def test_writing_and_reading() -> None:
    parts = [
        Skip((7).to_bytes(8)),
        Fingerprint((7).to_bytes(8) + b"\x01", b"d" * 16),
        IdList((1 << 63).to_bytes(8) + id_of(1), id_of(2) + id_of(3)),
        IdList(INFINITY, b""),
    ]
    out = MessageWriter()
    for part in parts:
        mark = out.mark()
        out.id_list(INFINITY, id_of(9))  # leaves no trace
        out.rollback(mark)
        if isinstance(part, Skip):
            out.skip(part.upper)
        elif isinstance(part, Fingerprint):
            out.fingerprint(*part)
        else:
            out.id_list(*part)
    assert len(out) == len(out.message())
    assert decode_message(out.message()) == parts


def test_fingerprint_wraps_at_256_bits() -> None:
    ids = [b"\xff" * 32, b"\xff" * 31 + b"\xfe", id_of(1)]
    total = sum(int.from_bytes(id_, "little") for id_ in ids)
    assert fingerprint(Position(10, 5), Position(13, 5 + total)) == naive_fingerprint(ids)
    assert fingerprint(Position(3, 9), Position(3, 9)) == naive_fingerprint([])


@pytest.mark.parametrize(
    ("left", "right", "shortest"),
    [
        ((1, b"\xff" * 32), (2, bytes(32)), (2).to_bytes(8)),
        ((1, bytes(32)), (1, b"\x01" + bytes(31)), (1).to_bytes(8) + b"\x01"),
        ((1, b"ab" + bytes(30)), (1, b"ac" + bytes(30)), (1).to_bytes(8) + b"ac"),
        ((1, bytes(32)), (1, bytes(31) + b"\x01"), (1).to_bytes(8) + bytes(31) + b"\x01"),
    ],
)
def test_shortest_bound(left: tuple[int, bytes], right: tuple[int, bytes], shortest: bytes) -> None:
    assert shortest_bound(encode_key(*left), encode_key(*right)) == shortest


@pytest.mark.parametrize(("timestamp", "id_"), [(-1, bytes(32)), ((1 << 64) - 1, bytes(32)), (1, bytes(31))])
def test_no_key(timestamp: int, id_: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        encode_key(timestamp, id_)


def test_keys_sort_like_records() -> None:
    items = [(2, id_of(1)), (1, id_of(2)), (1 << 40, id_of(3)), (1, id_of(4)), ((1 << 64) - 2, id_of(5))]
    assert list(decode_keys(b"".join(sorted(encode_key(*item) for item in items)))) == sorted(items)
