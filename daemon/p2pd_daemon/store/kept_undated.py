"""What a store node keeps of rooms whose records carry no time (ts 0): with each when it was first seen (`kept_ms`),
and not given up one by one, because no floor could say which.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.store import kept, sync
from p2pd_daemon.store.kept import KeptSet
from p2pd_daemon.store.sync import SyncBatch


def refusal(conn: sqlite3.Connection, peer: PeerId, room: KeptSet | None, limits: Limits) -> str:
    """Why the peer may bring nothing to this room, or (None) no new one; "" when it may."""
    why = kept.refusal(conn, peer, new_room=room is None, limits=limits)
    if not why and room is not None and is_undated(conn, room.n) and _is_full(conn, room.n, limits):
        why = f"over quota: {room.records:,} messages of this room are kept here, and no more are taken"
    return why


def load_page(
    conn: sqlite3.Connection, set_n: int, before: tuple[int, bytes] | None, floor_ts: int, max_bytes: int
) -> SyncBatch:
    """As sync.load_page, with times where the records have none."""
    if not is_undated(conn, set_n):
        return sync.load_page(conn, set_n, before, floor_ts, max_bytes)
    rows = conn.execute(
        "SELECT ts_ms, id, raw, kept_ms FROM records WHERE room_n = ? AND (ts_ms, id) < (?, ?)"
        " ORDER BY ts_ms DESC, id DESC",
        (set_n, *(before or (1, b""))),
    )
    return sync.read_page(rows, max_bytes)


def load_batch(conn: sqlite3.Connection, set_n: int, ids: Sequence[bytes]) -> SyncBatch:
    """As sync.load_batch, with times where the records have none."""
    batch = sync.load_batch(conn, set_n, ids)
    if not batch.raws or not is_undated(conn, set_n):
        return batch
    times = [
        conn.execute(
            "SELECT kept_ms FROM records WHERE room_n = ? AND id = ? AND raw IS NOT NULL", (set_n, record_id)
        ).fetchone()
        for record_id in ids
    ]
    return replace(batch, seen=tuple(row[0] for row in times if row is not None))


def _is_full(conn: sqlite3.Connection, set_n: int, limits: Limits) -> bool:
    return kept.is_full(conn, set_n, limits) or kept.is_crowded(conn, limits)


def is_undated(conn: sqlite3.Connection, set_n: int) -> bool:
    row = conn.execute("SELECT ts_ms FROM records WHERE room_n = ? LIMIT 1", (set_n,)).fetchone()
    return row is not None and row[0] == 0
