"""Server-sent events: bytes in, events out. Format: WHATWG HTML, "Server-sent events"; no I/O here."""

from __future__ import annotations

import msgspec

from .shapes import Event

FRAME_BYTES = 1024 * 1024  # far above any event; a stream without an end of line is not ours


class EventDecoder:
    """`last_id` is what to send as Last-Event-ID: it also moves by frames that carry no event."""

    def __init__(self, last_id: int | None = None) -> None:
        self.last_id = last_id
        self._rest = b""
        self._id: bytes | None = None
        self._lines: list[bytes] = []

    def feed(self, received: bytes) -> list[Event]:
        """The events that are complete now. ValueError when it is not the daemon's stream."""
        *lines, self._rest = (self._rest + received).split(b"\n")
        if len(self._rest) > FRAME_BYTES:
            raise ValueError("an event without an end")
        found = []
        for line in lines:
            if line:
                self._take(line)
            elif (event := self._dispatch()) is not None:
                found.append(event)
        return found

    def _take(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"id":
            self._id = value
        elif field == b"data":
            self._lines.append(value)

    def _dispatch(self) -> Event | None:
        """At the empty line that ends a frame: only now is its id valid, as a cut-off frame was not
        received.
        """
        if self._id is not None:
            self.last_id = int(self._id)
        lines, self._lines, self._id = self._lines, [], None
        if not lines:
            return None
        return msgspec.json.decode(b"\n".join(lines), type=Event)  # its errors are ValueErrors
