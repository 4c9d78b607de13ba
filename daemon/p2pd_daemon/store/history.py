"""Reading messages: pages of history, one message, the fields that the API shows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.errors import NoSuchMessage
from p2pd_daemon.store.reactions import with_reactions
from p2pd_daemon.store.rows import DELIVERED, DIRECT, MessageRow, QuoteRow, SenderRow, VersionRow
from p2pd_daemon.store.search import parse_search

MESSAGE_COLUMNS = (
    "r.id, r.room_n, o.kind, o.name, o.peer, r.author, p.nick, r.ts_ms, r.kind,"
    " coalesce(r.edited, r.text), r.state, r.reason,"
    " r.sent_to, r.own, r.arrived_ms, r.caught_up,"
    " CASE r.own WHEN 1 THEN"
    " (SELECT count(*) FROM members m WHERE m.room_n = r.room_n AND m.holds_n >= r.n) ELSE 0 END,"
    " CASE r.own WHEN 1 THEN (SELECT count(*) FROM members m WHERE m.room_n = r.room_n) ELSE 0 END,"
    " r.about, r.edited IS NOT NULL, r.deleted, s.nick, s.claims,"
    " q.author, substr(coalesce(q.edited, q.text), 1, 160), q.deleted,"
    " (SELECT c.via FROM carried c WHERE c.record_n = r.n)"
)
QUOTE_JOIN = (
    "LEFT JOIN records q ON q.id = r.about AND q.room_n = r.room_n AND q.shown = 1 AND r.kind = 'text'"
)
"""What a reply answers, where it is here."""
SENDER_JOIN = "LEFT JOIN senders s ON s.record_n = r.n"
MESSAGE_TABLES = (
    "records r CROSS JOIN rooms o ON o.n = r.room_n LEFT JOIN profiles p ON p.author = r.author "
    f"{SENDER_JOIN} {QUOTE_JOIN}"
)
"""CROSS JOIN fixes the order: records first, by their index, then the one room and the one profile."""

LONGEST_VERSIONS = 1_000
"""Edits of one message that are read at once: we make at most MAX_EDITS, others may make more."""


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
        about,
        edited,
        deleted,
        said_nick,
        claims,
        *quote,
        via,
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
        about=about,
        edited=bool(edited),
        deleted=bool(deleted),
        sender=None if said_nick is None else SenderRow(said_nick, claims),
        quote=None if quote[0] is None else QuoteRow(PeerId(quote[0]), quote[1] or "", bool(quote[2])),
        via=via or "",
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
        "caught_up": message.caught_up,
        "delivery": delivery_shape(message),
        "reply_to": message.reply_to.hex() if message.reply_to is not None else None,
        "quote": _quote_shape(message.quote) if message.quote is not None else None,
        "edited": message.edited,
        "deleted": message.deleted,
        "via": message.via,
        "reactions": [
            {"symbol": one.symbol, "count": one.count, "mine": one.mine, "by": list(one.by)}
            for one in message.reactions
        ],
        "sender": _sender_shape(message.sender) if message.sender is not None else None,
    }


def _sender_shape(sender: SenderRow) -> dict[str, Any]:
    return {"nick": sender.nick, "claims": sender.claims}


def _quote_shape(quote: QuoteRow) -> dict[str, Any]:
    return {"from": quote.author, "text": quote.text, "deleted": quote.deleted, "name": ""}


def delivery_shape(message: MessageRow) -> dict[str, Any] | None:
    """The fields of p2pd_client.shapes.Delivery, for an own message."""
    if not message.own:
        return None
    direct = message.peer is not None
    return {
        "state": message.state,
        "sent_to": message.sent_to,
        "held_by": int(message.state == DELIVERED) if direct else message.held_by,
        "members": 1 if direct else message.members,
    }


def load_history(
    conn: sqlite3.Connection,
    room_n: int,
    *,
    limit: int,
    before: bytes | None = None,
    after: bytes | None = None,
    search: str | None = None,
    hide_authors: Collection[PeerId] = (),
) -> list[MessageRow]:
    """The newest `limit` messages of a room that are older than `before`, or the `limit` that follow `after`; oldest
    first, ordered by (ts_ms, id).

    A `search` without a word in it finds everything. Raises NoSuchMessage when the room has no such record.
    """
    where = ["r.room_n = ?", "r.shown = 1"]
    values: list[Any] = [room_n]
    if before is not None:
        where.append("(r.ts_ms, r.id) < (?, ?)")
        values += [_ts_of(conn, room_n, before), before]
    if after is not None:
        where.append("(r.ts_ms, r.id) > (?, ?)")
        values += [_ts_of(conn, room_n, after), after]
    if hide_authors:
        where.append("r.author NOT IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(sorted(hide_authors)))
    if search is not None:
        parsed = parse_search(search)
        if parsed.match:
            where.append("r.n IN (SELECT rowid FROM search WHERE search MATCH ?)")
            values.append(parsed.match)
        for pattern in parsed.patterns:
            where.append("coalesce(r.edited, r.text) LIKE ? ESCAPE '\\'")
            values.append(pattern)
    order = "r.ts_ms DESC, r.id DESC" if after is None else "r.ts_ms, r.id"
    found = conn.execute(
        f"SELECT {MESSAGE_COLUMNS} FROM {MESSAGE_TABLES} WHERE {' AND '.join(where)} ORDER BY {order} LIMIT ?",  # noqa: S608
        (*values, max(limit, 0)),
    ).fetchall()
    if after is None:
        found.reverse()
    return with_reactions(conn, [message_row(row) for row in found])


def load_message(conn: sqlite3.Connection, record_id: bytes) -> MessageRow:
    """Any record, shown or not; its text is "" where it has none. Raises NoSuchMessage."""
    row = conn.execute(
        f"SELECT {MESSAGE_COLUMNS} FROM {MESSAGE_TABLES} WHERE r.id = ?",  # noqa: S608 - our own words
        (record_id,),
    ).fetchone()
    if row is None:
        raise _no_such_message(record_id)
    return with_reactions(conn, [message_row(row)])[0]


def find_lines(conn: sqlite3.Connection, prefix: str, limit: int) -> list[bytes]:
    """Ids of at most `limit` lines of the history, of all rooms, that begin with these hexadecimal digits."""
    least, most = bytes.fromhex(prefix.ljust(64, "0")), bytes.fromhex(prefix.ljust(64, "f"))
    found = conn.execute(
        "SELECT id FROM records WHERE id BETWEEN ? AND ? AND shown = 1 ORDER BY id LIMIT ?",
        (least, most, limit),
    )
    return [row[0] for row in found]


def load_versions(conn: sqlite3.Connection, record_id: bytes) -> list[VersionRow]:
    """What a message has said, oldest first, the last one shown. Empty when it is deleted. Raises NoSuchMessage."""
    row = conn.execute(
        "SELECT room_n, author, deleted, id, ts_ms, text FROM records WHERE id = ?", (record_id,)
    ).fetchone()
    if row is None:
        raise _no_such_message(record_id)
    room_n, author, deleted, *first = row
    if deleted or first[2] is None:
        return []
    edits = conn.execute(
        "SELECT id, ts_ms, text FROM records WHERE kind = 'edit' AND room_n = ? AND about = ? AND author = ?"
        " AND deleted = 0 AND state <> 'quarantined' AND text IS NOT NULL ORDER BY ts_ms, id LIMIT ?",
        (room_n, record_id, author, LONGEST_VERSIONS),
    ).fetchall()
    return [VersionRow(*version) for version in (first, *edits)]


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
