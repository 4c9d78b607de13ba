"""The codec of /chat/1.0.0 as go-libp2p's and py-libp2p's examples speak it: lines of UTF-8. Knows no sockets.

js-libp2p's example has the same protocol id and frames of another kind; what it sends is no text here.
"""

from __future__ import annotations

from p2pd_daemon.errors import RemoteProtocolError

PROTOCOL_ID = "/chat/1.0.0"


class LineReader:
    """Cuts a byte stream into lines, however the bytes are chunked; Go's example sends an empty one after each."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that this chunk completes, without their ends and without empty ones.

        RemoteProtocolError: a line that is too long or not UTF-8.
        """
        self._buffer += chunk
        *whole, rest = self._buffer.split(b"\n")
        self._buffer = rest
        lines = [self._decoded(line) for line in whole]
        self._check_size(rest)
        return [line for line in lines if line]

    def finish(self) -> list[str]:
        """What came after the last line's end, when the stream has ended."""
        line = self._decoded(self._buffer)
        self._buffer = bytearray()
        return [line] if line else []

    def _decoded(self, line: bytearray) -> str:
        self._check_size(line)
        try:
            return line.decode().removesuffix("\r")
        except UnicodeDecodeError:
            raise RemoteProtocolError("a line that is not UTF-8") from None

    def _check_size(self, line: bytearray) -> None:
        if self._max_bytes and len(line) > self._max_bytes:
            raise RemoteProtocolError(f"a line of more than {self._max_bytes} bytes")


def encode_lines(text: str) -> bytes:
    """Each line of the text with its end, empty ones left out; b"" when there is no other."""
    return b"".join(f"{line}\n".encode() for line in text.replace("\r", "").split("\n") if line)
