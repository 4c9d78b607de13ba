"""What a store node keeps for others: sets of records by tag, with quotas by room and by peer. Times are given.

All sizes are as `KeptRecord.size`. The sums in `sets` and `peers` are kept up in the same transaction.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from p2pd_daemon.core.keeping import KeptRecord, KeptTotals, floor_after
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId

ROOM = "room"
MAILBOX = "mailbox"

BELOW_FLOOR = "kept_below_floor"
ROOM_FULL = "kept_room_full"
OVER_PEER = "kept_over_peer"
_KEEP = 0.9  # of a quota that was exceeded: so floors rise seldom


@dataclass(frozen=True, slots=True)
class KeptSet:
    n: int
    floor_ts: int
    asked_ms: int
    records: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Added:
    """`new`: the (ts, id) of those that are kept now. `left_out` by reason. `cut`: sets whose floor rose."""

    new: tuple[tuple[int, bytes], ...]
    left_out: Counter[str]
    cut: tuple[int, ...] = ()


def find_set(conn: sqlite3.Connection, kind: str, tag: bytes) -> KeptSet | None:
    row = conn.execute(
        "SELECT n, floor_ts, asked_ms, records, bytes FROM sets WHERE kind = ? AND tag = ?", (kind, tag)
    ).fetchone()
    return None if row is None else KeptSet(*row)


def touch_set(conn: sqlite3.Connection, set_n: int, now_ms: int) -> None:
    """Somebody asked for it."""
    conn.execute("UPDATE sets SET asked_ms = max(asked_ms, ?) WHERE n = ?", (now_ms, set_n))


def known_ids(conn: sqlite3.Connection, set_n: int, ids: Sequence[bytes]) -> set[bytes]:
    """Which of these are kept there, with or without their bytes."""
    found = set()
    for record_id in ids:
        if conn.execute("SELECT 1 FROM records WHERE room_n = ? AND id = ?", (set_n, record_id)).fetchone():
            found.add(record_id)
    return found


def refusal(conn: sqlite3.Connection, peer: PeerId, *, new_room: bool, limits: Limits) -> str:
    """Why the peer may bring nothing (more) to a room; "" when it may."""
    row = conn.execute("SELECT n, bytes FROM peers WHERE peer = ?", (peer,)).fetchone()
    peer_n, size = row or (0, 0)
    # Less than one record below the quota counts as used up: what does not fit would be sent again and again.
    if limits.store_peer_bytes and size + limits.record_bytes > limits.store_peer_bytes:
        return f"over quota: {size:,} bytes are kept here of what you brought, and no more are taken"
    if not new_room:
        return ""
    rooms = conn.execute("SELECT count(*) FROM sets WHERE kind = 'room' AND maker_n = ?", (peer_n,))
    if limits.store_peer_rooms and rooms.fetchone()[0] >= limits.store_peer_rooms:
        return f"over quota: {limits.store_peer_rooms:,} rooms that you brought are kept here already"
    total = conn.execute("SELECT count(*) FROM sets WHERE kind = 'room'").fetchone()[0]
    if limits.store_rooms and total >= limits.store_rooms:
        return f"over quota: {total:,} rooms are kept here, and no more are taken"
    return ""


def add_records(
    conn: sqlite3.Connection,
    tag: bytes,
    peer: PeerId,
    batch: Sequence[KeptRecord],
    *,
    now_ms: int,
    limits: Limits,
) -> Added:
    """Keeps the peer's verified records of a room, which is made when there is none; the oldest go beyond its quotas.

    Where records carry no time (ts 0) none is older than another: there, what is beyond a quota is left out instead.
    A record below the floor, of a peer above its quota, or for a room that may not be made is left out.
    """
    left_out: Counter[str] = Counter()
    if find_set(conn, ROOM, tag) is None and refusal(conn, peer, new_room=True, limits=limits):
        return Added((), Counter({OVER_PEER: len(batch)}))
    set_n, peer_n = open_set(conn, ROOM, tag, peer, now_ms)
    (floor_ts,) = conn.execute("SELECT floor_ts FROM sets WHERE n = ?", (set_n,)).fetchone()
    (room,) = conn.execute("SELECT bytes FROM peers WHERE n = ?", (peer_n,)).fetchone()
    new: list[tuple[int, bytes]] = []
    dated = not batch or batch[0].ts_ms > 0
    crowded = not dated and is_crowded(conn, limits)
    for one in batch:
        if not one.ts_ms and (crowded or is_full(conn, set_n, limits)):
            left_out[ROOM_FULL] += 1
        elif one.ts_ms < floor_ts:
            left_out[BELOW_FLOOR] += 1
        elif limits.store_peer_bytes and room + one.size > limits.store_peer_bytes:
            left_out[OVER_PEER] += 1
        elif insert(conn, set_n, peer_n, one, now_ms):
            room += one.size
            new.append((one.ts_ms, one.id))
    cut = [set_n] if dated and _cut(conn, set_n, limits.store_room_records, limits.store_room_bytes) else []
    cut += _cut_largest(conn, limits.store_bytes)
    return Added(tuple(new), left_out, tuple(cut))


def is_full(conn: sqlite3.Connection, set_n: int, limits: Limits) -> bool:
    """Whether a room without times takes no more."""
    records, size = conn.execute("SELECT records, bytes FROM sets WHERE n = ?", (set_n,)).fetchone()
    return bool(
        (limits.store_room_records and records >= limits.store_room_records)
        or (limits.store_room_bytes and size + limits.record_bytes > limits.store_room_bytes)
    )


def is_crowded(conn: sqlite3.Connection, limits: Limits) -> bool:
    """Whether all rooms together leave no place for a record."""
    return bool(limits.store_bytes and totals(conn).bytes + limits.record_bytes > limits.store_bytes)


def expire(conn: sqlite3.Connection, before_ms: int) -> list[int]:
    """Gives up rooms that nobody asked for since, and messages that wait for longer. The numbers of those rooms."""
    rooms = [
        n
        for (n,) in conn.execute(
            "SELECT n FROM sets WHERE kind = 'room' AND asked_ms < ?", (before_ms,)
        ).fetchall()
    ]
    for set_n in rooms:
        delete(conn, set_n, "1")
        forget_empty(conn, set_n)
    mailboxes = conn.execute("SELECT n FROM sets WHERE kind = 'mailbox'").fetchall()
    for (set_n,) in mailboxes:
        delete(conn, set_n, "kept_ms < ?", before_ms)
        forget_empty(conn, set_n)
    conn.execute(
        "DELETE FROM peers WHERE bytes = 0 AND n NOT IN (SELECT maker_n FROM sets)"
        " AND n NOT IN (SELECT from_n FROM records)"
    )
    return rooms


def totals(conn: sqlite3.Connection) -> KeptTotals:
    found = {
        kind: rest
        for kind, *rest in conn.execute(
            "SELECT kind, count(*), sum(records), sum(bytes) FROM sets GROUP BY kind"
        )
    }
    rooms, mailboxes = found.get(ROOM, (0, 0, 0)), found.get(MAILBOX, (0, 0, 0))
    return KeptTotals(rooms[0], mailboxes[0], rooms[1] + mailboxes[1], rooms[2] + mailboxes[2])


# Inside, and for mailboxes


def open_set(conn: sqlite3.Connection, kind: str, tag: bytes, peer: PeerId, now_ms: int) -> tuple[int, int]:
    """(the set's number, the peer's number), made where they are missing."""
    conn.execute("INSERT INTO peers (peer) VALUES (?) ON CONFLICT DO NOTHING", (peer,))
    (peer_n,) = conn.execute("SELECT n FROM peers WHERE peer = ?", (peer,)).fetchone()
    conn.execute(
        "INSERT INTO sets (kind, tag, maker_n, asked_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (kind, tag, peer_n, now_ms),
    )
    (set_n,) = conn.execute("SELECT n FROM sets WHERE kind = ? AND tag = ?", (kind, tag)).fetchone()
    return set_n, peer_n


def insert(conn: sqlite3.Connection, set_n: int, peer_n: int, one: KeptRecord, now_ms: int) -> bool:
    """False when it is there already."""
    taken_back = conn.execute(
        "SELECT 1 FROM deletes WHERE room_n = ? AND id = ? AND author = ?", (set_n, one.id, one.author)
    ).fetchone()
    seen_ms = min(one.seen_ms, now_ms) or now_ms
    cursor = conn.execute(
        "INSERT INTO records (room_n, id, ts_ms, author, from_n, kept_ms, size, raw)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (set_n, one.id, one.ts_ms, one.author, peer_n, seen_ms, one.size, None if taken_back else one.raw),
    )
    if not cursor.rowcount:
        return False
    by_n = cursor.lastrowid
    for named in one.deletes:
        conn.execute(
            "INSERT INTO deletes (room_n, id, author, by_n) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (set_n, named, one.author, by_n),
        )
        conn.execute(
            "UPDATE records SET raw = NULL WHERE room_n = ? AND id = ? AND author = ?",
            (set_n, named, one.author),
        )
    conn.execute("UPDATE sets SET records = records + 1, bytes = bytes + ? WHERE n = ?", (one.size, set_n))
    conn.execute("UPDATE peers SET bytes = bytes + ? WHERE n = ?", (one.size, peer_n))
    return True


def _cut(conn: sqlite3.Connection, set_n: int, records: int, size: int) -> bool:
    """Raises the floor of a room that is above its quota (0: none); whether it did."""
    (has, uses) = conn.execute("SELECT records, bytes FROM sets WHERE n = ?", (set_n,)).fetchone()
    if not ((records and has > records) or (size and uses > size)):
        return False
    places = conn.execute(
        "SELECT ts_ms, size FROM records WHERE room_n = ? ORDER BY ts_ms DESC, id DESC", (set_n,)
    ).fetchall()
    floor_ts = floor_after(places, _most_of(records), _most_of(size))
    conn.execute("UPDATE sets SET floor_ts = max(floor_ts, ?) WHERE n = ?", (floor_ts, set_n))
    delete(conn, set_n, "ts_ms < ?", floor_ts)
    return True


def _most_of(quota: int) -> int:
    return max(1, int(quota * _KEEP)) if quota else 0


def _cut_largest(conn: sqlite3.Connection, size: int) -> list[int]:
    """When all together is above its quota, the largest rooms give way: who fills the disk loses it first."""
    cut: list[int] = []
    while size and totals(conn).bytes > size:
        found = conn.execute(
            "SELECT n, bytes FROM sets s WHERE kind = 'room' AND EXISTS"
            " (SELECT 1 FROM records r WHERE r.room_n = s.n AND r.ts_ms > 0) ORDER BY bytes DESC LIMIT 1"
        ).fetchone()
        if found is None or not found[1]:
            break
        _cut(conn, found[0], 0, max(1, found[1] - 1))
        cut.append(found[0])
    return cut


def delete(conn: sqlite3.Connection, set_n: int, where: str, *values: object) -> None:
    """Deletes records of the set and takes them off the sums. `where` is our own words."""
    rows = conn.execute(
        f"SELECT from_n, count(*), sum(size) FROM records WHERE room_n = ? AND {where} GROUP BY from_n",  # noqa: S608
        (set_n, *values),
    ).fetchall()
    for from_n, count, size in rows:
        conn.execute("UPDATE peers SET bytes = bytes - ? WHERE n = ?", (size, from_n))
        conn.execute(
            "UPDATE sets SET records = records - ?, bytes = bytes - ? WHERE n = ?", (count, size, set_n)
        )
    if rows:
        conn.execute(f"DELETE FROM records WHERE room_n = ? AND {where}", (set_n, *values))  # noqa: S608


def forget_empty(conn: sqlite3.Connection, set_n: int) -> None:
    conn.execute("DELETE FROM sets WHERE n = ? AND records = 0", (set_n,))
