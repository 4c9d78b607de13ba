"""The codec of /p2pd/push/1.0.0: records one way, an acknowledgement of each the other way. Knows no sockets.

Both directions carry frames: an unsigned varint (minimal, at most 4 bytes) and as many bytes, at least 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from google.protobuf.message import DecodeError

from p2pd_daemon.core.bodies import ID_BYTES
from p2pd_daemon.core.pb import push_pb2
from p2pd_daemon.core.wire import encode_uvarint
from p2pd_daemon.errors import LocalProtocolError, RemoteProtocolError

PROTOCOL_ID = "/p2pd/push/1.0.0"
MAX_REASON_BYTES = 256
MAX_ACK_BYTES = 512  # 2 + 32, 2, 3 + 256, and room for fields to come
_MAX_PREFIX = 4  # bytes of the length: 2^28 - 1


class AckStatus(IntEnum):
    STORED = 1  # committed, now or before
    BLOCKED = 2
    TOO_LARGE = 3
    NOT_MINE = 4  # neither a room joined here nor a conversation with the sender
    INVALID = 5
    OVER_LIMIT = 6  # may be tried again later


_STATUSES = frozenset(status.value for status in AckStatus)


@dataclass(frozen=True, slots=True)
class Ack:
    id: bytes  # of the record; empty when the frame was no record
    status: AckStatus
    reason: str = ""


def encode_frame(frame: bytes) -> bytes:
    if not 0 < len(frame) < 1 << 28:
        raise LocalProtocolError(f"a frame of {len(frame)} bytes")
    return encode_uvarint(len(frame)) + frame


def encode_ack(ack: Ack) -> bytes:
    """Without the length prefix. A reason that is too long is cut."""
    reason = ack.reason.encode(errors="replace")[:MAX_REASON_BYTES].decode(errors="ignore")
    return push_pb2.PushAck(id=ack.id, status=ack.status, reason=reason).SerializeToString(deterministic=True)


def decode_ack(raw: bytes) -> Ack:
    """RemoteProtocolError when it is none. Its reason came from a peer: sanitise it before showing."""
    try:
        message = push_pb2.PushAck.FromString(raw)
    except DecodeError:
        raise RemoteProtocolError("not an acknowledgement") from None
    if len(message.id) not in {0, ID_BYTES} or message.status not in _STATUSES:
        raise RemoteProtocolError(
            f"acknowledgement with an id of {len(message.id)} bytes, status {message.status}"
        )
    if len(message.reason.encode()) > MAX_REASON_BYTES:
        raise RemoteProtocolError(f"acknowledgement with a reason above {MAX_REASON_BYTES} bytes")
    return Ack(message.id, AckStatus(message.status), message.reason)


class FrameReader:
    """Cuts a byte stream into frames, however the bytes are chunked. Holds at most one unfinished frame.

    After a RemoteProtocolError the stream has no meaning any more: reset it.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not complete; at the end of the stream 0 means a clean end."""
        return len(self._buffer)

    def feed(self, chunk: bytes) -> list[bytes]:
        """The frames that this chunk completes. RemoteProtocolError: length too large, 0 or not minimal."""
        self._buffer += chunk
        frames, offset = [], 0
        while (prefix := self._prefix(offset)) is not None:
            start, size = prefix
            if start + size > len(self._buffer):
                break
            frames.append(bytes(self._buffer[start : start + size]))
            offset = start + size
        del self._buffer[:offset]
        return frames

    def _prefix(self, offset: int) -> tuple[int, int] | None:
        """(offset of the frame, its size), or None while the length is incomplete."""
        size = 0
        for index in range(_MAX_PREFIX):
            if offset + index >= len(self._buffer):
                return None
            byte = self._buffer[offset + index]
            size |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                if size == 0 or (byte == 0 and index > 0):
                    raise RemoteProtocolError("frame with an empty or non-minimal length")
                if self._max_bytes and size > self._max_bytes:
                    raise RemoteProtocolError(f"frame of {size} bytes; the limit is {self._max_bytes}")
                return offset + index + 1, size
        raise RemoteProtocolError("frame length of more than 4 bytes")
