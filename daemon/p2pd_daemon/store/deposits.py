"""Direct messages of ours that were left at store nodes, and what the peer's own records say about having them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from p2pd_daemon.core.peer_id import PeerId


def deposited(conn: sqlite3.Connection, ids: Collection[bytes], at: PeerId | None = None) -> set[bytes]:
    """Which of these wait at that store node; with None, at any."""
    return {
        record_id
        for record_id in ids
        if conn.execute(
            "SELECT 1 FROM deposits d JOIN records r ON r.n = d.record_n WHERE r.id = ?1"
            " AND (?2 IS NULL OR d.peer = ?2)",
            (record_id, at),
        ).fetchone()
    }


def save_deposited(conn: sqlite3.Connection, ids: Collection[bytes], at: PeerId) -> None:
    conn.executemany(
        "INSERT INTO deposits (record_n, peer) SELECT n, ? FROM records WHERE id = ? ON CONFLICT DO NOTHING",
        [(at, record_id) for record_id in ids],
    )


def waiting_for(conn: sqlite3.Connection, peer: PeerId, ids: Collection[bytes]) -> list[bytes]:
    """Which of these are messages of ours to the peer that it has not acknowledged."""
    return [
        record_id
        for record_id in ids
        if conn.execute(
            "SELECT 1 FROM outbox b JOIN records r ON r.n = b.record_n WHERE b.peer = ? AND r.id = ?",
            (peer, record_id),
        ).fetchone()
    ]
