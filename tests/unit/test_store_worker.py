"""The threads: writes in groups, failures that cost only their own, cancellation, closing."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from p2pd_daemon.errors import LocalProtocolError, NoSuchRoom, StoreError
from p2pd_daemon.store import Store, open_store
from p2pd_daemon.store.worker import Lane
from store_records import START_MS, TOPIC, make


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    with trio.fail_after(20):
        async with open_store(tmp_path / "store.db") as opened:
            yield opened


@asynccontextmanager
async def writer_held(store: Store) -> AsyncIterator[None]:
    """The writing thread is inside a call for as long as the block lasts, so that what follows has to wait."""
    entered, release = trio.Event(), threading.Event()
    token = trio.lowlevel.current_trio_token()

    def hold(_conn: sqlite3.Connection) -> None:
        token.run_sync_soon(entered.set)
        release.wait(20)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(store._writes.call, hold)
        await entered.wait()
        try:
            yield
        finally:
            release.set()


async def trace_commits(store: Store) -> list[str]:
    """A list that grows by each COMMIT of the writer."""
    seen: list[str] = []

    def note(statement: str) -> None:
        if statement == "COMMIT":
            seen.append(statement)

    await store._writes.call(lambda conn: conn.set_trace_callback(note))
    seen.clear()
    return seen


async def test_writes_that_wait_are_committed_together(store: Store) -> None:
    commits = await trace_commits(store)
    async with trio.open_nursery() as nursery, writer_held(store):
        for i in range(100):
            nursery.start_soon(store.set_meta, f"key {i}", str(i))
        await trio.testing.wait_all_tasks_blocked()
    assert 1 <= len(commits) <= 3
    assert [await store.get_meta(f"key {i}") for i in range(100)] == [str(i) for i in range(100)]


async def test_one_failing_write_does_not_fail_its_neighbours(store: Store) -> None:
    failed: list[Exception] = []

    async def write(i: int) -> None:
        def run(conn: sqlite3.Connection) -> None:
            conn.execute("INSERT INTO meta VALUES (?, 'written')", (f"key {i}",))
            if i == 3:
                raise ZeroDivisionError
            if i == 5:
                conn.execute("INSERT INTO nowhere VALUES (1)")
            if i == 7:
                conn.execute("ROLLBACK")  # as SQLite does by itself when the disk is full
                raise sqlite3.OperationalError("the transaction is lost")

        try:
            await store._writes.call(run)
        except (ZeroDivisionError, LocalProtocolError) as error:
            failed.append(error)

    async with trio.open_nursery() as nursery, writer_held(store):
        for i in range(10):
            nursery.start_soon(write, i)
        await trio.testing.wait_all_tasks_blocked()
    assert len(failed) == 3
    written = [i for i in range(10) if await store.get_meta(f"key {i}") == "written"]
    assert written == [0, 1, 2, 4, 6, 8, 9]


async def test_a_cancelled_write_happens_as_a_whole_and_hurts_nobody(store: Store) -> None:
    room = await store.add_room("lobby", TOPIC, START_MS)
    batch = [make(room.room_n, f"hello {i}", ts_ms=START_MS + i) for i in range(20)]
    async with writer_held(store):
        with trio.move_on_after(0.01) as scope:
            await store.ingest(batch)
    assert scope.cancelled_caught
    await store.set_meta("after", "it")
    assert len(await store.history(room.room_n)) == 20


async def test_a_full_lane_makes_its_callers_wait() -> None:
    lane = Lane(capacity=2)
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(lane.call, lambda _conn: None)
            await trio.testing.wait_all_tasks_blocked()
            assert lane._calls.qsize() == 2
            first = lane.take()
            assert first is not None
            lane.finish([first])
            await trio.testing.wait_all_tasks_blocked()
            assert lane._calls.qsize() == 2
            nursery.cancel_scope.cancel()


async def test_reading_goes_on_while_a_write_takes_long(store: Store) -> None:
    await store.set_meta("before", "1")
    async with writer_held(store):
        assert await store.get_meta("before") == "1"


async def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError, match="readonly"):
        await store._reads.call(lambda conn: conn.execute("DELETE FROM meta").rowcount)


async def test_closing_waits_for_what_was_asked_before(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            async with open_store(path) as store:
                for i in range(50):
                    nursery.start_soon(store.set_meta, f"key {i}", "x")
                await trio.testing.wait_all_tasks_blocked(0)
            with pytest.raises(StoreError, match="closed"):
                await store.set_meta("late", "x")
            with pytest.raises(StoreError, match="closed"):
                await store.get_meta("late")
        async with open_store(path) as store:
            assert [await store.get_meta(f"key {i}") for i in range(50)] == ["x"] * 50


async def test_closing_ends_a_long_search(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    errors: list[StoreError] = []
    started, token = trio.Event(), trio.lowlevel.current_trio_token()

    def search(conn: sqlite3.Connection) -> None:
        conn.set_progress_handler(lambda: token.run_sync_soon(started.set), 1000)
        conn.execute(endless).fetchone()

    async def ask(store: Store) -> None:
        try:
            await store._reads.call(search)
        except StoreError as error:
            errors.append(error)

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery, open_store(tmp_path / "store.db") as store:
            nursery.start_soon(ask, store)
            await started.wait()
            await store.set_meta("a", "b")
    assert len(errors) == 1


async def test_errors_of_the_store_pass_through(store: Store) -> None:
    with pytest.raises(NoSuchRoom):
        await store.set_joined("p2pd/1/nowhere", True)


async def test_a_lock_of_another_program_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pd_daemon.store.connection.BUSY_TIMEOUT_MS", 50)
    path = tmp_path / "store.db"
    with trio.fail_after(20):
        async with open_store(path) as store:
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="in use by another program"):
                await store.set_meta("a", "b")
            other.execute("ROLLBACK")
            other.close()
            await store.set_meta("a", "b")
