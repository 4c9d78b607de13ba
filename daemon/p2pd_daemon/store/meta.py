"""Single values."""

from __future__ import annotations

import sqlite3

_LAST_SEQNO = "last_seqno"


def load_meta(conn: sqlite3.Connection, key: str) -> str | None:
    row = conn.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def save_meta(conn: sqlite3.Connection, key: str, value: str) -> None:
    conn.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )


def load_last_seqno(conn: sqlite3.Connection) -> int:
    """The largest sequence number of an own record ever stored, 0 before the first."""
    return int(load_meta(conn, _LAST_SEQNO) or 0)


def raise_last_seqno(conn: sqlite3.Connection, seqno: int) -> None:
    """Kept as text: a seqno has 64 bits, SQLite's integers have a sign. Never goes down."""
    if seqno > load_last_seqno(conn):
        save_meta(conn, _LAST_SEQNO, str(seqno))
