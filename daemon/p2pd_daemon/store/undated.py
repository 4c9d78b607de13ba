"""What reconciliation reads of rooms of other people's formats: their records carry no time, so all are at (0, id)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from p2pd_daemon.store import changes, sync
from p2pd_daemon.store.retention import BATCH_ROWS
from p2pd_daemon.store.rows import RECEIVED, UNDATED
from p2pd_daemon.store.sync import SyncBatch

_ABOVE_ALL = b"\xff" * 33  # ids


def load_places(conn: sqlite3.Connection, room_n: int) -> list[tuple[int, bytes]]:
    """(ts, id) of every record of a room of either kind, in order."""
    if not is_undated(conn, room_n):
        return sync.load_places(conn, room_n)
    return conn.execute(
        "SELECT 0, id FROM records WHERE room_n = ? AND linked = 0 ORDER BY id", (room_n,)
    ).fetchall()


def load_page(
    conn: sqlite3.Connection, room_n: int, before: tuple[int, bytes] | None, floor_ts: int, max_bytes: int
) -> SyncBatch:
    """As sync.load_page. Without times no record is newer than another: it is the largest ids before a place."""
    if not is_undated(conn, room_n):
        return sync.load_page(conn, room_n, before, floor_ts, max_bytes)
    rows = conn.execute(
        "SELECT 0, id, raw, ts_ms FROM records WHERE room_n = ? AND linked = 0 AND id < ? ORDER BY id DESC",
        (room_n, before[1] if before else _ABOVE_ALL),
    )
    return sync.read_page(rows, max_bytes)


def load_batch(conn: sqlite3.Connection, room_n: int, ids: Sequence[bytes]) -> SyncBatch:
    """As sync.load_batch."""
    if not is_undated(conn, room_n):
        return sync.load_batch(conn, room_n, ids)
    found = [
        (record_id, *row)
        for record_id in ids
        for row in conn.execute(
            "SELECT raw, ts_ms FROM records WHERE id = ? AND room_n = ?", (record_id, room_n)
        )
    ]
    return SyncBatch(
        raws=tuple(raw for _, raw, _ in found if raw is not None),
        gone=tuple((0, record_id) for record_id, raw, _ in found if raw is None),
        seen=tuple(ts_ms for _, raw, ts_ms in found if raw is not None),
    )


def keep_forgotten(conn: sqlite3.Connection, room_n: int, record_id: bytes, now_ms: int) -> bool:
    """Takes in the place of a record that others keep no more; False if the record is here."""
    cursor = conn.execute(
        "INSERT INTO records (id, room_n, ts_ms, author, kind, own, shown, linked, state, caught_up, arrived_ms)"
        " VALUES (?, ?, ?, '', 'gone', 0, 0, 0, ?, 1, ?) ON CONFLICT (id) DO NOTHING",
        (record_id, room_n, now_ms, RECEIVED, now_ms),
    )
    return bool(cursor.rowcount)


def older_messages(conn: sqlite3.Connection, room_n: int, before_ms: int, here_since_ms: int) -> list[int]:
    """The numbers of at most BATCH_ROWS messages, oldest first, seen before then and here before `here_since_ms`."""
    found = conn.execute(
        "SELECT n FROM records WHERE room_n = ? AND ts_ms < ? AND arrived_ms < ? AND shown = 1"
        " ORDER BY ts_ms, id LIMIT ?",
        (room_n, before_ms, here_since_ms, BATCH_ROWS),
    )
    return [n for (n,) in found]


def forget_messages(conn: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Gives up texts and signed bytes and keeps the places: without times no floor says what a node left out, and what
    is not in its set the others would bring again.
    """
    for n in numbers:
        changes.drop(conn, n, deleted=False)
    for table in ("events", "senders"):
        conn.executemany(f"DELETE FROM {table} WHERE record_n = ?", [(n,) for n in numbers])  # noqa: S608 - our words


def is_undated(conn: sqlite3.Connection, room_n: int) -> bool:
    row = conn.execute("SELECT kind FROM rooms WHERE n = ?", (room_n,)).fetchone()
    return row is not None and row[0] in UNDATED
