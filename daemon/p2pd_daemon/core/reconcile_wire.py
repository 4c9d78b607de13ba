"""The bytes of the Negentropy protocol, version 1 (hoytech/negentropy, docs/negentropy-protocol-v1.md).

    message     := version byte 0x61, then ranges in ascending order without gaps; the rest is a Skip
    range       := upper bound, mode (varint), payload
    bound       := timestamp (varint), length (varint), id prefix of that length
    payload     := Skip: nothing | Fingerprint: 16 bytes | IdList: count (varint), 32 bytes each

A varint is base 128, most significant digit first. A bound's timestamp is 0 for infinity, else 1 + the distance
from the one before it in the message. Here a bound is bytes: the timestamp, 8 bytes big endian, then the id prefix;
it is the beginning of a key of `KeyTree`, so bounds and keys compare as bytes.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple, TypeAlias

from p2pd_daemon.core.reconcile_keys import ID_BYTES, KEY_BYTES
from p2pd_daemon.core.reconcile_storage import Position
from p2pd_daemon.errors import RemoteProtocolError

VERSION = 0x61  # protocol version 1
VERSIONS = range(0x60, 0x70)  # version bytes of the protocol, ours and others
FINGERPRINT_BYTES = 16

INFINITY = b"\xff" * 8  # as a bound: above every key
_MAX_UINT64 = (1 << 64) - 1
_MAX_VARINT_BYTES = 10  # 64 bits
_ID_SUM_MASK = (1 << 8 * ID_BYTES) - 1

_SKIP, _FINGERPRINT, _ID_LIST = 0, 1, 2


class Skip(NamedTuple):
    """Nothing to do below `upper`, above the range before it."""

    upper: bytes


class Fingerprint(NamedTuple):
    """What the sender has in the range, as a digest."""

    upper: bytes
    digest: bytes


class IdList(NamedTuple):
    """All that the sender has in the range; 32 bytes each, one after the other."""

    upper: bytes
    ids: bytes


Range: TypeAlias = Skip | Fingerprint | IdList


def fingerprint(lower: Position, upper: Position) -> bytes:
    """Of the records between two positions of the same tree: 16 bytes."""
    id_sum = (upper.id_sum - lower.id_sum) & _ID_SUM_MASK
    count = encode_varint(upper.before - lower.before)
    return hashlib.sha256(id_sum.to_bytes(ID_BYTES, "little") + count).digest()[:FINGERPRINT_BYTES]


def encode_varint(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    digits.reverse()
    return bytes(digits)


def decode_message(raw: bytes) -> list[Range]:
    """Of a message of our version, the version byte included. RemoteProtocolError when it is not well formed:
    nothing is done about half a message.
    """
    reader = _Reader(raw)
    ranges: list[Range] = []
    size, previous = len(raw), b""
    while reader.at < size:
        item = reader.range()
        if item.upper < previous and _padded(item.upper) < _padded(previous):
            raise RemoteProtocolError("reconciliation: ranges are not in ascending order")
        previous = item.upper
        ranges.append(item)
    return ranges


def _padded(bound: bytes) -> bytes:
    """What a bound means: the missing end of its prefix is zeros."""
    return bound.ljust(KEY_BYTES, b"\0")


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.at = 1  # behind the version byte
        self._timestamp = 0

    def range(self) -> Range:
        upper = self._bound()
        mode = self._varint()
        if mode == _SKIP:
            return Skip(upper)
        if mode == _FINGERPRINT:
            return Fingerprint(upper, self._take(FINGERPRINT_BYTES))
        if mode == _ID_LIST:
            return IdList(upper, self._take(self._varint() * ID_BYTES))
        raise RemoteProtocolError(f"reconciliation: unknown mode {mode}")

    def _bound(self) -> bytes:
        code = self._varint()
        # What follows a range up to infinity is empty; implementations end a message that grew too long with one.
        timestamp = self._timestamp + code - 1 if code else _MAX_UINT64
        if timestamp > _MAX_UINT64:
            raise RemoteProtocolError("reconciliation: a timestamp of more than 64 bits")
        self._timestamp = timestamp
        size = self._varint()
        if size > ID_BYTES:
            raise RemoteProtocolError(f"reconciliation: an id prefix of {size} bytes")
        return timestamp.to_bytes(8) + self._take(size)

    def _varint(self) -> int:
        value = 0
        start = self.at
        for byte in self._raw[start : start + _MAX_VARINT_BYTES]:
            self.at += 1
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                if value > _MAX_UINT64:
                    break
                return value
            if value == 0:
                raise RemoteProtocolError("reconciliation: a varint with a leading zero")
        raise RemoteProtocolError("reconciliation: a varint cut short, or of more than 64 bits")

    def _take(self, size: int) -> bytes:
        end = self.at + size
        taken = self._raw[self.at : end]
        if len(taken) != size:
            raise RemoteProtocolError("reconciliation: the message is cut short")
        self.at = end
        return taken


class Mark(NamedTuple):
    """A place in a message that is being written."""

    size: int
    timestamp: int


class MessageWriter:
    """Builds a message range by range; `rollback` takes back what was written since a `mark`."""

    def __init__(self) -> None:
        self._out = bytearray((VERSION,))
        self._timestamp = 0

    def __len__(self) -> int:
        return len(self._out)

    def skip(self, upper: bytes) -> None:
        self._start(upper, _SKIP)

    def fingerprint(self, upper: bytes, digest: bytes) -> None:
        self._start(upper, _FINGERPRINT)
        self._out += digest

    def id_list(self, upper: bytes, ids: bytes) -> None:
        self._start(upper, _ID_LIST)
        self._out += encode_varint(len(ids) // ID_BYTES)
        self._out += ids

    def mark(self) -> Mark:
        return Mark(len(self._out), self._timestamp)

    def rollback(self, mark: Mark) -> None:
        self._timestamp = mark.timestamp
        del self._out[mark.size :]

    def message(self) -> bytes:
        return bytes(self._out)

    def _start(self, upper: bytes, mode: int) -> None:
        timestamp = int.from_bytes(upper[:8])
        code = 0 if timestamp == _MAX_UINT64 else 1 + timestamp - self._timestamp
        self._timestamp = timestamp
        self._out += encode_varint(code)
        self._out += encode_varint(len(upper) - 8)
        self._out += upper[8:]
        self._out.append(mode)
