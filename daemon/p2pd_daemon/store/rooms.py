"""Rooms and direct conversations."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.room import Wire
from p2pd_daemon.errors import NoSuchRoom
from p2pd_daemon.store.rows import DIRECT, OPEN, RoomRow

_ROOM_COLUMNS = """
    o.n, o.name, o.topic, o.kind, o.peer, o.joined,
    (SELECT total(count) FROM unread u WHERE u.room_n = o.n AND u.author NOT IN (SELECT peer FROM blocks)),
    (SELECT r.ts_ms FROM records r WHERE r.room_n = o.n AND r.shown = 1
     ORDER BY r.ts_ms DESC, r.id DESC LIMIT 1), o.created_ms, o.floor_ts
"""


def add_room(conn: sqlite3.Connection, name: str, topic: str, now_ms: int, kind: str = OPEN) -> RoomRow:
    """Makes the room known and joined; one that is known keeps its messages."""
    name = free_name(conn, name, topic, kind)
    conn.execute(
        "INSERT INTO rooms (topic, name, kind, joined, created_ms) VALUES (?, ?, ?, 1, ?)"
        " ON CONFLICT (topic) DO UPDATE SET joined = 1, created_ms = min(created_ms, excluded.created_ms)",
        (topic, name, kind, now_ms),
    )
    return require_room(conn, topic)


def free_name(conn: sqlite3.Connection, name: str, topic: str, kind: str) -> str:
    """A name means one room here: where it is taken by a room of another wire, ours has its wire in front."""
    taken = conn.execute(
        "SELECT 1 FROM rooms WHERE name = ? AND topic <> ? AND kind <> ?", (name, topic, DIRECT)
    ).fetchone()
    return f"{Wire.P2PD if kind == OPEN else kind}:{name}" if taken else name


def open_conversation(conn: sqlite3.Connection, peer: PeerId, topic: str, now_ms: int) -> RoomRow:
    """The direct conversation with `peer`, made if there is none yet."""
    conn.execute(
        "INSERT INTO rooms (topic, name, kind, peer, joined, created_ms) VALUES (?, '', ?, ?, 1, ?)"
        " ON CONFLICT (topic) DO NOTHING",
        (topic, DIRECT, peer, now_ms),
    )
    return require_room(conn, topic)


def set_joined(conn: sqlite3.Connection, topic: str, joined: bool) -> None:
    """Raises NoSuchRoom. Messages are kept."""
    if not conn.execute("UPDATE rooms SET joined = ? WHERE topic = ?", (joined, topic)).rowcount:
        raise _no_such_room(topic)


def load_rooms(conn: sqlite3.Connection, *, joined_only: bool, kind: str | None) -> list[RoomRow]:
    """By name. `kind` None is all kinds."""
    found = conn.execute(
        f"SELECT {_ROOM_COLUMNS} FROM rooms o"  # noqa: S608
        " WHERE o.joined >= ? AND (? IS NULL OR o.kind = ?) ORDER BY o.name, o.n",
        (int(joined_only), kind, kind),
    )
    return [_room_row(row) for row in found.fetchall()]


def room_by_topic(conn: sqlite3.Connection, topic: str) -> RoomRow | None:
    row = conn.execute(f"SELECT {_ROOM_COLUMNS} FROM rooms o WHERE o.topic = ?", (topic,)).fetchone()  # noqa: S608
    return None if row is None else _room_row(row)


def room_by_name(conn: sqlite3.Connection, name: str) -> RoomRow | None:
    row = conn.execute(
        f"SELECT {_ROOM_COLUMNS} FROM rooms o WHERE o.name = ? AND o.kind <> ? ORDER BY o.n LIMIT 1",  # noqa: S608
        (name, DIRECT),
    ).fetchone()
    return None if row is None else _room_row(row)


def room_by_peer(conn: sqlite3.Connection, peer: PeerId) -> RoomRow | None:
    row = conn.execute(f"SELECT {_ROOM_COLUMNS} FROM rooms o WHERE o.peer = ?", (peer,)).fetchone()  # noqa: S608
    return None if row is None else _room_row(row)


def require_room(conn: sqlite3.Connection, topic: str) -> RoomRow:
    room = room_by_topic(conn, topic)
    if room is None:
        raise _no_such_room(topic)
    return room


def mark_read(conn: sqlite3.Connection, room_n: int) -> None:
    conn.execute("DELETE FROM unread WHERE room_n = ?", (room_n,))


def _room_row(row: Sequence[Any]) -> RoomRow:
    n, name, topic, kind, peer, joined, unread, last_ts_ms, created_ms, floor_ts = row
    return RoomRow(
        room_n=n,
        name=name,
        topic=topic,
        kind=kind,
        peer=None if peer is None else PeerId(peer),
        joined=bool(joined),
        unread=int(unread),
        last_ts_ms=last_ts_ms,
        created_ms=created_ms,
        floor_ts=floor_ts,
    )


def _no_such_room(topic: str) -> NoSuchRoom:
    return NoSuchRoom(f"There is no room with the topic {topic}.", hint="`p2pd rooms` lists the rooms.")
