"""Mailboxes of a store node: direct messages that wait for their recipient. Part of the database of `kept.py`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from p2pd_daemon.core.keeping import KeptRecord
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.store.kept import (
    MAILBOX,
    delete,
    find_set,
    forget_empty,
    insert,
    known_ids,
    open_set,
    refusal,
    totals,
)


def add_mail(
    conn: sqlite3.Connection,
    tag: bytes,
    peer: PeerId,
    one: KeptRecord,
    *,
    now_ms: int,
    limits: Limits,
) -> str:
    """Keeps a direct message in a mailbox; "" or the quota that forbids it. What waits there never gives way."""
    found = find_set(conn, MAILBOX, tag)
    if found is not None:
        if known_ids(conn, found.n, [one.id]):
            return ""
        if limits.store_mailbox_bytes and found.bytes + one.size > limits.store_mailbox_bytes:
            return "over quota: the mailbox is full"
        waiting = conn.execute(
            "SELECT count(*) FROM records WHERE room_n = ? AND from_n = (SELECT n FROM peers WHERE peer = ?)",
            (found.n, peer),
        ).fetchone()[0]
        if limits.store_sender_records and waiting >= limits.store_sender_records:
            return f"over quota: {waiting:,} messages of yours wait there already"
    if full := refusal(conn, peer, new_room=False, limits=limits):
        return full
    if limits.store_bytes and totals(conn).bytes + one.size > limits.store_bytes:
        return "over quota: this store node is full"
    insert(conn, *open_set(conn, MAILBOX, tag, peer, now_ms), one, now_ms)
    return ""


def mail_after(
    conn: sqlite3.Connection, tag: bytes, after: tuple[int, bytes] | None, max_bytes: int, max_rows: int = 512
) -> tuple[list[bytes], bool]:
    """(records after a place, oldest first: one, and more up to `max_bytes`; whether there are later ones)."""
    found = find_set(conn, MAILBOX, tag)
    if found is None:
        return [], False
    rows = conn.execute(
        "SELECT raw FROM records WHERE room_n = ? AND (ts_ms, id) > (?, ?) ORDER BY ts_ms, id",
        (found.n, *(after or (-1, b""))),
    )
    raws: list[bytes] = []
    size = 0
    for (raw,) in rows:
        if raws and (size + len(raw) > max_bytes or len(raws) >= max_rows):
            rows.close()
            return raws, True
        raws.append(raw)
        size += len(raw)
    return raws, False


def drop_mail(conn: sqlite3.Connection, tag: bytes, ids: Sequence[bytes]) -> None:
    found = find_set(conn, MAILBOX, tag)
    if found is None:
        return
    for record_id in ids:
        delete(conn, found.n, "id = ?", record_id)
    forget_empty(conn, found.n)
