"""Reading messages: pages of history, one message, the fields that the API shows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.errors import NoSuchMessage
from p2pd_daemon.store.rows import DIRECT, MessageRow
from p2pd_daemon.store.search import parse_search

MESSAGE_COLUMNS = (
    "r.id, r.room_n, o.kind, o.name, o.peer, r.author, p.nick, r.ts_ms, r.kind, r.text, r.state, r.reason,"
    " r.sent_to, r.own, r.arrived_ms, r.caught_up,"
    " CASE r.own WHEN 1 THEN"
    " (SELECT count(*) FROM members m WHERE m.room_n = r.room_n AND m.holds_n >= r.n) ELSE 0 END,"
    " CASE r.own WHEN 1 THEN (SELECT count(*) FROM members m WHERE m.room_n = r.room_n) ELSE 0 END"
)
MESSAGE_TABLES = "records r CROSS JOIN rooms o ON o.n = r.room_n LEFT JOIN profiles p ON p.author = r.author"
"""CROSS JOIN fixes the order: records first, by their index, then the one room and the one profile."""


def message_row(row: Sequence[Any]) -> MessageRow:
    """From MESSAGE_COLUMNS."""
    (
        record_id,
        room_n,
        room_kind,
        name,
        peer,
        author,
        nick,
        ts_ms,
        kind,
        text,
        state,
        reason,
        sent_to,
        own,
        at,
        caught_up,
        held_by,
        members,
    ) = row
    return MessageRow(
        id=record_id,
        room_n=room_n,
        room=None if room_kind == DIRECT else name,
        peer=None if peer is None else PeerId(peer),
        author=PeerId(author),
        nick=nick or "",
        ts_ms=ts_ms,
        kind=kind,
        text=text or "",
        state=state,
        reason=reason,
        sent_to=sent_to,
        own=bool(own),
        arrived_ms=at,
        caught_up=bool(caught_up),
        held_by=held_by,
        members=members,
    )


def message_shape(message: MessageRow) -> dict[str, Any]:
    """The fields of p2pd_client.shapes.Message. `name` depends on who else is known, so it is filled in
    above.
    """
    return {
        "id": message.id.hex(),
        "room": message.room,
        "from": message.author,
        "nick": message.nick,
        "ts_ms": message.ts_ms,
        "kind": message.kind,
        "text": message.text,
        "state": message.state,
        "name": "",
        "peer": message.peer,
        "reason": message.reason,
    }


def load_history(
    conn: sqlite3.Connection,
    room_n: int,
    *,
    limit: int,
    before: bytes | None = None,
    search: str | None = None,
    hide_authors: Collection[PeerId] = (),
) -> list[MessageRow]:
    """The newest `limit` messages of a room that are older than `before`, oldest first, ordered by (ts_ms,
    id).

    A `search` without a word in it finds everything. Raises NoSuchMessage when the room has no record
    `before`.
    """
    where = ["r.room_n = ?", "r.shown = 1"]
    values: list[Any] = [room_n]
    if before is not None:
        where.append("(r.ts_ms, r.id) < (?, ?)")
        values += [_ts_of(conn, room_n, before), before]
    if hide_authors:
        where.append("r.author NOT IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(sorted(hide_authors)))
    if search is not None:
        parsed = parse_search(search)
        if parsed.match:
            where.append("r.n IN (SELECT rowid FROM search WHERE search MATCH ?)")
            values.append(parsed.match)
        for pattern in parsed.patterns:
            where.append("r.text LIKE ? ESCAPE '\\'")
            values.append(pattern)
    found = conn.execute(
        f"SELECT {MESSAGE_COLUMNS} FROM {MESSAGE_TABLES} WHERE {' AND '.join(where)}"  # noqa: S608 - our own words
        " ORDER BY r.ts_ms DESC, r.id DESC LIMIT ?",
        (*values, max(limit, 0)),
    ).fetchall()
    return [message_row(row) for row in reversed(found)]


def load_message(conn: sqlite3.Connection, record_id: bytes) -> MessageRow:
    """Any record, shown or not; its text is "" where it has none. Raises NoSuchMessage."""
    row = conn.execute(
        f"SELECT {MESSAGE_COLUMNS} FROM {MESSAGE_TABLES} WHERE r.id = ?",  # noqa: S608 - our own words
        (record_id,),
    ).fetchone()
    if row is None:
        raise _no_such_message(record_id)
    return message_row(row)


def _ts_of(conn: sqlite3.Connection, room_n: int, record_id: bytes) -> int:
    row = conn.execute(
        "SELECT ts_ms FROM records WHERE id = ? AND room_n = ?", (record_id, room_n)
    ).fetchone()
    if row is None:
        raise _no_such_message(record_id)
    return int(row[0])


def _no_such_message(record_id: bytes) -> NoSuchMessage:
    return NoSuchMessage(
        f"There is no message {record_id.hex()} here.", hint="Take an id that `p2pd history --json` shows."
    )
