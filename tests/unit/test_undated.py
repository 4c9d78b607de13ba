"""Rooms whose records carry no time: what the store has of them, what a store node keeps, what is given up."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import sentinel

import pytest
import trio
from kept_rooms import ANN, BOB, NOW_MS
from msgspec import structs
from p2pd_daemon.core.keeping import KeptRecord, open_room_records
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.payload import read_payload
from p2pd_daemon.core.record import Record, decode_record, sign_record
from p2pd_daemon.core.retention import parse_keep
from p2pd_daemon.core.room import Wire
from p2pd_daemon.core.sync_frames import sync_tag
from p2pd_daemon.node import retention
from p2pd_daemon.node.catch_up import Intake
from p2pd_daemon.node.clock import Clock, Seqnos
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.people import People
from p2pd_daemon.node.room import Room
from p2pd_daemon.store import export, kept, kept_undated, open_store, records, undated
from p2pd_daemon.store.history import load_history
from p2pd_daemon.store.migrations import KEPT, migrate
from p2pd_daemon.store.rooms import add_room, free_name, room_by_name
from p2pd_daemon.store.rows import CHAT_ROOM, OPEN, TEXT, NewRecord
from p2pd_daemon.store.sync import load_places
from store_records import open_in_memory

TOPIC = "universal-connectivity"
TAG = sync_tag(TOPIC)


def said(number: int) -> Record:
    return sign_record(ANN, 1 + number, TOPIC, f"text {number}".encode())


def new(record: Record, ts_ms: int) -> NewRecord:
    event = read_payload(record.data, Wire.TEXT)
    return NewRecord(1, record, event, "text", record.data.decode(), ts_ms, ts_ms, heads=False)


def new_at(record: Record, *, ts_ms: int, arrived_ms: int) -> NewRecord:
    return structs.replace(new(record, ts_ms), arrived_ms=arrived_ms)


@pytest.fixture
def conn() -> sqlite3.Connection:
    made = open_in_memory()
    add_room(made, TOPIC, TOPIC, 1, TEXT)
    records.ingest(made, [new(said(number), 1000 + number) for number in range(10)])
    return made


IDS = sorted(said(number).id for number in range(10))


def test_the_set_goes_by_id_and_the_history_by_arrival(conn: sqlite3.Connection) -> None:
    assert undated.load_places(conn, 1) == [(0, record_id) for record_id in IDS]
    texts = [message.text for message in load_history(conn, 1, limit=5, before=said(8).id)]
    assert texts == [f"text {number}" for number in range(3, 8)]


def test_pages_go_down_the_ids_with_times(conn: sqlite3.Connection) -> None:
    size = len(said(0).raw)
    first = undated.load_page(conn, 1, None, 0, 4 * size)
    found = [decode_record(raw) for raw in first.raws]
    assert [record.id for record in found] == IDS[:5:-1]
    assert first.seen == tuple(1000 + record.seqno - 1 for record in found)
    assert first.more
    rest = undated.load_page(conn, 1, (0, found[-1].id), 0, 100 * size)
    assert [decode_record(raw).id for raw in rest.raws] == IDS[5::-1]
    assert not rest.more


def test_a_batch_has_times_and_what_was_given_up(conn: sqlite3.Connection) -> None:
    numbers = undated.older_messages(conn, 1, 1003, 2000)
    assert len(numbers) == 3
    undated.forget_messages(conn, numbers)
    assert undated.older_messages(conn, 1, 1003, 2000) == []
    batch = undated.load_batch(conn, 1, [said(7).id, said(1).id, b"?" * 32, said(5).id])
    assert (batch.raws, batch.seen) == ((said(7).raw, said(5).raw), (1007, 1005))
    assert batch.gone == ((0, said(1).id),)
    assert len(undated.load_places(conn, 1)) == 10, "places stay"
    assert load_history(conn, 1, limit=50)[0].text == "text 3"
    assert export.begin_export(conn, 1, (0, b"")).count == 7
    assert len(export.load_export_page(conn, 1, 100, (0, b""), max_rows=50, max_bytes=10**6)) == 7


@pytest.mark.parametrize(("keep", "left"), [("1h", ["told", "new"]), ("2", ["text 9", "new"])])
async def test_an_age_counts_from_when_a_message_came_here(
    tmp_path: Path, keep: str, left: list[str]
) -> None:
    """Who brings messages says when they were first seen, and erases nothing by saying a time long ago."""
    hour_ms = 3_600_000
    async with open_store(tmp_path / "store.sqlite3") as store:
        row = await store.add_room(TOPIC, TOPIC, 1, TEXT)
        told, fresh = (sign_record(ANN, 90 + n, TOPIC, text) for n, text in enumerate((b"told", b"new")))
        await store.ingest(
            [
                *(new(said(number), 1000 + number) for number in range(10)),
                new_at(told, ts_ms=1, arrived_ms=NOW_MS - 1),
                new_at(fresh, ts_ms=NOW_MS, arrived_ms=NOW_MS),
            ]
        )
        parts = SimpleNamespace(store=store, clock=SimpleNamespace(now_ms=lambda: NOW_MS + hour_ms // 2))
        room = SimpleNamespace(room_n=row.room_n, name=TOPIC)
        await retention._forget(cast(Parts, parts), cast(Room, room), parse_keep(keep))
        assert [one.text for one in await store.history(row.room_n, limit=50)] == left


def test_its_pages_and_places_go_by_an_index(conn: sqlite3.Connection) -> None:
    statements: list[str] = []
    conn.set_trace_callback(statements.append)
    undated.load_places(conn, 1)
    undated.load_page(conn, 1, (0, IDS[5]), 0, 1000)
    conn.set_trace_callback(None)
    for sql in statements:
        plan = " ".join(row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {sql}"))
        assert "SCAN" not in plan, (sql, plan)
        assert "TEMP B-TREE" not in plan, (sql, plan)


def test_a_name_is_one_room_s(conn: sqlite3.Connection) -> None:
    assert free_name(conn, TOPIC, TOPIC, TEXT) == TOPIC
    assert add_room(conn, TOPIC, "p2pd/1/" + TOPIC, 1, OPEN).name == f"p2pd:{TOPIC}"
    assert add_room(conn, TOPIC, "chat-room:" + TOPIC, 1, CHAT_ROOM).name == f"chat-room:{TOPIC}"
    assert add_room(conn, TOPIC, TOPIC, 1, TEXT).name == TOPIC
    found = room_by_name(conn, f"p2pd:{TOPIC}")
    assert found is not None
    assert found.wire is Wire.P2PD


# Store nodes


@pytest.fixture
def kept_conn() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:", isolation_level=None)
    made.execute("PRAGMA foreign_keys = ON")
    migrate(made, Path("kept.db"), schema=KEPT)
    return made


def brought(*numbers: int, seen: int = 0) -> list[KeptRecord]:
    found, faults = open_room_records(
        [said(number).raw for number in numbers], TAG, [seen + number for number in numbers] if seen else ()
    )
    assert not faults
    return found


def keep(conn: sqlite3.Connection, batch: list[KeptRecord], limits: Limits) -> kept.Added:
    return kept.add_records(conn, TAG, ANN.peer_id, batch, now_ms=NOW_MS, limits=limits)


def test_a_store_node_keeps_the_times_with_them(kept_conn: sqlite3.Connection) -> None:
    keep(kept_conn, brought(3, seen=1000) + brought(4, seen=2 * NOW_MS) + brought(5), Limits())
    room = kept.find_set(kept_conn, kept.ROOM, TAG)
    assert room is not None
    assert load_places(kept_conn, room.n) == sorted((0, said(number).id) for number in (3, 4, 5))
    page = kept_undated.load_page(kept_conn, room.n, None, 0, 10**6)
    times = {decode_record(raw).seqno - 1: seen for raw, seen in zip(page.raws, page.seen, strict=True)}
    assert times == {3: 1003, 4: NOW_MS, 5: NOW_MS}
    batch = kept_undated.load_batch(kept_conn, room.n, [said(5).id, b"?" * 32, said(3).id])
    assert (batch.raws, batch.seen) == ((said(5).raw, said(3).raw), (NOW_MS, 1003))


@pytest.mark.parametrize("what", ["store_room_records", "store_room_bytes", "store_bytes"])
def test_a_full_room_takes_no_more_and_says_so(kept_conn: sqlite3.Connection, what: str) -> None:
    size = sum(one.size for one in brought(*range(5)))
    limits = replace(Limits(), record_bytes=brought(0)[0].size, **{what: 5 if "records" in what else size})
    assert len(keep(kept_conn, brought(*range(5)), limits).new) == 5
    added = keep(kept_conn, brought(7, 2), limits)
    assert (added.new, added.cut) == ((), ())
    assert added.left_out == {kept.ROOM_FULL: 2}
    room = kept.find_set(kept_conn, kept.ROOM, TAG)
    assert room is not None
    assert (room.records, room.floor_ts) == (5, 0)
    assert "no more are taken" in kept_undated.refusal(kept_conn, BOB.peer_id, room, limits)
    assert kept_undated.refusal(kept_conn, BOB.peer_id, room, Limits()) == ""


# Catching up


async def test_a_place_without_a_body_is_taken_over_when_two_peers_say_so(tmp_path: Path) -> None:
    me, lost = BOB, (0, b"\x07" * 32)
    with trio.fail_after(10):
        async with open_store(tmp_path / "store.sqlite3") as store, trio.open_nursery() as nursery:
            clock = Clock()
            row = await store.add_room(TOPIC, TOPIC, 1, TEXT)
            parts = Parts(
                me, store, sentinel.network, People(me.peer_id), clock, Seqnos(clock, 0), Limits(), nursery
            )
            room, intake = Room(row, parts), Intake(parts)
            places = await room.timeline.places.tree()
            for _ in range(2):
                await intake.take_gone(room, ANN.peer_id, lost)
            assert lost not in list(places.items()), "one peer alone says so"
            await intake.take_gone(room, me.peer_id, lost)
            assert lost in list(places.items())
            assert await store.history(row.room_n) == []
            assert await store.places(row.room_n) == [lost]
            nursery.cancel_scope.cancel()
