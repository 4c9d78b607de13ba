"""Heads and missing parents of a room, in SQL. The same whatever the order in which the records arrive.

heads   = linked records that no linked record names as a parent
missing = parents of linked records that are not linked (quarantined, or not here)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable


def link(
    conn: sqlite3.Connection, room_n: int, record_id: bytes, ts_ms: int, parents: Iterable[bytes]
) -> tuple[bytes, ...]:
    """Adds a stored record, whose `linked` is 1 already, to its room's heads; returns the parents not here."""
    awaited = conn.execute("DELETE FROM missing WHERE room_n = ? AND id = ?", (room_n, record_id)).rowcount
    if not awaited:
        conn.execute("INSERT INTO heads (room_n, id, ts_ms) VALUES (?, ?, ?)", (room_n, record_id, ts_ms))
    lacking = []
    for parent in parents:
        if conn.execute("DELETE FROM heads WHERE room_n = ? AND id = ?", (room_n, parent)).rowcount:
            continue
        row = conn.execute(
            "SELECT room_n = ? AND linked = 1 FROM records WHERE id = ?", (room_n, parent)
        ).fetchone()
        if row is None:
            lacking.append(parent)
        if row is None or not row[0]:
            conn.execute(
                "INSERT INTO missing (room_n, id) VALUES (?, ?) ON CONFLICT DO NOTHING", (room_n, parent)
            )
    return tuple(lacking)


def load_heads(conn: sqlite3.Connection, room_n: int) -> tuple[list[tuple[int, bytes]], list[bytes]]:
    """(heads as (ts_ms, id) in order, ids that are not here at all)."""
    heads = conn.execute(
        "SELECT ts_ms, id FROM heads WHERE room_n = ? ORDER BY ts_ms, id", (room_n,)
    ).fetchall()
    missing = conn.execute(
        "SELECT id FROM missing m WHERE room_n = ? AND NOT EXISTS (SELECT 1 FROM records r WHERE r.id = m.id)"
        " ORDER BY id",
        (room_n,),
    ).fetchall()
    return heads, [row[0] for row in missing]
