"""Edits, deletes and reactions: what `core/fold.py` says, kept up to date record by record.

A change may be here before the record that it is about. So a change does what it can when it arrives, and a record
looks on its own arrival for the changes that waited for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from p2pd_daemon.core.event import Body, Delete, Edit, Reaction, Text
from p2pd_daemon.core.fold import DELETABLE, MAX_SYMBOLS
from p2pd_daemon.store.heads import link
from p2pd_daemon.store.rows import MESSAGE_KINDS, RECEIVED, SENT


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of records, as far as its readers and listeners are concerned."""

    n: int
    id: bytes
    room_n: int
    ts_ms: int
    author: str
    own: bool


@dataclass(frozen=True, slots=True)
class Changed:
    """A line of the history that shows something else now: `target_n` is its record, `how` is for listeners."""

    kind: str
    target_n: int
    how: dict[str, Any]


def about_of(body: Body) -> bytes | None:
    """The id of the record that this one is about."""
    match body:
        case Text():
            return body.reply_to
        case Edit() | Delete() | Reaction():
            return body.target
    return None


def apply_waiting(conn: sqlite3.Connection, stored: Stored, kind: str) -> bool:
    """Does to a new record what changes that came before it say. True when it is deleted."""
    if kind not in DELETABLE:
        return False
    named = conn.execute(
        "SELECT 1 FROM deletes WHERE id = ? AND room_n = ? AND author = ?",
        (stored.id, stored.room_n, stored.author),
    ).fetchone()
    if named is not None:
        drop(conn, stored.n, deleted=True)
        return True
    if kind in MESSAGE_KINDS:
        refresh_text(conn, stored.n)
    return False


def apply(conn: sqlite3.Connection, stored: Stored, body: Body) -> list[Changed]:
    """Does what a stored record, which is due, says about others; `stored` is not deleted itself."""
    match body:
        case Edit():
            return _edit(conn, stored, body.target)
        case Delete():
            return _delete(conn, stored, body)
        case Reaction():
            return _react(conn, stored, body)
    return []


def _edit(conn: sqlite3.Connection, stored: Stored, target: bytes) -> list[Changed]:
    row = _line(conn, stored.room_n, target)
    if row is None or not refresh_text(conn, row.n):  # which looks at its author's edits only
        return []
    return [Changed("edit", row.n, {})] if row.shown else []


def _delete(conn: sqlite3.Connection, stored: Stored, body: Delete) -> list[Changed]:
    changed = []
    for record_id in (body.target, *body.edits):
        conn.execute(
            "INSERT INTO deletes (id, room_n, author, is_edit, own) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET is_edit = min(is_edit, excluded.is_edit)",
            (record_id, stored.room_n, stored.author, record_id != body.target, stored.own),
        )
        row = conn.execute(
            "SELECT n, kind, about, shown FROM records WHERE id = ? AND room_n = ? AND author = ? AND deleted = 0",
            (record_id, stored.room_n, stored.author),
        ).fetchone()
        if row is None or row[1] not in DELETABLE:
            continue
        n, kind, about, shown = row
        drop(conn, n, deleted=True)
        if kind == "edit":  # taken back by itself: the message says again what it said before
            changed += _edit(conn, stored, about)
        elif shown:
            changed.append(Changed("delete", n, {}))
    return changed


def _react(conn: sqlite3.Connection, stored: Stored, body: Reaction) -> list[Changed]:
    key = (body.target, stored.room_n, stored.author)
    before = _stands(conn, key, body.symbol)
    conn.execute(
        "INSERT INTO reactions (target, room_n, author, symbol, ts_ms, id, stands, own)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (target, room_n, author, symbol) DO UPDATE SET"
        " ts_ms = excluded.ts_ms, id = excluded.id, stands = excluded.stands"
        " WHERE (excluded.ts_ms, excluded.id) > (ts_ms, id)",
        (*key, body.symbol, stored.ts_ms, stored.id, not body.remove, stored.own),
    )
    _forget_oldest_symbols(conn, key)
    after = _stands(conn, key, body.symbol)
    row = _line(conn, stored.room_n, body.target)
    if before == after or row is None or not row.shown:
        return []
    return [Changed("reaction", row.n, {"symbol": body.symbol, "remove": body.remove})]


def _stands(conn: sqlite3.Connection, key: tuple[bytes, int, str], symbol: str) -> bool:
    row = conn.execute(
        "SELECT stands FROM reactions WHERE target = ? AND room_n = ? AND author = ? AND symbol = ?",
        (*key, symbol),
    ).fetchone()
    return row is not None and bool(row[0])


