"""Storing many messages at once, as `records.ingest` does one by one, in a few statements for all of them.

Each statement makes this thread give up the interpreter and wait for it again, which costs more than its own work while
the loop is busy. What is out of the ordinary (a change that came before its message, a body that is none) goes the
one way that knows it all; a property test holds both to the same outcome.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

from p2pd_daemon.core.event import Action, Text
from p2pd_daemon.store import changes
from p2pd_daemon.store.events import add_message_events
from p2pd_daemon.store.rows import MESSAGE_KINDS, QUARANTINED, QUEUED, Ingested, NewRecord

TOGETHER = 64
"""Rows of one statement: SQLite before 3.32 allows 999 parameters, a record has 14, and 8 parents."""

RECORD_COLUMNS = (
    "id, room_n, ts_ms, author, kind, own, shown, linked, state, caught_up, arrived_ms, about, text, raw"
)


def bursts(batch: Sequence[NewRecord]) -> Iterator[tuple[bool, list[NewRecord]]]:
    """The batch in parts, in order: whether a part can be stored at once, and its records."""
    for (plain, _), group in groupby(batch, lambda new: (_is_plain(new), new.room_n)):
        part = list(group)
        step = TOGETHER if plain else len(part)
        for start in range(0, len(part), step):
            cut = part[start : start + step]
            yield plain and len(cut) > 1, cut


def _is_plain(new: NewRecord) -> bool:
    """A message to be shown now, with a place among the heads, and no row elsewhere than all messages have."""
    body = type(new.event.body)
    ordinary = new.visible and new.heads and new.state not in {QUARANTINED, QUEUED}
    return ordinary and new.kind in MESSAGE_KINDS and (body is Text or body is Action)


def store_burst(
    conn: sqlite3.Connection, part: Sequence[NewRecord], blocked: Collection[str]
) -> list[Ingested] | None:
    """Stores plain messages of one room. None, with nothing done, when a change waits for one of them.

    Counting them as unread is left to the caller.
    """
    room_n = part[0].room_n
    ids = [new.record.id for new in part]
    known = {row[0] for row in conn.execute(f"SELECT id FROM records WHERE id IN ({_marks(ids)})", ids)}  # noqa: S608 - question marks
    fresh: dict[bytes, NewRecord] = {}
    answered = []
    for new in part:
        answered.append(new.record.id not in known and new.record.id not in fresh)
        if answered[-1]:
            fresh[new.record.id] = new
    if _is_awaited_by_changes(conn, room_n, list(fresh)):
        return None
    lacking = _link_all(conn, room_n, list(fresh.values()))
    first_n = conn.execute("SELECT coalesce(max(n), 0) + 1 FROM records").fetchone()[0]
    numbered = list(enumerate(fresh.values(), first_n))
    _insert_all(conn, numbered)
    told = [(new.arrived_ms, n) for n, new in numbered if new.notify and new.record.author not in blocked]
    event_of = dict(zip((n for _, n in told), add_message_events(conn, told), strict=True))
    row_of = {new.record.id: n for n, new in numbered}
    return [
        Ingested(record_id, True, event_of.get(row_of[record_id]), lacking.get(record_id, ()))
        if is_new
        else Ingested(record_id, new=False, event_n=None)
        for record_id, is_new in zip(ids, answered, strict=True)
    ]


def _is_awaited_by_changes(conn: sqlite3.Connection, room_n: int, ids: Sequence[bytes]) -> bool:
    marks = _marks(ids)
    found = conn.execute(
        f"SELECT 1 FROM deletes WHERE room_n = ? AND id IN ({marks}) UNION ALL"  # noqa: S608 - question marks
        f" SELECT 1 FROM records WHERE kind = 'edit' AND room_n = ? AND about IN ({marks}) LIMIT 1",
        (room_n, *ids, room_n, *ids),
    )
    return found.fetchone() is not None


def _insert_all(conn: sqlite3.Connection, numbered: Sequence[tuple[int, NewRecord]]) -> None:
    if not numbered:
        return
    values: list[object] = []
    for n, new in numbered:
        record = new.record
        about = changes.about_of(new.event.body)
        values += (n, record.id, new.room_n, new.ts_ms, record.author, new.kind, new.own, 1, 1, new.state)
        values += (new.caught_up, new.arrived_ms, about, new.text, record.raw)
    rows = ",".join(["(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"] * len(numbered))
    conn.execute(f"INSERT INTO records (n, {RECORD_COLUMNS}) VALUES {rows}", values)  # noqa: S608 - question marks
    texts = [value for n, new in numbered for value in (n, new.text)]
    rows = ",".join(["(?,?)"] * len(numbered))
    conn.execute(f"INSERT INTO search (rowid, text) VALUES {rows}", texts)  # noqa: S608 - question marks


def _link_all(
    conn: sqlite3.Connection, room_n: int, fresh: Sequence[NewRecord]
) -> dict[bytes, tuple[bytes, ...]]:
    """What `heads.link` does for each of them in order, before they are inserted; the parents that are not here."""
    ids = [new.record.id for new in fresh]
    linked: set[bytes] = set()  # of them, so far
    named = list({parent for new in fresh for parent in new.event.parents}.difference(ids))
    awaited = _ids_in(conn, "missing", room_n, ids)
    heads = _ids_in(conn, "heads", room_n, named)
    here = dict(
        conn.execute(
            f"SELECT id, room_n = ? AND linked = 1 FROM records WHERE id IN ({_marks(named)})",  # noqa: S608 - question marks
            (room_n, *named),
        )
    )
    new_heads: dict[bytes, int] = {}
    new_missing: dict[bytes, None] = {}
    no_heads: list[bytes] = []
    lacking: dict[bytes, tuple[bytes, ...]] = {}
    for new in fresh:
        record_id = new.record.id
        if record_id not in awaited and record_id not in new_missing:
            new_heads[record_id] = new.ts_ms
        new_missing.pop(record_id, None)
        absent = []
        for parent in new.event.parents:
            if parent in heads:
                heads.discard(parent)
                no_heads.append(parent)
            elif new_heads.pop(parent, None) is None and parent not in linked and not here.get(parent):
                new_missing[parent] = None
                if parent not in here:
                    absent.append(parent)
        linked.add(record_id)
        if absent:
            lacking[record_id] = tuple(absent)
    _forget(conn, "missing", room_n, list(awaited))
    _forget(conn, "heads", room_n, no_heads)
    conn.executemany(
        "INSERT INTO heads (room_n, id, ts_ms) VALUES (?, ?, ?)",
        [(room_n, record_id, ts_ms) for record_id, ts_ms in new_heads.items()],
    )
    conn.executemany(
        "INSERT INTO missing (room_n, id) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(room_n, record_id) for record_id in new_missing],
    )
    return lacking


def _ids_in(conn: sqlite3.Connection, table: str, room_n: int, ids: Sequence[bytes]) -> set[bytes]:
    found = conn.execute(
        f"SELECT id FROM {table} WHERE room_n = ? AND id IN ({_marks(ids)})",  # noqa: S608 - our own names
        (room_n, *ids),
    )
    return {row[0] for row in found}


def _forget(conn: sqlite3.Connection, table: str, room_n: int, ids: Sequence[bytes]) -> None:
    if ids:
        conn.execute(
            f"DELETE FROM {table} WHERE room_n = ? AND id IN ({_marks(ids)})",  # noqa: S608 - our own names
            (room_n, *ids),
        )


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
