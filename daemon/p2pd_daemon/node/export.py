"""Exporting a room or a conversation, page by page: nothing is kept here between two pages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import trio

from p2pd_daemon.core.clock import MAX_TS_MS
from p2pd_daemon.core.event import ChatEvent
from p2pd_daemon.core.export import Line, Manifest, export_line, opened_sha256, sign_manifest
from p2pd_daemon.core.record import Record, decode_record
from p2pd_daemon.core.room import room_of_topic
from p2pd_daemon.errors import NoSuchMessage, RemoteProtocolError, UsageError
from p2pd_daemon.node.codec import room_codec
from p2pd_daemon.node.direct import Conversations
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.store.export import ExportRow
from p2pd_daemon.store.rows import DIRECT, RoomRow

log = logging.getLogger(__name__)

# One page: about 20 ms of reading and opening, and a few hundred kilobytes of JSON.
PAGE_RECORDS = 500
PAGE_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins: after the place (`ts_ms`, `id`), in the set of records up to `until_n`."""

    until_n: int
    ts_ms: int
    id: bytes
    topic: str

    def __str__(self) -> str:
        return f"{self.until_n}.{self.ts_ms}.{self.id.hex()}.{self.topic}"


def read_cursor(text: str) -> Cursor:
    """Raises UsageError."""
    until_n, ts_ms, record_id, topic = [*text.split(".", 3), "", "", ""][:4]
    try:
        cursor = Cursor(int(until_n), int(ts_ms), bytes.fromhex(record_id), topic)
    except ValueError:
        cursor = Cursor(-1, 0, b"", "")
    if not (0 <= cursor.until_n < 1 << 63 and 0 <= cursor.ts_ms <= MAX_TS_MS):
        raise UsageError("this is no cursor of an export", hint="Give `next` of the page before, as it is.")
    return cursor


@dataclass(frozen=True, slots=True)
class Page:
    lines: list[Line]
    next: Cursor | None


class Exporter:
    """Reads what the store has, and opens what is sealed to us."""

    def __init__(self, parts: Parts, conversations: Conversations) -> None:
        self._parts = parts
        self._conversations = conversations

    async def begin(self, row: RoomRow, since_ms: int | None, after: bytes | None) -> tuple[Manifest, Cursor]:
        """The manifest of all that is here now and is kept. Raises NoSuchMessage for an `after` that is not."""
        place = max(await self._place(row, after), (since_ms or 0, b""), (row.floor_ts, b""))
        start = await self._parts.store.begin_export(row.room_n, place)
        manifest = Manifest(
            room=None if row.kind == DIRECT else _name_of(row),
            peer=row.peer,
            topic=row.topic,
            exported_ms=self._parts.clock.now_ms(),
            by=self._parts.me,
            since_ms=since_ms,
            after=after.hex() if after is not None else None,
            count=start.count,
            first_ts_ms=start.first_ts_ms,
            last_ts_ms=start.last_ts_ms,
            records_sha256=start.places_sha256,
        )
        return sign_manifest(self._parts.key, manifest), Cursor(start.until_n, *place, row.topic)

    async def page(self, row: RoomRow, cursor: Cursor) -> Page:
        """The records behind the cursor."""
        place = (cursor.ts_ms, cursor.id)
        rows = await self._parts.store.export_page(
            row.room_n, cursor.until_n, place, max_rows=PAGE_RECORDS, max_bytes=PAGE_BYTES
        )
        if not rows:
            return Page([], None)
        lines = await trio.to_thread.run_sync(_lines, rows, self._opener(row), row.peer is not None)
        return Page(lines, replace(cursor, ts_ms=rows[-1].ts_ms, id=rows[-1].id))

    async def _place(self, row: RoomRow, after: bytes | None) -> tuple[int, bytes]:
        if after is None:
            return (0, b"")
        message = await self._parts.store.message(after)
        if message.room_n != row.room_n:
            raise NoSuchMessage(
                f"the message {after.hex()} was said elsewhere",
                hint="Take an id that `p2pd history --json` shows for this room.",
            )
        return (message.ts_ms, after)

    def _opener(self, row: RoomRow) -> Callable[[Record], ChatEvent]:
        if row.peer is None:
            people, me = self._parts.people, self._parts.me
            return room_codec(row.wire, me, lambda: people.nick_of(me), text_bytes=0).open
        return self._conversations.codec(row.peer).open


def _name_of(row: RoomRow) -> str:
    """What everybody calls the room, even where that name is taken here by another one."""
    found = room_of_topic(row.topic)
    return found[0] if found else row.name


def _lines(rows: Sequence[ExportRow], open_record: Callable[[Record], ChatEvent], sealed: bool) -> list[Line]:
    return [_line(row, open_record, sealed) for row in rows]


def _line(row: ExportRow, open_record: Callable[[Record], ChatEvent], sealed: bool) -> Line:
    if row.raw is None:
        return Line(row.id, row.ts_ms)
    try:
        record = decode_record(row.raw, max_bytes=0)
        if record.id == row.id:
            event = open_record(record)
            if not event.ts_ms:  # it carries no time
                event = replace(event, ts_ms=row.ts_ms)
            return export_line(record, event, sealed=sealed)
        what = "its bytes have another id"
    except RemoteProtocolError as error:
        what = error.message
    # Exported as it is, so that the rest can be saved: whoever verifies the file gets the line named.
    log.error("the record %s is damaged in the store: %s", row.id.hex(), what)
    opened = opened_sha256(row.id, row.kind, row.text) if sealed else None
    return Line(row.id, row.ts_ms, row.author, row.kind, row.text, row.raw, opened)
