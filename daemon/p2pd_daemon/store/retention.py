"""Giving up old records as a whole: the floor of a room, below which nothing is kept or compared."""

from __future__ import annotations

import sqlite3

BATCH_ROWS = 1_000
"""Records given up in one transaction: about 20 ms, so that writers behind it hardly notice."""

_DUE = (
    "SELECT r.n, s.text FROM records r LEFT JOIN searchable s ON s.n = r.n WHERE r.room_n = ? AND r.ts_ms < ?"
    " AND NOT EXISTS (SELECT 1 FROM profiles p WHERE p.record_n = r.n) ORDER BY r.ts_ms LIMIT ?"
)


def nth_newest_ts(conn: sqlite3.Connection, room_n: int, nth: int) -> int | None:
    """The ts of the `nth` newest record of the room, None when it has fewer."""
    row = conn.execute(
        "SELECT ts_ms FROM records WHERE room_n = ? ORDER BY ts_ms DESC, id DESC LIMIT 1 OFFSET ?",
        (room_n, nth - 1),
    ).fetchone()
    return None if row is None else int(row[0])


def raise_floor(conn: sqlite3.Connection, room_n: int, floor_ts: int) -> int:
    """Gives up at most BATCH_ROWS records below the floor; how many. Call again until it is 0.

    The latest profile of each author stays: it says who wrote what is kept.
    """
    conn.execute("UPDATE rooms SET floor_ts = max(floor_ts, ?) WHERE n = ?", (floor_ts, room_n))
    due = conn.execute(_DUE, (room_n, floor_ts, BATCH_ROWS)).fetchall()
    numbers = [(n,) for n, _ in due]
    conn.executemany(
        "INSERT INTO search (search, rowid, text) VALUES ('delete', ?, ?)",
        [(n, text) for n, text in due if text is not None],
    )
    for table in ("events", "outbox", "deposits", "quarantine", "carried"):
        conn.executemany(f"DELETE FROM {table} WHERE record_n = ?", numbers)  # noqa: S608 - our own words
    conn.executemany("DELETE FROM records WHERE n = ?", numbers)
    return len(due)
