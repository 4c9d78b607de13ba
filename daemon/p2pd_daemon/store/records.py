"""Storing records: all that follows from a record's arrival happens in the one transaction that stores it."""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from p2pd_daemon.core.bodies import NamedText
from p2pd_daemon.core.clock import QUARANTINE_AHEAD_MS
from p2pd_daemon.core.event import Body, Delete, Edit, Profile, Reaction, decode_body, encode_body
from p2pd_daemon.core.payload import false_claim, shown_nick
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.errors import RemoteProtocolError
from p2pd_daemon.store import changes
from p2pd_daemon.store.bursts import RECORD_COLUMNS, bursts, store_burst
from p2pd_daemon.store.changes import Stored
from p2pd_daemon.store.events import add_change_event, add_event, add_message_event
from p2pd_daemon.store.heads import link
from p2pd_daemon.store.meta import raise_last_seqno
from p2pd_daemon.store.rows import MESSAGE_KINDS, QUARANTINED, QUEUED, RECEIVED, Ingested, NewRecord, Released

log = logging.getLogger(__name__)

_NEVER_VISIBLE = frozenset({"unknown", "sealed"})
_ID_BYTES = 32


class Effects:
    """What follows from records that become visible at `now_ms`: events, unread counts, profiles, changed messages."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn
        self.blocked = load_blocked(conn)
        self._unread: Counter[tuple[int, str]] = Counter()

    def body(self, stored: Stored, body: Body, now_ms: int, *, notify: bool) -> int | None:
        """Of a record that is no message; the number of the event, if there is one."""
        if isinstance(body, Profile):
            self.profile(stored, body.nick, body.status, now_ms)
        changed = changes.apply(self._conn, stored, body)
        if not notify or stored.author in self.blocked:
            return None
        events = [add_change_event(self._conn, stored, one, now_ms) for one in changed]
        return events[-1] if events else None

    def message(self, stored: Stored, now_ms: int) -> int | None:
        """Counts it as unread and tells listeners of it, unless its author is blocked; the event's number.

        Blocked authors' messages are counted as well, and left out when the counts are read.
        """
        if not stored.own:
            self._unread[stored.room_n, stored.author] += 1
        if stored.author in self.blocked:
            return None
        return add_message_event(self._conn, stored.n, now_ms)

    def count_unread(self, messages: Iterable[NewRecord]) -> None:
        for new in messages:
            if not new.own:
                self._unread[new.room_n, new.record.author] += 1

    def profile(self, stored: Stored, nick: str, status: str, now_ms: int) -> None:
        """Makes it the author's profile if it is the newest by (ts, id); tells listeners what is new."""
        old = self._conn.execute(
            "SELECT nick, status, ts_ms, id FROM profiles WHERE author = ?", (stored.author,)
        ).fetchone()
        if old is not None and (old[2], old[3]) >= (stored.ts_ms, stored.id):
            return
        self._conn.execute(
            "INSERT INTO profiles (author, nick, status, ts_ms, id, record_n) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (author) DO UPDATE SET nick = excluded.nick, status = excluded.status,"
            " ts_ms = excluded.ts_ms, id = excluded.id, record_n = excluded.record_n",
            (stored.author, nick, status, stored.ts_ms, stored.id, stored.n),
        )
        if old is None or (old[0], old[1]) != (nick, status):
            said = {"peer_id": stored.author, "nick": nick, "status": status}
            add_event(self._conn, "profile", now_ms, said)

    def finish(self) -> None:
        """Once per transaction: writes the counts."""
        self._conn.executemany(
            "INSERT INTO unread (room_n, author, count) VALUES (?, ?, ?)"
            " ON CONFLICT (room_n, author) DO UPDATE SET count = count + excluded.count",
            [(room_n, author, count) for (room_n, author), count in self._unread.items()],
        )


def ingest(conn: sqlite3.Connection, batch: Sequence[NewRecord]) -> list[Ingested]:
    """Stores what is new, in order; what is there already is left as it is.

    Returns one answer per record of the batch.
    """
    effects = Effects(conn)
    done: list[Ingested] = []
    for together, part in bursts(batch):
        stored = store_burst(conn, part, effects.blocked) if together else None
        if stored is None:
            stored = [_ingest_one(conn, new, effects) for new in part]
        else:
            effects.count_unread(new for new, one in zip(part, stored, strict=True) if one.new and new.notify)
        done += stored
    own_seqnos = [new.record.seqno for new, result in zip(batch, done, strict=True) if new.own and result.new]
    if own_seqnos:
        raise_last_seqno(conn, max(own_seqnos))
    effects.finish()
    return done


def _ingest_one(conn: sqlite3.Connection, new: NewRecord, effects: Effects) -> Ingested:
    record = new.record
    visible = new.visible and new.state != QUARANTINED
    shown = visible and new.kind in MESSAGE_KINDS
    n = _insert(conn, new, shown=shown)
    if n is None:
        return Ingested(record.id, new=False, event_n=None)
    changes.index_text(conn, n)
    if isinstance(new.event.body, NamedText):
        _note_sender(conn, n, new.event.body, record.author)
    missing: tuple[bytes, ...] = ()
    if new.state == QUARANTINED:
        _quarantine(conn, n, new)
    elif new.heads:
        missing = link(conn, new.room_n, record.id, new.ts_ms, new.event.parents)
    if new.state == QUEUED:
        conn.execute(
            "INSERT INTO outbox (record_n, peer) SELECT ?, peer FROM rooms WHERE n = ?", (n, new.room_n)
        )
    stored = Stored(n, record.id, new.room_n, new.ts_ms, record.author, new.own)
    event_n = None
    if changes.apply_waiting(conn, stored, new.kind):
        pass  # deleted before it came: nobody is told
    elif shown:
        event_n = effects.message(stored, new.arrived_ms) if new.notify else None
    elif visible:
        event_n = effects.body(stored, new.event.body, new.arrived_ms, notify=new.notify)
    return Ingested(record.id, new=True, event_n=event_n, missing=missing)


