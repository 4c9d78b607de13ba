"""Bytes that the disk has changed inside a row, where SQLite cannot see it."""

from __future__ import annotations

import logging
from contextlib import closing

import pytest
from p2pd_daemon.core.event import Profile
from p2pd_daemon.store.records import ingest, release_quarantined
from p2pd_daemon.store.rooms import add_room
from p2pd_daemon.store.rows import QUARANTINED
from store_records import BOB, START_MS, TOPIC, make, open_in_memory


def test_a_damaged_record_in_quarantine_does_not_hold_up_the_others(caplog: pytest.LogCaptureFixture) -> None:
    with closing(open_in_memory()) as conn, caplog.at_level(logging.WARNING):
        room_n = add_room(conn, "lobby", TOPIC, START_MS).room_n
        future = [
            make(room_n, Profile("nick"), ts_ms=START_MS + 1, state=QUARANTINED),
            make(room_n, Profile("bob"), author=BOB, ts_ms=START_MS + 2, state=QUARANTINED),
            make(room_n, "hello", author=BOB, ts_ms=START_MS + 3, state=QUARANTINED),
        ]
        ingest(conn, future)
        conn.execute("UPDATE quarantine SET body = x'ffff' WHERE ts_ms = ?", (START_MS + 1,))
        released = release_quarantined(conn, START_MS + 10, 500)
        assert [one.id for one in released] == [new.record.id for new in future]
        assert conn.execute("SELECT nick FROM profiles").fetchall() == [("bob",)]
        assert conn.execute("SELECT count(*) FROM records WHERE shown").fetchone() == (1,)
    assert f"the record {future[0].record.id_hex} is damaged in the store" in caplog.text
