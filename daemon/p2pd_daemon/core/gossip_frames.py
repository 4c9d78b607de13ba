"""gossipsub's RPCs as bytes: cut from a stream, and the messages in them found without decoding them.

https://github.com/libp2p/specs/blob/master/pubsub/README.md#the-rpc. Knows no sockets. An RPC is behind its length, an
unsigned varint; go-libp2p greets with one of length 0 when it is in no topic.
"""

from __future__ import annotations

from p2pd_daemon.core.wire import bytes_field, decode_uvarint, encode_uvarint
from p2pd_daemon.errors import RemoteProtocolError

_MAX_PREFIX = 4  # bytes of the length
_PUBLISH = 2 << 3 | 2  # RPC { repeated Message publish = 2 }
_FROM, _DATA, _SEQNO = 1 << 3 | 2, 2 << 3 | 2, 3 << 3 | 2  # Message's first fields


class RpcReader:
    """Cuts a stream into RPCs, however its bytes are chunked. Holds at most one that is incomplete.

    After a RemoteProtocolError the stream has no meaning any more.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept = bytearray()  # the beginning of an RPC
        self._missing = 0  # at least so many bytes before it is complete

    def feed(self, chunk: bytes) -> list[bytes]:
        """The RPCs that this chunk completes. RemoteProtocolError: one is too long, or its length not minimal."""
        if self._kept:
            self._kept += chunk
            self._missing -= len(chunk)
            if self._missing > 0:  # what is kept is copied twice, not once for each chunk
                return []
            chunk = bytes(self._kept)
            self._kept.clear()
        rpcs = []
        at, end = 0, len(chunk)
        while at < end:
            size, start = chunk[at], at + 1
            if size > 0x7F:
                if end - at < _MAX_PREFIX and chunk[-1] > 0x7F:  # cut within the length
                    self._keep(chunk, at, 1)
                    break
                size, start = decode_uvarint(chunk, at, max_bytes=_MAX_PREFIX)
            if size > self._max_bytes:
                raise RemoteProtocolError(f"an RPC of {size} bytes; the limit is {self._max_bytes}")
            if start + size > end:
                self._keep(chunk, at, start + size - end)
                break
            at = start + size
            rpcs.append(chunk[start:at])
        return rpcs

    def _keep(self, chunk: bytes, start: int, missing: int) -> None:
        self._kept += memoryview(chunk)[start:]
        self._missing = missing


def encode_rpc(rpc: bytes) -> bytes:
    return encode_uvarint(len(rpc)) + rpc


def message_frame(raw: bytes) -> bytes:
    """The RPC, behind its length, that publishes one message as it is."""
    return encode_rpc(bytes_field(2, raw))


def published(rpc: bytes) -> list[bytes] | None:
    """The messages of an RPC that holds nothing else, as they were sent; None: decode it to see what it holds."""
    raws = []
    at, end = 0, len(rpc)
    while at < end:
        if rpc[at] != _PUBLISH or at + 1 == end:
            return None
        size, start = rpc[at + 1], at + 2
        if size > 0x7F:
            try:
                size, start = decode_uvarint(rpc, at + 1)
            except RemoteProtocolError:
                return None
        at = start + size
        if at > end:
            return None
        raws.append(rpc[start:at])
    return raws


def message_id(raw: bytes) -> bytes | None:
    """Author and seqno of a message, gossipsub's default id; None when they are not at their canonical places.

    Cheap: most of what a mesh brings is known already. Says nothing about the rest of the message.
    """
    try:
        author_end = 2 + raw[1]
        size, start = raw[author_end + 1], author_end + 2
        if raw[0] != _FROM or raw[1] > 0x7F or raw[author_end] != _DATA:
            return None
        if size > 0x7F:
            size, start = decode_uvarint(raw, author_end + 1)
        at = start + size
        if raw[at] != _SEQNO or raw[at + 1] != 8 or at + 10 > len(raw):
            return None
    except (IndexError, RemoteProtocolError):
        return None
    return raw[2:author_end] + raw[at + 2 : at + 10]
