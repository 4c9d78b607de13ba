"""What became of own messages: the outbox of direct ones, and the state that each shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.store.events import add_events
from p2pd_daemon.store.rows import DELIVERED, MESSAGE_KINDS, QUEUED, REFUSED, SENT, OutboxCounts

TOGETHER = 64
"""Rows of one statement, see bursts.py."""


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
    changed: list[bytes] = []
    unique = list(dict.fromkeys(ids))
    for start in range(0, len(unique), TOGETHER):
        changed += _set_state_of(conn, unique[start : start + TOGETHER], (state, reason, sent_to), now_ms)
    return changed


def _set_state_of(
    conn: sqlite3.Connection, ids: Sequence[bytes], new: tuple[str, str, int | None], now_ms: int
) -> list[bytes]:
    """As `set_state`, in a few statements for all of them."""
    state, reason, sent_to = new
    found = {
        row[0]: row[1:]
        for row in conn.execute(
            "SELECT r.id, r.n, r.kind, o.name, o.peer, r.sent_to, r.state, r.reason"  # noqa: S608 - question marks
            f" FROM records r JOIN rooms o ON o.n = r.room_n WHERE r.id IN ({_marks(ids)}) AND r.own = 1",
            ids,
        )
    }
    changed, rows, told = [], [], []
    for record_id in ids:
        if record_id not in found:
            continue
        n, kind, name, peer, old_sent_to, old_state, old_reason = found[record_id]
        sent = old_sent_to if sent_to is None else sent_to
        same = (old_state, old_reason, old_sent_to) == (state, reason, sent)
        if same or (old_state == DELIVERED and state != DELIVERED):
            continue
        changed.append(record_id)
        rows.append((n, peer))
        if kind in MESSAGE_KINDS:
            where = {"id": record_id.hex(), "room": None if peer is not None else name, "peer": peer}
            told.append(where | {"state": state, "reason": reason, "sent_to": sent})
    numbers = [n for n, _ in rows]
    conn.execute(
        f"UPDATE records SET state = ?, reason = ?, sent_to = coalesce(?, sent_to) WHERE n IN ({_marks(numbers)})",  # noqa: S608 - question marks
        (state, reason, sent_to, *numbers),
    )
    _follow_outbox(conn, rows, state)
    add_events(conn, "delivery", now_ms, told)
    return changed


def _follow_outbox(conn: sqlite3.Connection, rows: Sequence[tuple[int, str | None]], state: str) -> None:
    numbers = [(n,) for n, _ in rows]
    if state in (DELIVERED, REFUSED):
        conn.executemany("DELETE FROM outbox WHERE record_n = ?", numbers)
        conn.executemany("DELETE FROM deposits WHERE record_n = ?", numbers)
    elif state == QUEUED:
        conn.executemany(
            "INSERT INTO outbox (record_n, peer) VALUES (?, ?) ON CONFLICT (record_n) DO NOTHING",
            [row for row in rows if row[1] is not None],
        )


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


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
