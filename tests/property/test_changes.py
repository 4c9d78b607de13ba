"""Edits, deletes and reactions: the outcome is that of the rules, whatever the order and the batches of arrival."""

from __future__ import annotations

import sqlite3
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from p2pd_daemon.core.event import Action, Body, Delete, Edit, Reaction, Text
from p2pd_daemon.core.fold import MAX_SYMBOLS, Said, Shown, fold
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.store.history import load_history, load_versions
from p2pd_daemon.store.records import ingest, release_quarantined
from p2pd_daemon.store.rooms import add_room
from p2pd_daemon.store.rows import QUARANTINED, RECEIVED, NewRecord
from store_records import ALICE, BOB, CAROL, START_MS, TOPIC, make, open_in_memory

OTHER_TOPIC = "p2pd/1/other"
FAR_MS = START_MS + 10**9
PEOPLE = [ALICE, BOB, CAROL]
SYMBOLS = ["+1", "heart", "👍"]


@st.composite
def stories(draw: st.DrawFn) -> list[NewRecord]:
    """Messages of a room and what people do to them; some of it wrong, some of it in another room."""
    made: list[NewRecord] = []
    for seqno in range(draw(st.integers(2, 14))):
        body = draw(_body([new.record.id for new in made], seqno))
        about = None if isinstance(body, Text | Action) else body.target
        elsewhere = about is not None and draw(st.integers(0, 9)) == 0
        authors = [new.record.author for new in made if new.record.id == about]  # whose changes count
        made.append(
            make(
                2 if elsewhere else 1,
                body,
                author=draw(st.sampled_from(PEOPLE + 4 * authors)),
                ts_ms=START_MS + draw(st.integers(0, 3)),
                seqno=seqno,
                state=draw(st.sampled_from([RECEIVED, RECEIVED, RECEIVED, RECEIVED, QUARANTINED])),
                topic=OTHER_TOPIC if elsewhere else TOPIC,
            )
        )
    return made


@st.composite
def _body(draw: st.DrawFn, known: list[bytes], seqno: int) -> Body:
    kind = draw(st.sampled_from(["text", "action", "edit", "edit", "delete", "reaction", "reaction"]))
    if kind == "action":
        return Action(f"does {seqno}")
    if not known or kind == "text":
        return Text(f"said {seqno}", draw(st.sampled_from([None, *known])))
    target = draw(st.sampled_from(known[:3] * 3 + known))
    if kind == "edit":
        return Edit(target, f"edited {seqno}")
    if kind == "delete":
        return Delete(target, tuple(draw(st.lists(st.sampled_from(known), max_size=3, unique=True))))
    return Reaction(target, draw(st.sampled_from(SYMBOLS)), draw(st.booleans()))


def arrive(made: list[NewRecord], draw: st.DrawFn) -> sqlite3.Connection:
    """The store after the records came in some order, in some batches, some of them twice."""
    conn = open_in_memory()
    add_room(conn, "lobby", TOPIC, START_MS)
    add_room(conn, "other", OTHER_TOPIC, START_MS)
    order = draw(st.permutations(made + draw(st.lists(st.sampled_from(made), max_size=4))))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=4)))
    for start, end in pairwise([0, *cuts, len(order)]):
        ingest(conn, order[start:end])
    return conn


def said(new: NewRecord) -> Said:
    return Said(new.record.id, new.record.author, new.ts_ms, new.event.body)


def expected(made: list[NewRecord]) -> dict[bytes, Shown]:
    """By the rules of the core, of what is due."""
    due = [new for new in made if new.state != QUARANTINED]
    return {
        new.record.id: fold(said(new), [said(other) for other in due if other.room_n == new.room_n])
        for new in due
        if isinstance(new.event.body, Text | Action)
    }


def shown(conn: sqlite3.Connection) -> dict[bytes, Shown]:
    """What a reader of the store gets."""
    found = {}
    for row in load_history(conn, 1, limit=1000):
        versions = tuple(version.text for version in load_versions(conn, row.id))
        assert (row.deleted, row.edited, row.text) == (
            not versions,
            len(versions) > 1,
            versions[-1] if versions else "",
        )
        standing = frozenset((one.symbol, author) for one in row.reactions for author in one.by)
        assert sum(one.count for one in row.reactions) == len(standing)
        found[row.id] = Shown(versions, standing)
    return found


def everything(conn: sqlite3.Connection) -> object:
    return (
        conn.execute(
            "SELECT id, kind, shown, linked, state, about, deleted, text, edited, raw FROM records ORDER BY id"
        ).fetchall(),
        conn.execute("SELECT * FROM deletes ORDER BY 1, 2, 3").fetchall(),
        conn.execute("SELECT * FROM reactions ORDER BY 1, 2, 3, 4").fetchall(),
        [load_history(conn, 1, limit=1000, search=word) for word in ("said", "edited", "does", "said 3")],
    )


