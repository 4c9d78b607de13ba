"""What an export reads, and rooms that are known without having been joined.

Records arrive while somebody exports. Those that were here at the beginning are the ones with a number (order of
arrival) up to `until_n`: so every page shows the same set, and nothing is locked meanwhile. When one of them is deleted
or given up (retention) meanwhile, who reads the pages sees that the hash is another.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from p2pd_daemon.core.clock import MAX_TS_MS
from p2pd_daemon.core.export import PlacesHash
from p2pd_daemon.store.rooms import free_name, require_room
from p2pd_daemon.store.rows import OPEN, RoomRow

Place = tuple[int, bytes]

# What another program's protocol carried from others has no signature to export, and is no deleted record either; nor
# is, where nothing can be deleted, what was given up.
_SIGNED = (
    "NOT (raw IS NULL AND (EXISTS (SELECT 1 FROM carried c WHERE c.record_n = records.n)"
    " OR (SELECT o.kind FROM rooms o WHERE o.n = records.room_n) IN ('text', 'chat-room')))"
)


@dataclass(frozen=True, slots=True)
class ExportStart:
    """The set to be exported. `places_sha256` is hexadecimal, of `PlacesHash`."""

    until_n: int
    count: int
    first_ts_ms: int | None
    last_ts_ms: int | None
    places_sha256: str


@dataclass(frozen=True, slots=True)
class ExportRow:
    """`author`, `kind` and `text` are as the store has them; `raw` is None where the body was dropped."""

    id: bytes
    ts_ms: int
    author: str
    kind: str
    text: str | None
    raw: bytes | None


def begin_export(conn: sqlite3.Connection, room_n: int, after: Place) -> ExportStart:
    """Of the records after a place: reads where they are and whether they have a body."""
    until_n = int(conn.execute("SELECT max(n) FROM records").fetchone()[0] or 0)
    places = conn.execute(
        "SELECT ts_ms, id, raw IS NULL FROM records WHERE room_n = ? AND n <= ? AND (ts_ms, id) > (?, ?)"  # noqa: S608
        f" AND {_SIGNED} ORDER BY ts_ms, id",
        (room_n, until_n, *after),
    )
    count, first, last = 0, None, None
    places_hash = PlacesHash()
    for ts_ms, record_id, gone in places:
        places_hash.add(ts_ms, record_id, gone=bool(gone))
        first = ts_ms if first is None else first
        last = ts_ms
        count += 1
    return ExportStart(until_n, count, first, last, places_hash.hexdigest())


def load_export_page(
    conn: sqlite3.Connection, room_n: int, until_n: int, after: Place, *, max_rows: int, max_bytes: int
) -> list[ExportRow]:
    """The records after a place, in order: the first, and more up to either limit. Empty at the end."""
    rows = conn.execute(
        "SELECT id, ts_ms, author, kind, text, raw FROM records"  # noqa: S608
        f" WHERE room_n = ? AND n <= ? AND (ts_ms, id) > (?, ?) AND {_SIGNED} ORDER BY ts_ms, id LIMIT ?",
        (room_n, until_n, *after, max_rows),
    )
    page: list[ExportRow] = []
    size = 0
    for row in rows:
        size += len(row[-1] or b"")
        if page and size > max_bytes:
            break
        page.append(ExportRow(*row))
    rows.close()
    return page


def know_room(conn: sqlite3.Connection, name: str, topic: str, kind: str = OPEN) -> RoomRow:
    """The room, which is known from now on, and joined only if it was. This node has never been there, so all
    that is in it is history.
    """
    conn.execute(
        "INSERT INTO rooms (topic, name, kind, joined, created_ms) VALUES (?, ?, ?, 0, ?)"
        " ON CONFLICT (topic) DO NOTHING",
        (topic, free_name(conn, name, topic, kind), kind, MAX_TS_MS),
    )
    return require_room(conn, topic)
