"""What reconciliation reads: the places of a room's records, pages and batches of them, and who holds what of ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from p2pd_daemon.core.peer_id import PeerId

_PAGE_ROWS = 4096  # rows of one page at the most, however small they are


@dataclass(frozen=True, slots=True)
class SyncBatch:
    """Signed bytes, and the (ts_ms, id) of those whose body was dropped. `more`: of a page, there are older ones.
    `seen`: where records carry no time, one for each of the bytes.
    """

    raws: tuple[bytes, ...]
    gone: tuple[tuple[int, bytes], ...]
    more: bool = False
    seen: tuple[int, ...] = ()


def load_places(conn: sqlite3.Connection, room_n: int) -> list[tuple[int, bytes]]:
    """(ts_ms, id) of every record of the room, in order."""
    return conn.execute(
        "SELECT ts_ms, id FROM records WHERE room_n = ? ORDER BY ts_ms, id", (room_n,)
    ).fetchall()


def load_page(
    conn: sqlite3.Connection, room_n: int, before: tuple[int, bytes] | None, floor_ts: int, max_bytes: int
) -> SyncBatch:
    """The newest records before a place and not before `floor_ts`: the first, and more up to `max_bytes`."""
    ts_ms, record_id = before or (1 << 62, b"")
    rows = conn.execute(
        "SELECT ts_ms, id, raw FROM records WHERE room_n = ? AND ts_ms >= ? AND (ts_ms, id) < (?, ?)"
        " ORDER BY ts_ms DESC, id DESC",
        (room_n, floor_ts, ts_ms, record_id),
    )
    return read_page(rows, max_bytes)


def read_page(rows: sqlite3.Cursor, max_bytes: int) -> SyncBatch:
    """The first of these rows of (ts, id, raw), or (ts, id, raw, seen), and more up to `max_bytes`."""
    raws: list[bytes] = []
    gone: list[tuple[int, bytes]] = []
    times: list[int] = []
    size = 0
    for ts, found, raw, *seen in rows:
        cost = len(raw) if raw is not None else 48
        if (raws or gone) and (size + cost > max_bytes or len(raws) + len(gone) >= _PAGE_ROWS):
            rows.close()
            return SyncBatch(tuple(raws), tuple(gone), more=True, seen=tuple(times))
        size += cost
        if raw is None:
            gone.append((ts, found))
        else:
            raws.append(raw)
            times += seen
    return SyncBatch(tuple(raws), tuple(gone), seen=tuple(times))


def load_batch(conn: sqlite3.Connection, room_n: int, ids: Sequence[bytes]) -> SyncBatch:
    """These records of the room, in the order asked for; those that are not here are left out."""
    raws: list[bytes] = []
    gone: list[tuple[int, bytes]] = []
    for record_id in ids:
        row = conn.execute(
            "SELECT ts_ms, raw FROM records WHERE id = ? AND room_n = ?", (record_id, room_n)
        ).fetchone()
        if row is None:
            continue
        if row[1] is None:
            gone.append((row[0], record_id))
        else:
            raws.append(row[1])
    return SyncBatch(tuple(raws), tuple(gone))


def newest_own(conn: sqlite3.Connection, room_n: int) -> int:
    """The number of our newest record in the room, 0 without one."""
    row = conn.execute("SELECT max(n) FROM records WHERE room_n = ? AND own = 1", (room_n,)).fetchone()
    return int(row[0] or 0)


def save_members(conn: sqlite3.Connection, room_n: int, peers: Collection[PeerId], now_ms: int) -> None:
    """These peers were seen in the room."""
    conn.executemany(
        "INSERT INTO members (room_n, peer, seen_ms) VALUES (?, ?, ?)"
        " ON CONFLICT (room_n, peer) DO UPDATE SET seen_ms = excluded.seen_ms",
        [(room_n, peer, now_ms) for peer in peers],
    )


def load_members(conn: sqlite3.Connection, room_n: int, limit: int) -> list[PeerId]:
    """Who was seen in the room, the last seen first."""
    rows = conn.execute(
        "SELECT peer FROM members WHERE room_n = ? ORDER BY seen_ms DESC, peer LIMIT ?", (room_n, limit)
    )
    return [PeerId(peer) for (peer,) in rows]


def save_holds(conn: sqlite3.Connection, room_n: int, peer: PeerId, own_n: int, now_ms: int) -> bool:
    """The peer has all our records of the room up to the number `own_n`; whether that is news."""
    cursor = conn.execute(
        "INSERT INTO members (room_n, peer, seen_ms, holds_n) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (room_n, peer) DO UPDATE SET seen_ms = excluded.seen_ms, holds_n = excluded.holds_n"
        " WHERE excluded.holds_n > holds_n",
        (room_n, peer, now_ms, own_n),
    )
    return bool(cursor.rowcount)


def deleters(conn: sqlite3.Connection, room_n: int, record_id: bytes) -> frozenset[PeerId]:
    """Who, of all that is here, took that record back; its author is among them if it is really gone."""
    rows = conn.execute("SELECT author FROM deletes WHERE id = ? AND room_n = ?", (record_id, room_n))
    return frozenset(PeerId(author) for (author,) in rows)
