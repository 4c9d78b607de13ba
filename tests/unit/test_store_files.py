"""Opening: what can be wrong with the file, each its own error that names it and says what to do."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from p2pd_daemon.errors import P2pdError, StoreDamaged, StoreError, StoreTooNew
from p2pd_daemon.store import open_store
from store_records import ALICE, START_MS, TOPIC, make


async def fill(path: Path, count: int = 200) -> None:
    async with open_store(path) as store:
        room = await store.add_room("lobby", TOPIC, START_MS)
        await store.ingest([make(room.room_n, f"hello {i}", ts_ms=START_MS + i) for i in range(count)])


async def use(path: Path) -> int:
    """Opens, reads and writes; returns how many messages it finds."""
    with trio.fail_after(20):
        async with open_store(path) as store:
            room = await store.add_room("lobby", TOPIC, START_MS)
            await store.ingest([make(room.room_n, "one more", author=ALICE, seqno=9, ts_ms=START_MS + 9999)])
            await store.events_after(0)
            await store.history(room.room_n, search="hello")
            return len(await store.history(room.room_n, limit=1000))


async def test_what_was_stored_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await fill(path)
    assert await use(path) == 201
    assert path.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "store.db-wal").exists()


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(10_000))


def text(path: Path) -> None:
    path.write_text("this is not a database, but my diary\n" * 100)


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_to_50_bytes(path: Path) -> None:
    os.truncate(path, 50)


def page_one_zeroed(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(4096))


def header_count_wrong(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 12)


@pytest.mark.parametrize(
    "harm", [garbage, text, cut_in_half, cut_to_50_bytes, page_one_zeroed, header_count_wrong]
)
async def test_a_damaged_file_is_named_and_left_as_it_is(
    harm: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "store.db"
    await fill(path)
    harm(path)
    before = path.read_bytes()
    with pytest.raises(StoreDamaged, match="damaged") as caught:
        await use(path)
    assert str(path) in caught.value.message
    assert "backup" in caught.value.hint
    assert "identity key is not affected" in caught.value.hint
    assert path.read_bytes() == before


@pytest.mark.slow
async def test_any_flipped_bit_is_harmless_or_a_store_error(tmp_path: Path) -> None:
    path, copy = tmp_path / "store.db", tmp_path / "copy.db"
    await fill(path)
    good = path.read_bytes()
    outcomes = [await outcome_of_a_flip(seed, good, copy) for seed in range(60)]
    assert StoreDamaged in outcomes


def lay_down(path: Path, content: bytes) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(content)


async def outcome_of_a_flip(seed: int, good: bytes, copy: Path) -> type[StoreError] | None:
    rng = random.Random(seed)
    at = rng.randrange(120) if seed % 2 else rng.randrange(len(good))
    flipped = bytearray(good)
    flipped[at] ^= 1 << rng.randrange(8)
    lay_down(copy, bytes(flipped))
    try:
        await use(copy)
    except StoreError as error:
        if "copy.db" not in error.message or not error.hint:
            pytest.fail(f"seed {seed}, byte {at}: {error!r} does not say what to do")
        return type(error)
    except P2pdError as error:
        pytest.fail(f"seed {seed}, byte {at}: {error!r}")
    return None


async def test_damage_that_shows_only_later_is_reported_and_does_not_stop_the_store(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with trio.fail_after(20):
        async with open_store(path) as store:
            room = await store.add_room("lobby", TOPIC, START_MS)
            await store.ingest([make(room.room_n, "hello")])
            await store._writes.call(
                lambda conn: conn.execute("DELETE FROM search_data WHERE id > 10").rowcount
            )
            with pytest.raises(StoreDamaged, match=r"store\.db"):
                await store.history(room.room_n, search="hello")
            assert len(await store.history(room.room_n)) == 1


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await fill(path, 1)
    conn = sqlite3.connect(path)
    conn.execute("PRAGMA user_version = 7")
    conn.close()
    with pytest.raises(StoreTooNew, match="version 7") as caught:
        await use(path)
    assert str(path) in caught.value.message
    assert "Upgrade p2pd" in caught.value.hint


async def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.mkdir()
    with pytest.raises(StoreError, match="Is a directory") as caught:
        await use(path)
    assert caught.value.hint


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist") as caught:
        await use(tmp_path / "nowhere" / "store.db")
    assert "mkdir" in caught.value.hint


async def test_a_file_that_may_not_be_written(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await fill(path, 1)
    path.chmod(0o400)
    with pytest.raises(StoreError, match=r"read-only|Permission denied") as caught:
        await use(path)
    assert str(path) in caught.value.message


async def test_a_full_disk_is_said_and_passes(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with open_store(tmp_path / "store.db") as store:
            room = await store.add_room("lobby", TOPIC, START_MS)
            pages = await store._writes.call(lambda conn: conn.execute("PRAGMA page_count").fetchone()[0])
            await store._writes.call(lambda conn: conn.execute(f"PRAGMA max_page_count = {pages}").fetchone())
            with pytest.raises(StoreError, match="full") as caught:
                await store.ingest([make(room.room_n, f"{i} " * 2000, ts_ms=START_MS + i) for i in range(50)])
            assert "Make room" in caught.value.hint
            assert not await store.history(room.room_n)
            await store._writes.call(lambda conn: conn.execute("PRAGMA max_page_count = 100000").fetchone())
            await store.ingest([make(room.room_n, "there is room again")])
            assert [row.text for row in await store.history(room.room_n)] == ["there is room again"]
