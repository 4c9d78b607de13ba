"""yamux's frames (https://github.com/hashicorp/yamux/blob/master/spec.md). PURE: bytes in, frames out, and back.

A frame is version 0, type, flags, stream ID and a 32-bit number, which is the length of a data frame's content.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntFlag
from typing import NamedTuple

from p2pd_daemon.errors import RemoteProtocolError

HEADER = struct.Struct("!BBHII")

DATA = 0
WINDOW_UPDATE = 1
PING = 2
GO_AWAY = 3

GO_AWAY_NORMAL = 0
GO_AWAY_PROTOCOL_ERROR = 1


class Flag(IntFlag):
    SYN = 1
    ACK = 2
    FIN = 4
    RST = 8


FIRST = int(Flag.SYN | Flag.ACK)
LAST = int(Flag.FIN | Flag.RST)


class Frame(NamedTuple):
    """`number`: length of `content`, increase of the window, what a ping holds, or why a peer goes away."""

    kind: int
    flags: int
    stream_id: int
    number: int
    content: bytes


def encode(kind: int, flags: int, stream_id: int, number: int) -> bytes:
    """A frame; of a data frame the header, which `number` bytes follow."""
    return HEADER.pack(0, kind, flags, stream_id, number)


class FrameReader:
    """Never holds more than a header. A data frame is handed out in as many frames as it arrived in pieces: SYN and
    ACK are on the first of them, FIN and RST on the last. To yamux that is the same.
    """

    def __init__(self, largest: int) -> None:
        """`largest`: the most bytes that a data frame may announce."""
        self._largest = largest
        self._rest = b""
        self._left = 0  # bytes to come of a data frame, with these …
        self._stream_id = self._first = self._last = 0  # … properties

    def feed(self, received: bytes) -> Iterator[Frame]:
        """To be exhausted before the next call. Raises RemoteProtocolError, after which there is no sense in more."""
        if self._rest:
            received, self._rest = self._rest + received, b""
        at, end = 0, len(received)
        while at < end:
            if self._left:
                content = received[at : at + self._left]
                at += len(content)
                yield self._piece(content)
            elif end - at < HEADER.size:
                self._rest = received[at:]
                return
            else:
                version, kind, flags, stream_id, number = HEADER.unpack_from(received, at)
                at += HEADER.size
                if version or kind > GO_AWAY:
                    raise RemoteProtocolError(f"not yamux: version {version}, type {kind}")
                if kind == DATA and number:
                    self._begin(flags, stream_id, number)
                else:
                    yield Frame(kind, flags, stream_id, number, b"")

    def _begin(self, flags: int, stream_id: int, length: int) -> None:
        if length > self._largest:
            raise RemoteProtocolError(f"a frame of {length} bytes")
        self._left, self._stream_id = length, stream_id
        self._first, self._last = flags & FIRST, flags & LAST

    def _piece(self, content: bytes) -> Frame:
        self._left -= len(content)
        flags = self._first if self._left else self._first | self._last
        self._first = 0
        return Frame(DATA, flags, self._stream_id, len(content), content)
