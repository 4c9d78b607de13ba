"""The event stream of the control API: numbered, stored, pruned."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from p2pd_daemon.store.changes import Changed, Stored
from p2pd_daemon.store.history import MESSAGE_COLUMNS, QUOTE_JOIN, SENDER_JOIN, message_row, message_shape
from p2pd_daemon.store.reactions import with_reactions
from p2pd_daemon.store.rows import EventRow, News

PRUNE_BATCH = 1_000
"""Old events are deleted when there are this many too many, not one with each new one."""


def add_event(conn: sqlite3.Connection, kind: str, now_ms: int, data: Mapping[str, Any]) -> int:
    """Adds an event with its own data; returns its number."""
    cursor = conn.execute(
        "INSERT INTO events (kind, ts_ms, data) VALUES (?, ?, ?)",
        (kind, now_ms, _json(data)),
    )
    return _number(cursor)


def add_events(conn: sqlite3.Connection, kind: str, now_ms: int, data: Sequence[Mapping[str, Any]]) -> None:
    """Several of one kind, in this order."""
    if data:
        rows = ",".join(["(?,?,?)"] * len(data))
        values = [value for one in data for value in (kind, now_ms, _json(one))]
        conn.execute(f"INSERT INTO events (kind, ts_ms, data) VALUES {rows}", values)  # noqa: S608 - question marks


def add_message_event(conn: sqlite3.Connection, record_n: int, now_ms: int) -> int:
    cursor = conn.execute(
        "INSERT INTO events (kind, ts_ms, record_n) VALUES ('message', ?, ?)", (now_ms, record_n)
    )
    return _number(cursor)


def add_message_events(conn: sqlite3.Connection, told: Sequence[tuple[int, int]]) -> range:
    """One for each (ts_ms, record_n); their numbers."""
    first = newest_event(conn) + 1
    if told:
        rows = ",".join(["('message',?,?)"] * len(told))
        values = [value for one in told for value in one]
        conn.execute(f"INSERT INTO events (kind, ts_ms, record_n) VALUES {rows}", values)  # noqa: S608 - question marks
    return range(first, first + len(told))


def add_change_event(conn: sqlite3.Connection, by: Stored, changed: Changed, now_ms: int) -> int:
    """An edit, a delete or a reaction: `by` is its record."""
    how = {"by": by.author, "change_id": by.id.hex()} | changed.how
    cursor = conn.execute(
        "INSERT INTO events (kind, ts_ms, record_n, data) VALUES (?, ?, ?, ?)",
        (changed.kind, now_ms, changed.target_n, _json(how)),
    )
    return _number(cursor)


def events_after(conn: sqlite3.Connection, n: int, limit: int) -> list[EventRow]:
    """The next `limit` events, oldest first. A message is as it is now: the author's nick, the state, the
    text.
    """
    found = conn.execute(
        f"SELECT e.n, e.kind, e.ts_ms, e.data, e.record_n, {MESSAGE_COLUMNS} FROM events e"  # noqa: S608
        " LEFT JOIN records r ON r.n = e.record_n LEFT JOIN rooms o ON o.n = r.room_n"
        f" LEFT JOIN profiles p ON p.author = r.author {SENDER_JOIN} {QUOTE_JOIN} WHERE e.n > ? ORDER BY e.n LIMIT ?",
        (n, limit),
    ).fetchall()
    messages = iter(with_reactions(conn, [message_row(row[5:]) for row in found if row[4] is not None]))
    events = []
    for number, kind, ts_ms, data, record_n, *_ in found:
        about = json.loads(data) if data is not None else {}
        shown = message_shape(next(messages)) if record_n is not None else {}
        events.append(EventRow(number, kind, ts_ms, shown | about))
    return events


def read_news(conn: sqlite3.Connection, after: int, most: int) -> News:
    """What is new since the event `after`, with the events' rows if there are at most `most`."""
    newest = newest_event(conn)
    if not 0 < newest - after <= most:
        return News(newest, newest)
    return News(newest, after, tuple(events_after(conn, after, most)))


def newest_event(conn: sqlite3.Connection) -> int:
    """The largest number ever given, 0 before the first."""
    row = conn.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return 0 if row is None else int(row[0])


def oldest_event(conn: sqlite3.Connection) -> int:
    """The smallest number that is still kept; newest_event() + 1 when none is."""
    row = conn.execute("SELECT min(n) FROM events").fetchone()
    return newest_event(conn) + 1 if row[0] is None else int(row[0])


def prune_events(conn: sqlite3.Connection, kept: int) -> None:
    """Deletes the oldest when there are PRUNE_BATCH more than `kept`; 0 keeps all."""
    newest = newest_event(conn)
    if kept and newest - oldest_event(conn) + 1 >= kept + PRUNE_BATCH:
        conn.execute("DELETE FROM events WHERE n <= ?", (newest - kept,))


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"))


def _number(cursor: sqlite3.Cursor) -> int:
    assert cursor.lastrowid is not None  # noqa: S101 - an INSERT has just succeeded
    return cursor.lastrowid