def check_search(conn: sqlite3.Connection) -> None:
    """The index holds what is shown, and no word besides."""
    conn.execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
    for word in ("said", "edited", "does"):
        found = {row.id for row in load_history(conn, 1, limit=1000, search=word)}
        assert found == {row.id for row in load_history(conn, 1, limit=1000) if word in row.text.split()}


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(stories(), st.data())
def test_any_arrival_shows_what_the_rules_say(made: list[NewRecord], data: st.DataObject) -> None:
    first, second = arrive(made, data.draw), arrive(made, data.draw)
    assert shown(first) == shown(second) == expected(made)
    assert everything(first) == everything(second)
    for conn in (first, second):
        assert not conn.execute(
            "SELECT 1 FROM quarantine q JOIN records r ON r.n = q.record_n"
            " WHERE r.deleted = 1 AND q.body IS NOT NULL"
        ).fetchall()
        release_quarantined(conn, FAR_MS, 100)
        check_search(conn)
    assert everything(first) == everything(second)
    due = [new if new.state == RECEIVED else _due(new) for new in made]
    assert shown(first) == expected(due)
    straight = arrive(due, data.draw)  # as if nothing had been too early
    assert shown(straight) == shown(first)
    bodies = dict(first.execute("SELECT id, raw IS NULL AND text IS NULL FROM records").fetchall())
    assert {record_id for record_id, dropped in bodies.items() if dropped} == _deleted(made)


def _due(new: NewRecord) -> NewRecord:
    from msgspec.structs import replace

    return replace(new, state=RECEIVED)


def _deleted(made: list[NewRecord]) -> set[bytes]:
    """Named by a delete of their author in their room, and of a kind that has a body to lose."""
    named = {
        (record_id, new.record.author, new.room_n)
        for new in made
        if isinstance(new.event.body, Delete)
        for record_id in (new.event.body.target, *new.event.body.edits)
    }
    return {
        new.record.id
        for new in made
        if (new.record.id, new.record.author, new.room_n) in named
        and isinstance(new.event.body, Text | Action | Edit)
    }


# The rules by themselves

IDS = [bytes([n]) * 32 for n in range(4)]
MESSAGE = Said(IDS[0], ALICE, 5, Text("first"))
others = st.lists(
    st.builds(
        Said,
        st.binary(min_size=32, max_size=32),
        st.sampled_from(PEOPLE),
        st.integers(1, 9),
        st.one_of(
            st.builds(Edit, st.sampled_from(IDS), st.sampled_from(["a", "b", "c"])),
            st.builds(Reaction, st.sampled_from(IDS), st.sampled_from(SYMBOLS), st.booleans()),
        ),
    ),
    max_size=12,
    unique_by=lambda one: one.id,
)


@given(others, st.data())
def test_order_does_not_matter(about: list[Said], data: st.DataObject) -> None:
    assert fold(MESSAGE, data.draw(st.permutations(about))) == fold(MESSAGE, about)


@given(others, st.sampled_from(PEOPLE), st.data())
def test_nothing_comes_back_after_a_delete(about: list[Said], author: PeerId, data: st.DataObject) -> None:
    delete = Said(b"d" * 32, author, data.draw(st.integers(1, 9)), Delete(MESSAGE.id))
    after = fold(MESSAGE, [*about, delete])
    assert after == (Shown(()) if author == MESSAGE.author else fold(MESSAGE, about))


@given(others)
def test_only_the_author_changes_the_text(about: list[Said]) -> None:
    foreign = [one for one in about if one.author != ALICE]
    assert fold(MESSAGE, foreign).texts == ("first",)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=30, max_size=60), st.data())
def test_one_author_cannot_pile_up_symbols(touches: list[tuple[int, bool]], data: st.DataObject) -> None:
    records = [
        make(1, Reaction(IDS[0], f"s{number}", remove), author=BOB, ts_ms=START_MS + at, seqno=at)
        for at, (number, remove) in enumerate(touches)
    ]
    conn = open_in_memory()
    add_room(conn, "lobby", TOPIC, START_MS)
    ingest(conn, data.draw(st.permutations(records)))
    kept = conn.execute("SELECT symbol, author FROM reactions WHERE stands = 1").fetchall()
    assert frozenset(kept) == fold(MESSAGE, map(said, records)).reactions
    assert conn.execute("SELECT count(*) FROM reactions").fetchone()[0] <= MAX_SYMBOLS
