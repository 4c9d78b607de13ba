"""Records for the tests of the store. Unsigned: the store is given what was verified before."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from p2pd_daemon.core.event import Body, ChatEvent, Profile, Text, encode_event, kind_of
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.record import Record
from p2pd_daemon.store.migrations import migrate
from p2pd_daemon.store.rows import RECEIVED, NewRecord

TOPIC = "p2pd/1/lobby"
START_MS = 1_700_000_000_000

ALICE, BOB, CAROL = (SigningKey.from_seed(bytes([n]) * 32).peer_id for n in (1, 2, 3))


def make(
    room_n: int,
    body: Body | str,
    *,
    author: PeerId = ALICE,
    ts_ms: int = START_MS,
    seqno: int = 1,
    parents: Sequence[bytes] = (),
    state: str = RECEIVED,
    own: bool = False,
    topic: str = TOPIC,
    visible: bool = True,
    arrived_ms: int = START_MS,
) -> NewRecord:
    """A record of a room. Records that are to differ need another ts, seqno, author or body."""
    opened = Text(body) if isinstance(body, str) else body
    event = ChatEvent(ts_ms, tuple(parents), opened)
    text = None if not hasattr(opened, "text") else str(opened.text)
    return NewRecord(
        room_n=room_n,
        record=Record(author, seqno, topic, encode_event(event), b"s" * 64),
        event=event,
        kind=kind_of(opened),
        text=text,
        ts_ms=ts_ms,
        arrived_ms=arrived_ms,
        own=own,
        state=state,
        visible=visible,
    )


def make_nick(room_n: int, nick: str, *, author: PeerId = ALICE, ts_ms: int = START_MS) -> NewRecord:
    return make(room_n, Profile(nick), author=author, ts_ms=ts_ms)


def open_in_memory() -> sqlite3.Connection:
    """A fresh schema without threads and files, for the functions that take a connection."""
    conn = sqlite3.connect(":memory:", isolation_level=None)
    conn.execute("PRAGMA foreign_keys = ON")
    migrate(conn, Path(":memory:"))
    return conn
