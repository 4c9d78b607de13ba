"""What became of own messages: the outbox of direct ones, and the state that each shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.store.events import add_event
from p2pd_daemon.store.rows import DELIVERED, MESSAGE_KINDS, QUEUED, REFUSED, SENT, OutboxCounts


def set_state(
    conn: sqlite3.Connection,
    ids: Collection[bytes],
    state: str,
    *,
    now_ms: int,
    reason: str = "",
    sent_to: int | None = None,
) -> list[bytes]:
    """Notes the state of own records and tells listeners; `sent_to` None leaves that number as it is.

    Returns the ids that changed. Others' and unknown records are passed over, and what was delivered stays
    so: an acknowledgement may overtake the note that the message was sent. A delivered or refused direct
    message leaves the outbox; QUEUED puts a refused one back.
    """
    changed = []
    for record_id in ids:
        row = conn.execute(
            "SELECT r.n, r.kind, r.state, r.reason, r.sent_to, o.name, o.peer"
            " FROM records r JOIN rooms o ON o.n = r.room_n WHERE r.id = ? AND r.own = 1",
            (record_id,),
        ).fetchone()
        if row is None:
            continue
        n, kind, *old, name, peer = row
        new = [state, reason, old[2] if sent_to is None else sent_to]
        if old == new or (old[0] == DELIVERED and state != DELIVERED):
            continue
        conn.execute("UPDATE records SET state = ?, reason = ?, sent_to = ? WHERE n = ?", (*new, n))
        _follow_outbox(conn, n, peer, state)
        changed.append(record_id)
        if kind in MESSAGE_KINDS:
            where = {"id": record_id.hex(), "room": None if peer is not None else name, "peer": peer}
            fate = {"state": state, "reason": reason, "sent_to": new[2]}
            add_event(conn, "delivery", now_ms, where | fate)
    return changed


def _follow_outbox(conn: sqlite3.Connection, n: int, peer: str | None, state: str) -> None:
    if state in (DELIVERED, REFUSED):
        conn.execute("DELETE FROM outbox WHERE record_n = ?", (n,))
        conn.execute("DELETE FROM deposits WHERE record_n = ?", (n,))
    elif state == QUEUED and peer is not None:
        conn.execute(
            "INSERT INTO outbox (record_n, peer) VALUES (?, ?) ON CONFLICT (record_n) DO NOTHING", (n, peer)
        )


def own_unsent(conn: sqlite3.Connection, room_n: int, limit: int) -> list[tuple[bytes, bytes]]:
    """(id, raw) of the oldest own room records that are still STORED, in the order they were said."""
    return conn.execute(
        "SELECT id, raw FROM records WHERE own = 1 AND state = 'stored' AND room_n = ? AND raw IS NOT NULL"
        " ORDER BY n LIMIT ?",
        (room_n, limit),
    ).fetchall()


def outbox_pending(conn: sqlite3.Connection, peer: PeerId, limit: int) -> list[tuple[bytes, bytes]]:
    """(id, raw) of the oldest direct messages that `peer` has not acknowledged, in order."""
    return conn.execute(
        "SELECT r.id, r.raw FROM outbox b JOIN records r ON r.n = b.record_n"
        " WHERE b.peer = ? AND r.raw IS NOT NULL ORDER BY b.record_n LIMIT ?",
        (peer, limit),
    ).fetchall()


def outbox_peers(conn: sqlite3.Connection) -> list[PeerId]:
    return [PeerId(peer) for (peer,) in conn.execute("SELECT DISTINCT peer FROM outbox ORDER BY peer")]


def outbox_counts(conn: sqlite3.Connection, peer: PeerId | None) -> OutboxCounts:
    """Of one peer, or of all with None."""
    counts = dict(
        conn.execute(
            "SELECT r.state, count(*) FROM outbox b CROSS JOIN records r ON r.n = b.record_n"
            " WHERE ? IS NULL OR b.peer = ? GROUP BY r.state",
            (peer, peer),
        ).fetchall()
    )
    return OutboxCounts(queued=counts.get(QUEUED, 0), sent=counts.get(SENT, 0))
