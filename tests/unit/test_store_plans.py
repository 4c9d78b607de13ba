"""Quick in a room of any size: each query goes by an index, none reads or sorts all records."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest
from p2pd_daemon.core.event import Delete, Edit, Reaction
from p2pd_daemon.store import (
    changes,
    delivery,
    events,
    heads,
    history,
    lasts,
    people,
    reactions,
    records,
    rooms,
)
from p2pd_daemon.store.rows import QUARANTINED, QUEUED, SENT, STORED
from store_records import ALICE, BOB, START_MS, TOPIC, make, make_nick, open_in_memory

OWN = make(1, "own", own=True, state=STORED)

QUERIES: dict[str, Callable[[sqlite3.Connection], object]] = {
    "history": lambda conn: history.load_history(conn, 1, limit=5),
    "history before": lambda conn: history.load_history(conn, 1, limit=5, before=OWN.record.id),
    "history after": lambda conn: history.load_history(conn, 1, limit=5, after=OWN.record.id),
    "newest of each room": lambda conn: lasts.load_lasts(conn, [1, 2], {BOB}),
    "history without the blocked": lambda conn: history.load_history(conn, 1, limit=5, hide_authors={BOB}),
    "search": lambda conn: history.load_history(conn, 1, limit=5, search="own word 世界"),
    "message": lambda conn: history.load_message(conn, OWN.record.id),
    "rooms": lambda conn: rooms.load_rooms(conn, joined_only=True, kind=None),
    "heads": lambda conn: heads.load_heads(conn, 1),
    "unsent": lambda conn: delivery.own_unsent(conn, 1, 5),
    "pending": lambda conn: delivery.outbox_pending(conn, BOB, 5),
    "outbox counts": lambda conn: delivery.outbox_counts(conn, None),
    "state": lambda conn: delivery.set_state(conn, [OWN.record.id], SENT, now_ms=START_MS),
    "profiles": lambda conn: people.load_profiles(conn, None),
    "latest profile": lambda conn: people.load_latest_profile(conn, ALICE, 1),
    "events": lambda conn: events.events_after(conn, 0, 5),
    "oldest event": events.oldest_event,
    "quarantine": lambda conn: records.release_quarantined(conn, START_MS, 5),
    "versions": lambda conn: history.load_versions(conn, OWN.record.id),
    "prefix": lambda conn: history.find_lines(conn, OWN.record.id.hex()[:8], 8),
    "own symbols": lambda conn: reactions.load_own_symbols(conn, OWN.record.id, 1),
    "edit": lambda conn: records.ingest(conn, [make(1, Edit(OWN.record.id, "new"), seqno=98)]),
    "delete": lambda conn: records.ingest(conn, [make(1, Delete(OWN.record.id, (OWN.record.id,)), seqno=97)]),
    "reaction": lambda conn: records.ingest(conn, [make(1, Reaction(OWN.record.id, "+1"), seqno=96)]),
    "deleted": lambda conn: changes.keep_deleted(conn, 1, [(START_MS, b"?" * 32)], START_MS),
    "ingest": lambda conn: records.ingest(conn, [make(1, "new", seqno=99, parents=[OWN.record.id])]),
}


@pytest.fixture
def conn() -> sqlite3.Connection:
    opened = open_in_memory()
    rooms.add_room(opened, "lobby", TOPIC, START_MS)
    rooms.open_conversation(opened, BOB, "p2pd/1/dm/abc", START_MS)
    records.ingest(opened, [OWN, make_nick(1, "al"), make(1, "later", author=BOB, state=QUARANTINED)])
    records.ingest(opened, [make(2, "direct", own=True, state=QUEUED, topic="p2pd/1/dm/abc")])
    return opened


@pytest.mark.parametrize("name", QUERIES)
def test_no_query_reads_all_records(name: str, conn: sqlite3.Connection) -> None:
    statements: list[str] = []
    conn.set_trace_callback(statements.append)
    QUERIES[name](conn)
    conn.set_trace_callback(None)
    asked = [sql for sql in statements if sql.startswith(("SELECT", "UPDATE", "DELETE", "INSERT"))]
    assert asked
    for sql in asked:
        if "INTO search" in sql:
            continue  # FTS5's own business
        plan = [row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {sql}")]
        for step in plan:
            assert not step.startswith(("SCAN r", "SCAN records", "SCAN e ")), (sql, plan)
            small = name in ("rooms", "heads", "outbox counts", "quarantine")  # few rows to sort
            assert "TEMP B-TREE" not in step or small, (sql, plan)
