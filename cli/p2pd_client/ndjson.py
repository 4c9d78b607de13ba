"""Newline-delimited JSON: bytes in, lines out. No I/O and no JSON here."""

from __future__ import annotations


class LineReader:
    """Cuts a byte stream into lines, however the bytes are chunked; holds at most one unfinished line.

    A line above `max_bytes` comes out as None, once, when it ends: its bytes are not kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._held = 0
        self._too_long = False

    def feed(self, received: bytes) -> list[bytes | None]:
        """The lines that are complete now, without their ends."""
        first, *others = received.split(b"\n")
        self._hold(first)
        lines: list[bytes | None] = []
        for part in others:
            lines.append(self._take())
            self._hold(part)
        return lines

    def finish(self) -> list[bytes | None]:
        """The last line, where the stream ended without a newline."""
        return [self._take()] if self._held or self._too_long else []

    def _hold(self, part: bytes) -> None:
        if self._held + len(part) > self._max_bytes:
            self._too_long = True
        if self._too_long:
            self._parts, self._held = [], 0
        elif part:
            self._parts.append(part)
            self._held += len(part)

    def _take(self) -> bytes | None:
        line = None if self._too_long else b"".join(self._parts).removesuffix(b"\r")
        self._parts, self._held, self._too_long = [], 0, False
        return line
