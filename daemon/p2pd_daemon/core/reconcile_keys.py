"""Keys of records for reconciliation, and leaves: bytearrays of keys, packed and in order.

A key is the timestamp, 8 bytes big endian, and the id, 32 bytes: compared as bytes, keys are in the protocol's order.
A bound is any beginning of a key from 8 bytes on; what is missing means zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from p2pd_daemon.errors import LocalProtocolError

ID_BYTES = 32
KEY_BYTES = 8 + ID_BYTES
MAX_TIMESTAMP = (1 << 64) - 2  # the one above is the protocol's infinity

_KEY = Struct(f">Q{ID_BYTES}s")
_ID_OF_KEY = Struct(f">8x{ID_BYTES}s")


def encode_key(timestamp: int, id_: bytes) -> bytes:
    """LocalProtocolError when it is no record's: the id is not 32 bytes, or the timestamp not 0 to 2^64 - 2."""
    if len(id_) != ID_BYTES or not 0 <= timestamp <= MAX_TIMESTAMP:
        raise LocalProtocolError(f"no key: timestamp {timestamp}, id of {len(id_)} bytes")
    return _KEY.pack(timestamp, id_)


def decode_keys(keys: bytes) -> Iterator[tuple[int, bytes]]:
    """The (timestamp, id) of packed keys."""
    return _KEY.iter_unpack(keys)


def decode_ids(keys: bytes) -> Iterator[tuple[bytes]]:
    """Only the ids of packed keys, each in a tuple."""
    return _ID_OF_KEY.iter_unpack(keys)


def shortest_bound(left: bytes, right: bytes) -> bytes:
    """The shortest bound above the key `left` and not above the key `right`, its neighbour."""
    if left[:8] != right[:8]:
        return right[:8]
    same = 8
    while left[same] == right[same]:
        same += 1
    return right[: same + 1]


def offset_of(leaf: bytearray, bound: bytes) -> int:
    """The offset in bytes of the first key that is not below `bound`; the leaf's size when all are."""
    low, high = 0, len(leaf) // KEY_BYTES
    size = len(bound)
    while low < high:
        middle = (low + high) // 2
        at = middle * KEY_BYTES
        if leaf[at : at + size] < bound:
            low = middle + 1
        else:
            high = middle
    return low * KEY_BYTES


def sum_ids(keys: bytes | bytearray) -> int:
    """Of packed keys: the sum of their ids as little-endian numbers, not reduced."""
    from_bytes = int.from_bytes
    return sum([from_bytes(id_, "little") for (id_,) in _ID_OF_KEY.iter_unpack(keys)])


def sum_first_ids(leaf: bytearray, size: int, total: int) -> int:
    """Of the first `size` bytes of a leaf whose sum is `total`: counted from the nearer end."""
    if size * 2 <= len(leaf):
        return sum_ids(leaf[:size])
    return total - sum_ids(leaf[size:])
