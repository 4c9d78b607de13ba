"""What is on the disk when: what was acknowledged at once, the rest soon. The disk is a copy made at each flush."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from p2pd_daemon.errors import StoreError
from p2pd_daemon.store import flusher, open_store
from p2pd_daemon.store.rows import STORED
from store_records import START_MS, TOPIC, make

FILES = ("store.db", "store.db-wal")


class Disk:
    """What a power failure leaves: the files as they were when they were flushed last."""

    def __init__(self, folder: Path, left: Path) -> None:
        self.flushes = 0
        self.fails = False
        self.waits = threading.Event()
        self.waits.set()
        self.flushed = threading.Event()
        self._folder = folder
        self._left = left

    def flush(self, log: int) -> None:
        self.waits.wait(20)
        if self.fails:
            raise OSError(5, "Input/output error")
        os.fsync(log)
        self._left.mkdir(exist_ok=True)
        for name in FILES:
            shutil.copyfile(self._folder / name, self._left / name)
        self.flushes += 1
        self.flushed.set()

    def texts(self) -> list[str]:
        if not self._left.exists():
            return []
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            looked_at = shutil.copytree(self._left, Path(name) / "copy")  # opening it changes it
            return self._read(looked_at / FILES[0])

    def _read(self, path: Path) -> list[str]:
        with contextlib.closing(sqlite3.connect(path)) as conn:
            assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return [text for (text,) in conn.execute("SELECT text FROM records ORDER BY n")]


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    made = Disk(tmp_path, tmp_path / "left")
    monkeypatch.setattr(flusher, "_flush_file", made.flush)
    yield made
    made.waits.set()


async def test_what_was_acknowledged_outlives_a_power_failure(tmp_path: Path, disk: Disk) -> None:
    with trio.fail_after(20):
        async with open_store(tmp_path / "store.db") as store:
            room = await store.add_room("lobby", TOPIC, START_MS)
            for n in range(20):
                await store.ingest([make(room.room_n, f"said {n}", seqno=n, own=True, state=STORED)])
                assert disk.texts()[-1] == f"said {n}"


async def test_what_others_have_is_acknowledged_before_and_flushed_soon(tmp_path: Path, disk: Disk) -> None:
    with trio.fail_after(20):
        async with open_store(tmp_path / "store.db") as store:
            room = await store.add_room("lobby", TOPIC, START_MS)
            disk.waits.clear()
            for n in range(20):
                await store.ingest([make(room.room_n, f"heard {n}", seqno=n)], durable=False)
            assert len(await store.history(room.room_n)) == 20
            assert disk.texts() == []
            disk.flushed.clear()
            disk.waits.set()
            assert await trio.to_thread.run_sync(disk.flushed.wait, 10)
            assert len(disk.texts()) == 20


async def test_flush_waits_for_what_was_committed_before(tmp_path: Path, disk: Disk) -> None:
    with trio.fail_after(20):
        async with open_store(tmp_path / "store.db") as store:
            room = await store.add_room("lobby", TOPIC, START_MS)
            for n in range(5):
                await store.ingest([make(room.room_n, f"said {n}", seqno=n)], durable=False)
                await store.begin_flush().wait()
                assert len(disk.texts()) == n + 1


async def test_many_who_wait_share_a_flush_and_commits_go_on_meanwhile(tmp_path: Path, disk: Disk) -> None:
    with trio.fail_after(20):
        async with open_store(tmp_path / "store.db") as store:
            room = await store.add_room("lobby", TOPIC, START_MS)
            before, first_event = disk.flushes, await store.newest_event()
            disk.waits.clear()
            async with trio.open_nursery() as nursery:
                for n in range(50):
                    nursery.start_soon(store.ingest, [make(room.room_n, f"said {n}", seqno=n)])
                await store.wait_events(first_event + 49)
                disk.waits.set()
            assert disk.flushes - before <= 3  # the one under way, one for all the others, and the timer's


async def test_a_disk_that_fails_is_told_to_those_who_wait_for_it(tmp_path: Path, disk: Disk) -> None:
    with trio.fail_after(20):
        async with open_store(tmp_path / "store.db") as store:
            room = await store.add_room("lobby", TOPIC, START_MS)
            disk.fails = True
            with pytest.raises(StoreError, match="cannot be brought to the disk: Input/output error"):
                await store.ingest([make(room.room_n, "said", seqno=1)])
            with pytest.raises(StoreError, match="cannot be brought to the disk"):
                await store.begin_flush().wait()
            await store.ingest([make(room.room_n, "heard", seqno=2)], durable=False)
            disk.fails = False
            await store.begin_flush().wait()
            assert disk.texts() == ["said", "heard"]


async def test_the_numbers_of_lost_events_are_not_given_again(tmp_path: Path, disk: Disk) -> None:
    with trio.fail_after(20):
        async with open_store(tmp_path / "store.db") as store:
            flushed = await store.add_event("peer", START_MS, {})
            await store.begin_flush().wait()
            disk.waits.clear()
            lost = await store.add_event("peer", START_MS, {})
            disk.waits.set()
            shutil.copytree(tmp_path / "left", tmp_path / "after")
        async with open_store(tmp_path / "after" / "store.db") as store:
            assert await store.newest_event() >= flushed
            assert await store.add_event("peer", START_MS, {}) > lost


def test_enough_new_events_do_not_wait_for_the_timer() -> None:
    timer = flusher.FlushTimer()
    assert timer.seconds_left() is None
    timer.committed(1)
    left = timer.seconds_left()
    assert left is not None
    assert 0 < left <= flusher.FLUSH_SECONDS
    timer.committed(2 + flusher.FLUSHED_TOGETHER)
    assert timer.seconds_left() == 0.0
    timer.flushed(2 + flusher.FLUSHED_TOGETHER)
    assert timer.seconds_left() is None