def _insert(conn: sqlite3.Connection, new: NewRecord, *, shown: bool) -> int | None:
    """The new row's number; None if the record is there already."""
    record = new.record
    cursor = conn.execute(
        f"INSERT INTO records ({RECORD_COLUMNS})"  # noqa: S608 - our own names
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (
            record.id,
            new.room_n,
            new.ts_ms,
            record.author,
            new.kind,
            new.own,
            shown,
            new.heads and new.state != QUARANTINED,
            new.state,
            new.caught_up,
            new.arrived_ms,
            changes.about_of(new.event.body),
            new.event.body.text if isinstance(new.event.body, Edit) else new.text,
            record.raw,
        ),
    )
    return cursor.lastrowid if cursor.rowcount else None


def _note_sender(conn: sqlite3.Connection, n: int, body: NamedText, author: PeerId) -> None:
    conn.execute(
        "INSERT INTO senders (record_n, nick, claims) VALUES (?, ?, ?)",
        (n, shown_nick(body.nick), false_claim(body, author)),
    )


def _quarantine(conn: sqlite3.Connection, n: int, new: NewRecord) -> None:
    body = new.event.body
    kept = encode_body(body, text_bytes=0) if isinstance(body, Profile | Edit | Delete | Reaction) else None
    conn.execute(
        "INSERT INTO quarantine (record_n, room_n, ts_ms, visible, parents, body) VALUES (?, ?, ?, ?, ?, ?)",
        (n, new.room_n, new.ts_ms, new.kind not in _NEVER_VISIBLE, b"".join(new.event.parents), kept),
    )


def release_quarantined(conn: sqlite3.Connection, now_ms: int, limit: int) -> list[Released]:
    """Makes at most `limit` records that are due (ts within QUARANTINE_AHEAD_MS of now) as if they arrived
    now.
    """
    due = conn.execute(
        "SELECT r.n, r.id, r.room_n, r.ts_ms, r.author, r.own, r.kind, r.raw, r.deleted, q.visible, q.parents,"
        " q.body FROM quarantine q JOIN records r ON r.n = q.record_n WHERE q.ts_ms <= ?"
        " ORDER BY q.ts_ms, r.id LIMIT ?",
        (now_ms + QUARANTINE_AHEAD_MS, limit),
    ).fetchall()
    effects = Effects(conn)
    released = []
    for *row, kind, raw, deleted, visible, packed, body in due:
        stored = Stored(*row)
        shown = bool(visible) and kind in MESSAGE_KINDS
        parents = tuple(packed[at : at + _ID_BYTES] for at in range(0, len(packed), _ID_BYTES))
        conn.execute("DELETE FROM quarantine WHERE record_n = ?", (stored.n,))
        conn.execute(
            "UPDATE records SET state = ?, shown = ?, linked = 1, arrived_ms = ? WHERE n = ?",
            (RECEIVED, shown, now_ms, stored.n),
        )
        missing = link(conn, stored.room_n, stored.id, stored.ts_ms, parents)
        event_n = None
        if shown and not deleted:
            event_n = effects.message(stored, now_ms)
        elif body is not None and (opened := _kept_body(stored, body)) is not None:
            event_n = effects.body(stored, opened, now_ms, notify=True)
        released.append(Released(stored.id, stored.room_n, stored.ts_ms, parents, raw, event_n, missing))
    effects.finish()
    return released


def _kept_body(stored: Stored, body: bytes) -> Body | None:
    """None where the disk has damaged it: that must not hold up the others."""
    try:
        return decode_body(body, text_bytes=0)
    except RemoteProtocolError as error:
        log.warning("the record %s is damaged in the store: %s", stored.id.hex(), error.message)
        return None


def count_quarantined(conn: sqlite3.Connection, room_n: int) -> int:
    return int(conn.execute("SELECT count(*) FROM quarantine WHERE room_n = ?", (room_n,)).fetchone()[0])


def drop_body(conn: sqlite3.Connection, record_id: bytes) -> bool:
    """Forgets text and signed bytes, keeps (ts, id); the record stays in its room's set. False if there is
    none.
    """
    row = conn.execute("SELECT n FROM records WHERE id = ?", (record_id,)).fetchone()
    if row is None:
        return False
    changes.drop(conn, row[0], deleted=False)
    return True


def load_raws(conn: sqlite3.Connection, ids: Collection[bytes]) -> dict[bytes, bytes]:
    """The signed bytes of those that are here with their body."""
    raws: dict[bytes, bytes] = {}
    for record_id in ids:
        row = conn.execute("SELECT raw FROM records WHERE id = ?", (record_id,)).fetchone()
        if row is not None and row[0] is not None:
            raws[record_id] = row[0]
    return raws


def load_known(conn: sqlite3.Connection, ids: Collection[bytes]) -> set[bytes]:
    """Which of these records are in the store, with or without body."""
    return {
        record_id
        for record_id in ids
        if conn.execute("SELECT 1 FROM records WHERE id = ?", (record_id,)).fetchone() is not None
    }


def load_blocked(conn: sqlite3.Connection) -> frozenset[PeerId]:
    return frozenset(PeerId(peer) for (peer,) in conn.execute("SELECT peer FROM blocks"))
