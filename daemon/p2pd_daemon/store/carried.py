"""Direct messages that another program's protocol carried: no records, so nothing to verify or to compare."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.store import changes
from p2pd_daemon.store.changes import Stored
from p2pd_daemon.store.records import Effects
from p2pd_daemon.store.rows import RECEIVED


@dataclass(frozen=True, slots=True)
class Carried:
    """A text that arrived over a connection with its author. `via` names the protocol, for people."""

    id: bytes
    room_n: int
    author: PeerId
    text: str
    arrived_ms: int
    via: str


def take_carried(conn: sqlite3.Connection, carried: Carried) -> bool:
    """Stores it as a message of its conversation, after all that is there; False if it is there already.

    It has no signed bytes and takes no part in heads: no record names it as a parent.
    """
    newest = conn.execute(
        "SELECT max(ts_ms) FROM records WHERE room_n = ? AND shown = 1", (carried.room_n,)
    ).fetchone()[0]
    ts_ms = max(carried.arrived_ms, (newest or 0) + 1)
    cursor = conn.execute(
        "INSERT INTO records (id, room_n, ts_ms, author, kind, own, shown, linked, state, arrived_ms, text)"
        " VALUES (?, ?, ?, ?, 'text', 0, 1, 0, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (carried.id, carried.room_n, ts_ms, carried.author, RECEIVED, carried.arrived_ms, carried.text),
    )
    if not cursor.rowcount:
        return False
    n = int(cursor.lastrowid or 0)
    conn.execute("INSERT INTO carried (record_n, via) VALUES (?, ?)", (n, carried.via))
    changes.index_text(conn, n)
    effects = Effects(conn)
    effects.message(
        Stored(n, carried.id, carried.room_n, ts_ms, carried.author, own=False), carried.arrived_ms
    )
    effects.finish()
    return True


def note_carried(conn: sqlite3.Connection, ids: Collection[bytes], via: str) -> None:
    """Own messages that went out that way."""
    conn.executemany(
        "INSERT INTO carried (record_n, via) SELECT n, ? FROM records WHERE id = ? AND own = 1"
        " ON CONFLICT (record_n) DO NOTHING",
        [(via, record_id) for record_id in ids],
    )
