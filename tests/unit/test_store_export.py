"""What an export reads from the store, and rooms that are known only by an import."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from p2pd_daemon.core.clock import MAX_TS_MS
from p2pd_daemon.store.export import begin_export, know_room, load_export_page
from p2pd_daemon.store.records import ingest
from p2pd_daemon.store.rooms import add_room, load_rooms, set_joined
from store_records import START_MS, TOPIC, make, open_in_memory

BEGINNING = (0, b"")


@pytest.fixture
def conn() -> Iterator[sqlite3.Connection]:
    found = open_in_memory()
    yield found
    found.close()


def test_a_room_that_was_only_imported_was_never_visited(conn: sqlite3.Connection) -> None:
    row = know_room(conn, "lobby", TOPIC)
    assert (row.joined, row.created_ms) == (False, MAX_TS_MS)
    assert load_rooms(conn, joined_only=True, kind=None) == []
    assert add_room(conn, "lobby", TOPIC, 7).created_ms == 7  # now it was
    assert add_room(conn, "lobby", TOPIC, 9).created_ms == 7
    assert know_room(conn, "lobby", TOPIC).joined
    set_joined(conn, TOPIC, False)
    again = know_room(conn, "lobby", TOPIC)
    assert (again.joined, again.created_ms) == (False, 7)


def test_a_page_is_bounded_and_has_at_least_one_record(conn: sqlite3.Connection) -> None:
    room_n = know_room(conn, "lobby", TOPIC).room_n
    ingest(conn, [make(room_n, "x" * 1000, ts_ms=START_MS + i, seqno=i) for i in range(10)])
    until_n = begin_export(conn, room_n, BEGINNING).until_n

    def page(max_rows: int, max_bytes: int) -> int:
        return len(load_export_page(conn, room_n, until_n, BEGINNING, max_rows=max_rows, max_bytes=max_bytes))

    assert [page(3, 10**9), page(100, 10**9), page(100, 5000), page(100, 1)] == [3, 10, 4, 1]


def test_an_empty_part_of_a_room(conn: sqlite3.Connection) -> None:
    room_n = know_room(conn, "lobby", TOPIC).room_n
    start = begin_export(conn, room_n, BEGINNING)
    assert (start.until_n, start.count, start.first_ts_ms, start.last_ts_ms) == (0, 0, None, None)
    ingest(conn, [make(room_n, "hello")])
    assert begin_export(conn, room_n, (START_MS + 1, b"")).count == 0
    assert begin_export(conn, room_n, (START_MS, b"")).count == 1


def test_places_are_read_in_the_order_of_the_index(conn: sqlite3.Connection) -> None:
    plan = conn.execute(
        "EXPLAIN QUERY PLAN SELECT ts_ms, id, raw IS NULL FROM records"
        " WHERE room_n = ? AND n <= ? AND (ts_ms, id) > (?, ?) ORDER BY ts_ms, id",
        (1, 1, *BEGINNING),
    ).fetchall()
    assert [row[-1] for row in plan] == [
        "SEARCH records USING INDEX records_order (room_n=? AND (ts_ms,id)>(?,?))"
    ]
