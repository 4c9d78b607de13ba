"""Whatever the order, the batches and the repetitions in which records arrive, the store ends the same."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from p2pd_daemon.core.event import Action, Body, Profile, Text, Unknown
from p2pd_daemon.core.room import Heads
from p2pd_daemon.store.heads import load_heads
from p2pd_daemon.store.history import load_history
from p2pd_daemon.store.people import load_profiles
from p2pd_daemon.store.records import ingest, release_quarantined
from p2pd_daemon.store.rooms import add_room, load_rooms
from p2pd_daemon.store.rows import QUARANTINED, RECEIVED, NewRecord
from store_records import ALICE, BOB, CAROL, START_MS, TOPIC, make, open_in_memory

BODIES: list[Body] = [Text("hello"), Action("waves"), Profile("nick"), Profile("other"), Unknown()]
TEXTS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)
FAR_MS = START_MS + 10**9


@dataclass(frozen=True)
class Arrival:
    """All records of a room, those that arrive (some parents never do), and in which batches."""

    all: list[NewRecord]
    batches: list[list[NewRecord]]


@st.composite
def rooms_of_records(draw: st.DrawFn) -> list[NewRecord]:
    made: list[NewRecord] = []
    for seqno in range(draw(st.integers(1, 12))):
        known = [new.record.id for new in made]
        parents = draw(st.lists(st.sampled_from(known), max_size=4, unique=True)) if known else []
        body = draw(st.sampled_from(BODIES))
        made.append(
            make(
                1,
                body,
                author=draw(st.sampled_from([ALICE, BOB, CAROL])),
                ts_ms=START_MS + draw(st.integers(0, 5)),
                seqno=seqno,
                parents=parents,
                state=draw(st.sampled_from([RECEIVED, RECEIVED, RECEIVED, QUARANTINED])),
                visible=not isinstance(body, Unknown),
            )
        )
    return made


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[Arrival, Arrival]:
    """Two arrivals of the same records, of a room from which some never arrive."""
    made = draw(rooms_of_records())
    arriving = draw(st.lists(st.sampled_from(made), min_size=1, unique_by=lambda new: new.record.id))

    def one() -> Arrival:
        again = draw(st.lists(st.sampled_from(arriving), max_size=5))
        order = draw(st.permutations(arriving + again))
        cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=4)))
        edges = [0, *cuts, len(order)]
        return Arrival(arriving, [order[a:b] for a, b in pairwise(edges)])

    return one(), one()


def store_after(arrival: Arrival) -> sqlite3.Connection:
    conn = open_in_memory()
    add_room(conn, "lobby", TOPIC, START_MS)
    answers = [done for batch in arrival.batches for done in ingest(conn, batch)]
    assert sum(done.new for done in answers) == len(arrival.all)
    return conn


def picture(conn: sqlite3.Connection) -> object:
    return (
        load_rooms(conn, joined_only=True, kind=None),
        load_heads(conn, 1),
        load_history(conn, 1, limit=1000),
        load_history(conn, 1, limit=1000, search="hello"),
        load_profiles(conn, None),
        conn.execute("SELECT id, state, shown, linked, raw FROM records ORDER BY id").fetchall(),
        sorted(
            conn.execute("SELECT kind, count(*) FROM events WHERE kind = 'message' GROUP BY kind").fetchall()
        ),
    )


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(arrivals())
def test_any_arrival_gives_the_same_room(two: tuple[Arrival, Arrival]) -> None:
    first, second = (store_after(arrival) for arrival in two)
    assert picture(first) == picture(second)
    conn = first
    released = [release_quarantined(conn, FAR_MS, 100) for conn in (first, second)]
    assert [one.id for one in released[0]] == [one.id for one in released[1]]
    assert picture(first) == picture(second)
    assert conn.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)

    # Everything is linked now: what the store says is what its definition says, and what core's Heads says.
    here = {new.record.id: new for new in two[0].all}
    named = {parent for new in here.values() for parent in new.event.parents}
    heads = sorted((new.ts_ms, new.record.id) for new in here.values() if new.record.id not in named)
    assert load_heads(conn, 1) == (heads, sorted(named - set(here)))
    state = Heads()
    for new in two[1].all:
        state.add(new.record.id, new.ts_ms, new.event.parents)
    assert (sorted(state.heads), sorted(state.missing)) == load_heads(conn, 1)
    shown = [new for new in here.values() if new.text is not None]
    expected = [new.record.id for new in sorted(shown, key=lambda new: (new.ts_ms, new.record.id))]
    assert [row.id for row in load_history(conn, 1, limit=1000)] == expected


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS, max_size=4, unique=True), st.text(max_size=60))
def test_no_search_fails_and_what_it_finds_has_the_words(texts: list[str], typed: str) -> None:
    conn = open_in_memory()
    add_room(conn, "lobby", TOPIC, START_MS)
    ingest(conn, [make(1, text, seqno=n) for n, text in enumerate(texts)])
    for search in (typed, *texts):
        found = {row.text for row in load_history(conn, 1, limit=100, search=search)}
        assert found <= set(texts)
        if search in texts:
            assert search in found or not search.strip()


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_a_text_is_found_by_itself(text: str) -> None:
    conn = open_in_memory()
    add_room(conn, "lobby", TOPIC, START_MS)
    ingest(conn, [make(1, text)])
    assert [row.text for row in load_history(conn, 1, limit=1, search=text)] == [text]
