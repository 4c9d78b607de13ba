"""Any room exports, verifies and imports to the same set; whatever the bytes, a check names faults and goes on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from exported import file_of, manifest_of
from hypothesis import given
from hypothesis import strategies as st
from p2pd_daemon.core.event import ChatEvent, decode_event, encode_event, kind_of
from p2pd_daemon.core.export import Line, PlacesHash, decode_base64, export_line
from p2pd_daemon.core.export_check import ExportCheck
from p2pd_daemon.core.record import Record, decode_record, sign_record
from p2pd_daemon.store.changes import drop
from p2pd_daemon.store.export import ExportRow, begin_export, know_room, load_export_page
from p2pd_daemon.store.records import ingest
from p2pd_daemon.store.rows import NewRecord
from property import strategies as some
from store_records import TOPIC, open_in_memory

Rooms = list[tuple[Record, ChatEvent]]


@st.composite
def rooms(draw: st.DrawFn) -> Rooms:
    """Records of open rooms, in order of arrival; many share a ts."""
    times = st.integers(1, 20)
    room = []
    for seqno, body in enumerate(draw(st.lists(some.open_bodies, max_size=20))):
        event = ChatEvent(draw(times), draw(st.lists(some.ids, max_size=2, unique=True).map(tuple)), body)
        record = sign_record(draw(some.signing_keys), seqno, TOPIC, encode_event(event))
        room.append((record, event))
    return room


def store(room: Rooms) -> tuple[sqlite3.Connection, int]:
    conn = open_in_memory()
    room_n = know_room(conn, "lobby", TOPIC).room_n
    ingest(
        conn,
        [
            NewRecord(room_n, record, event, kind_of(event.body), None, event.ts_ms, 1, notify=False)
            for record, event in room
        ],
    )
    return conn, room_n


def pages(conn: sqlite3.Connection, room_n: int, size: int, until_n: int) -> Iterator[ExportRow]:
    place = (0, b"")
    while page := load_export_page(conn, room_n, until_n, place, max_rows=size, max_bytes=size * 100):
        yield from page
        place = (page[-1].ts_ms, page[-1].id)


def line_of(row: ExportRow) -> Line:
    if row.raw is None:
        return Line(row.id, row.ts_ms)
    record = decode_record(row.raw)
    return export_line(record, decode_event(record.data), sealed=False)


@pytest.mark.slow
@given(rooms(), st.integers(1, 7))
def test_any_room_exports_verifies_and_imports_to_the_same_set(room: Rooms, page_size: int) -> None:
    conn, room_n = store(room)
    with closing(conn):
        start = begin_export(conn, room_n, (0, b""))
        lines = [line_of(row) for row in pages(conn, room_n, page_size, start.until_n)]
    manifest = manifest_of(lines)
    assert (manifest.count, manifest.first_ts_ms, manifest.last_ts_ms, manifest.records_sha256) == (
        start.count,
        start.first_ts_ms,
        start.last_ts_ms,
        start.places_sha256,
    )
    check = ExportCheck()
    taken: Rooms = []
    for number, raw in enumerate(file_of(manifest, lines).splitlines(), start=1):
        checked = check.feed(raw)
        assert not checked.faults, number
        if checked.raw is not None:
            record = decode_record(checked.raw)
            taken.append((record, decode_event(record.data)))
    assert check.finish() == []
    assert len(taken) == len(lines)  # no delete of these names one of them
    other, other_n = store(taken)
    with closing(other):
        again = begin_export(other, other_n, (0, b""))
    assert (again.count, again.places_sha256) == (start.count, start.places_sha256)


@pytest.mark.slow
@given(rooms(), rooms(), st.integers(1, 5))
def test_what_arrives_meanwhile_is_left_out(room: Rooms, late: Rooms, page_size: int) -> None:
    conn, room_n = store(room)
    with closing(conn):
        start = begin_export(conn, room_n, (0, b""))
        got = PlacesHash()
        count = 0
        for row in pages(conn, room_n, page_size, start.until_n):
            got.add(row.ts_ms, row.id, gone=row.raw is None)
            count += 1
            if late:
                record, event = late.pop()
                ingest(conn, [NewRecord(room_n, record, event, "text", None, event.ts_ms, 1)])
    assert (count, got.hexdigest()) == (start.count, start.places_sha256)


@pytest.mark.slow
@given(rooms().filter(len), st.integers(1, 3), st.data())
def test_what_is_deleted_meanwhile_is_noticed(room: Rooms, page_size: int, data: st.DataObject) -> None:
    conn, room_n = store(room)
    with closing(conn):
        start = begin_export(conn, room_n, (0, b""))
        whole = {row.id: row.raw for row in pages(conn, room_n, page_size, start.until_n)}
        victim = data.draw(st.sampled_from(sorted(one for one, raw in whole.items() if raw is not None)))
        got = PlacesHash()
        count = 0
        for row in pages(conn, room_n, page_size, start.until_n):
            got.add(row.ts_ms, row.id, gone=row.raw is None)
            count += 1
            if count == 1:
                drop(
                    conn,
                    conn.execute("SELECT n FROM records WHERE id = ?", (victim,)).fetchone()[0],
                    deleted=True,
                )
            hit = row.id == victim and row.raw is None
            assert (row.raw is None) == (hit or whole[row.id] is None)
            victim = b"" if row.id == victim and not hit else victim  # it was exported before
    assert count == start.count
    assert (got.hexdigest() != start.places_sha256) == bool(victim)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(
    [
        "p2pd_export",
        "id",
        "ts_ms",
        "from",
        "kind",
        "text",
        "raw",
        "gone",
        "room",
        "peer",
        "topic",
        "by",
        "count",
    ]
)
objects = st.dictionaries(names, json_values, max_size=8).map(lambda value: json.dumps(value).encode())


@pytest.mark.slow
@given(st.lists(st.binary(max_size=40) | objects, max_size=10), st.booleans())
def test_any_lines_are_read_to_the_end(lines: list[bytes], signatures: bool) -> None:
    check = ExportCheck(signatures=signatures)
    for line in lines:
        check.feed(line)
    check.finish()
    assert check.summary.lines == len(lines)
    assert check.summary.faults or not any(line.strip() for line in lines)


@given(st.text(max_size=20))
def test_base64_has_one_encoding(text: str) -> None:
    try:
        raw = decode_base64(text)
    except ValueError:
        return
    assert len(raw) <= len(text)
