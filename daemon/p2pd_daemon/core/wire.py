"""Unsigned varints and protobuf fields by hand: for the hot path, and for commands that start quickly."""

from __future__ import annotations

from p2pd_daemon.errors import RemoteProtocolError


def encode_uvarint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode_uvarint(raw: bytes, offset: int = 0, *, max_bytes: int = 9) -> tuple[int, int]:
    """(value, offset after it). RemoteProtocolError when it is cut short, too long or not minimal
    (https://github.com/multiformats/unsigned-varint).
    """
    try:
        low, high = raw[offset], raw[offset + 1]
        if (
            low > 0x7F and 0 < high < 0x80 and max_bytes > 1
        ):  # of two bytes, as the length of nearly all that is long
            return low & 0x7F | high << 7, offset + 2
    except IndexError:
        pass
    value = 0
    for index in range(max_bytes):
        if offset + index >= len(raw):
            raise RemoteProtocolError("varint cut short")
        byte = raw[offset + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if byte == 0 and index > 0:
                raise RemoteProtocolError("varint not minimal")
            return value, offset + index + 1
    raise RemoteProtocolError(f"varint longer than {max_bytes} bytes")


def bytes_field(number: int, value: bytes) -> bytes:
    """A protobuf field of wire type 2; `number` ≤ 15, so that the tag is one byte."""
    size = len(value)
    if size < 0x80:
        return bytes((number << 3 | 2, size)) + value
    return bytes((number << 3 | 2,)) + encode_uvarint(size) + value
