"""The newest message of each room, for lists of rooms."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.store.history import SENDER_JOIN
from p2pd_daemon.store.rows import LastRow

READ_CHARACTERS = 400
"""Of a text: more than is shown, because white space is drawn together."""


def load_lasts(
    conn: sqlite3.Connection, rooms: Collection[int], hide_authors: Collection[PeerId]
) -> dict[int, LastRow]:
    """By room number; rooms without a message are left out."""
    hidden = json.dumps(sorted(hide_authors))
    found = {}
    for room_n in rooms:
        row = conn.execute(
            f"SELECT r.author, s.nick, substr(coalesce(r.edited, r.text), 1, {READ_CHARACTERS}), r.kind, r.ts_ms,"  # noqa: S608
            f" r.deleted FROM records r {SENDER_JOIN} WHERE r.room_n = ? AND r.shown = 1"
            " AND r.author NOT IN (SELECT value FROM json_each(?)) ORDER BY r.ts_ms DESC, r.id DESC LIMIT 1",
            (room_n, hidden),
        ).fetchone()
        if row is not None:
            author, said_nick, text, kind, ts_ms, deleted = row
            found[room_n] = LastRow(PeerId(author), said_nick, text or "", kind, ts_ms, bool(deleted))
    return found