def _forget_oldest_symbols(conn: sqlite3.Connection, key: tuple[bytes, int, str]) -> None:
    """Keeps those touched last. What was forgotten cannot win later: the others are newer, and only get newer."""
    rows = conn.execute(
        "SELECT ts_ms, id, symbol FROM reactions WHERE target = ? AND room_n = ? AND author = ?", key
    ).fetchall()
    for _, _, symbol in sorted(rows)[:-MAX_SYMBOLS]:
        conn.execute(
            "DELETE FROM reactions WHERE target = ? AND room_n = ? AND author = ? AND symbol = ?",
            (*key, symbol),
        )


@dataclass(frozen=True, slots=True)
class _Line:
    n: int
    shown: bool


def _line(conn: sqlite3.Connection, room_n: int, record_id: bytes) -> _Line | None:
    """A message of the room that is not deleted, shown or still in quarantine."""
    row = conn.execute(
        "SELECT n, shown, kind, deleted FROM records WHERE id = ? AND room_n = ?", (record_id, room_n)
    ).fetchone()
    if row is None or row[2] not in MESSAGE_KINDS or row[3]:
        return None
    return _Line(row[0], bool(row[1]))


def refresh_text(conn: sqlite3.Connection, n: int) -> bool:
    """Makes a message say what its newest edit says. False when it does so already."""
    record_id, room_n, author, text, old = conn.execute(
        "SELECT id, room_n, author, text, edited FROM records WHERE n = ?", (n,)
    ).fetchone()
    newest = conn.execute(
        "SELECT text FROM records WHERE kind = 'edit' AND room_n = ? AND about = ? AND author = ?"
        " AND deleted = 0 AND state <> 'quarantined' AND text IS NOT NULL ORDER BY ts_ms DESC, id DESC LIMIT 1",
        (room_n, record_id, author),
    ).fetchone()
    edited = newest[0] if newest is not None else None
    if edited == old or text is None:
        return False
    _unindex(conn, n)
    conn.execute("UPDATE records SET edited = ? WHERE n = ?", (edited, n))
    index_text(conn, n)
    return True


def index_text(conn: sqlite3.Connection, n: int) -> None:
    """Lets what a message says be found. Nothing for what is no message, or has no text."""
    conn.execute("INSERT INTO search (rowid, text) SELECT n, text FROM searchable WHERE n = ?", (n,))


def _unindex(conn: sqlite3.Connection, n: int) -> None:
    conn.execute(
        "INSERT INTO search (search, rowid, text) SELECT 'delete', n, text FROM searchable WHERE n = ?", (n,)
    )


def drop(conn: sqlite3.Connection, n: int, *, deleted: bool) -> None:
    """Forgets the texts and signed bytes of a record and keeps its place. `deleted`: by its author, and shown so;
    otherwise it is no line of the history any more.
    """
    _unindex(conn, n)
    conn.execute(
        "UPDATE records SET text = NULL, edited = NULL, raw = NULL, deleted = max(deleted, ?),"
        " shown = shown AND ? WHERE n = ?",
        (deleted, deleted, n),
    )
    conn.execute("DELETE FROM outbox WHERE record_n = ?", (n,))
    conn.execute("UPDATE quarantine SET body = NULL WHERE record_n = ?", (n,))


def keep_deleted(
    conn: sqlite3.Connection, room_n: int, places: Sequence[tuple[int, bytes]], now_ms: int
) -> list[tuple[int, bytes]]:
    """Takes in (ts_ms, id) of records whose bodies others have dropped, where a delete that is here names them.

    Returns those that are new here. They are shown as their deleter's: whether that was their author cannot be seen
    without the body, so the caller sees to it that they are believed. With several deleters none is shown.
    """
    kept = []
    for ts_ms, record_id in places:
        named = conn.execute(
            "SELECT author, is_edit, own FROM deletes WHERE id = ? AND room_n = ?", (record_id, room_n)
        ).fetchall()
        if not named:
            continue
        author, is_edit, own = named[0] if len(named) == 1 else ("", True, False)
        kind = (
            "gone" if not author else "edit" if is_edit else "text"
        )  # an action, perhaps: nothing tells any more
        cursor = conn.execute(
            "INSERT INTO records (id, room_n, ts_ms, author, kind, own, shown, linked, state, caught_up,"
            " arrived_ms, deleted) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, 1, ?, 1) ON CONFLICT (id) DO NOTHING",
            (record_id, room_n, ts_ms, author, kind, own, kind == "text", SENT if own else RECEIVED, now_ms),
        )
        if cursor.rowcount:
            link(conn, room_n, record_id, ts_ms, ())
            kept.append((ts_ms, record_id))
    return kept
