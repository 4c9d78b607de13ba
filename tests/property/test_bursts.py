"""Stored together or one by one, in the same order: the database is the same to the last row."""

from __future__ import annotations

import sqlite3

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from p2pd_daemon.core.event import Action, Body, Delete, Edit, Profile, Reaction, Text, Unknown
from p2pd_daemon.store import bursts
from p2pd_daemon.store.people import block
from p2pd_daemon.store.records import ingest
from p2pd_daemon.store.rooms import add_room
from p2pd_daemon.store.rows import QUARANTINED, RECEIVED, STORED, NewRecord
from store_records import ALICE, BOB, CAROL, START_MS, TOPIC, make, open_in_memory

TABLES = (
    *("records", "heads", "missing", "events", "unread", "deletes", "reactions", "profiles", "quarantine"),
    "sqlite_sequence",
)


@st.composite
def arriving(draw: st.DrawFn) -> list[NewRecord]:
    """Mostly messages of two rooms, some of which name or change others before those are here."""
    made: list[NewRecord] = []
    for seqno in range(draw(st.integers(1, 14))):
        known = [new.record.id for new in made]
        author = draw(st.sampled_from([ALICE, ALICE, BOB, CAROL]))
        body: Body = draw(st.sampled_from([Text("hello"), Text("hello again"), Action("waves")]))
        if known and draw(st.integers(0, 2)) == 0:
            target = draw(st.sampled_from(made)).record
            about, author = target.id, draw(st.sampled_from([target.author, target.author, author]))
            changes: list[Body] = [Edit(about, "edited"), Delete(about), Reaction(about, "+1"), Profile("me")]
            body = draw(st.sampled_from([*changes, *changes[:2], Text("reply", about), Unknown()]))
        new = make(
            draw(st.sampled_from([1, 1, 1, 2])),
            body,
            author=author,
            ts_ms=START_MS + draw(st.integers(0, 5)),
            seqno=seqno,
            parents=draw(st.lists(st.sampled_from(known), max_size=3, unique=True)) if known else [],
            own=author is ALICE,
            state=STORED if author is ALICE else draw(st.sampled_from([RECEIVED] * 6 + [QUARANTINED])),
            visible=not isinstance(body, Unknown),
        )
        made.append(msgspec.structs.replace(new, notify=draw(st.integers(0, 5)) > 0))
    return draw(st.lists(st.sampled_from(made), min_size=1, max_size=25))


def stored(batches: list[list[NewRecord]]) -> tuple[object, object]:
    conn = open_in_memory()
    for room in ("lobby", "attic"):
        add_room(conn, room, TOPIC if room == "lobby" else f"{TOPIC}2", START_MS)
    block(conn, CAROL, START_MS)
    answers = [one for batch in batches for one in ingest(conn, batch)]
    return answers, rows(conn)


def rows(conn: sqlite3.Connection) -> object:
    found = {table: conn.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}
    for word in ("hello", "again", "edited", "waves"):
        found[word] = conn.execute("SELECT rowid FROM search WHERE search MATCH ?", (word,)).fetchall()
    conn.execute("INSERT INTO search (search) VALUES ('integrity-check')")
    return found


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(arriving(), st.sampled_from([2, 3, 64]))
def test_together_or_one_by_one(batch: list[NewRecord], together: int) -> None:
    usual, bursts.TOGETHER = bursts.TOGETHER, together
    try:
        assert stored([batch]) == stored([[new] for new in batch])
    finally:
        bursts.TOGETHER = usual


def test_a_burst_takes_few_statements() -> None:
    conn = open_in_memory()
    room = add_room(conn, "lobby", TOPIC, START_MS)
    statements: list[str] = []
    conn.set_trace_callback(statements.append)
    done = ingest(conn, [make(room.room_n, "hello", seqno=n) for n in range(bursts.TOGETHER)])
    conn.set_trace_callback(None)
    assert all(one.new and one.event_n for one in done)
    plain = [one for one in statements if not one.startswith("--")]
    assert len(plain) < 20 + bursts.TOGETHER  # a statement for each head: none names another as its parent
