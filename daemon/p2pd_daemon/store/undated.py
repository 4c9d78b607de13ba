"""What reconciliation reads of rooms of other people's formats: their records carry no time, so all are at (0, id)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from p2pd_daemon.store import sync
from p2pd_daemon.store.rows import UNDATED
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
        "SELECT 0, id, raw FROM records WHERE room_n = ? AND linked = 0 AND id < ? ORDER BY id DESC",
        (room_n, before[1] if before else _ABOVE_ALL),
    )
    return sync.read_page(rows, max_bytes)


def load_batch(conn: sqlite3.Connection, room_n: int, ids: Sequence[bytes]) -> SyncBatch:
    """As sync.load_batch."""
    batch = sync.load_batch(conn, room_n, ids)
    if not batch.gone or not is_undated(conn, room_n):
        return batch
    return SyncBatch(batch.raws, tuple((0, record_id) for _, record_id in batch.gone), batch.more)


def is_undated(conn: sqlite3.Connection, room_n: int) -> bool:
    row = conn.execute("SELECT kind FROM rooms WHERE n = ?", (room_n,)).fetchone()
    return row is not None and row[0] in UNDATED
