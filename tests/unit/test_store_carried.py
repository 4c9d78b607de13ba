"""Direct messages that another program's protocol carried: shown like any other, and part of nothing that is signed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from p2pd_daemon.store import Store, open_store
from p2pd_daemon.store.carried import Carried
from p2pd_daemon.store.rows import DELIVERED, QUEUED
from store_records import ALICE, BOB, START_MS, make

UC = "universal-connectivity"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    with trio.fail_after(20):
        async with open_store(tmp_path / "store.db") as opened:
            yield opened


@pytest.fixture
async def dm(store: Store) -> int:
    return (await store.open_conversation(BOB, "p2pd/1/dm/abc", START_MS)).room_n


def carried(room_n: int, text: str, arrived_ms: int = START_MS) -> Carried:
    return Carried(text.encode().ljust(32, b"."), room_n, BOB, text, arrived_ms, UC)


async def test_it_is_a_message_of_the_conversation(store: Store, dm: int) -> None:
    assert await store.take_carried(carried(dm, "good evening"))
    assert not await store.take_carried(carried(dm, "good evening"))
    (row,) = await store.history(dm)
    assert (row.text, row.author, row.peer, row.via, row.state) == ("good evening", BOB, BOB, UC, "received")
    assert [found.text for found in await store.history(dm, search="evening")] == ["good evening"]
    found = await store.room_by_peer(BOB)
    assert found is not None
    assert found.unread == 1
    (event,) = await store.events_after(0)
    assert (event.kind, event.data["text"], event.data["via"]) == ("message", "good evening", UC)


async def test_it_comes_after_what_was_said_before_whatever_the_clock_says(store: Store, dm: int) -> None:
    await store.ingest([make(dm, "from a fast clock", ts_ms=START_MS + 5000)])
    for text in ("z", "a"):
        await store.take_carried(carried(dm, text))
    assert [row.text for row in await store.history(dm)] == ["from a fast clock", "z", "a"]


async def test_no_record_builds_on_it_and_no_export_has_it(store: Store, dm: int) -> None:
    said = make(dm, "signed", ts_ms=START_MS + 1, own=True, author=ALICE, state=QUEUED)
    await store.ingest([said])
    await store.take_carried(carried(dm, "not signed", START_MS + 2))
    assert await store.heads(dm) == ([(START_MS + 1, said.record.id)], [])
    start = await store.begin_export(dm, (0, b""))
    page = await store.export_page(dm, start.until_n, (0, b""), max_rows=10, max_bytes=10_000)
    assert start.count == 1
    assert [row.id for row in page] == [said.record.id]


async def test_own_ones_are_marked_when_they_went_out(store: Store, dm: int) -> None:
    said = make(dm, "hello", own=True, author=ALICE, state=QUEUED)
    await store.ingest([said])
    assert (await store.message(said.record.id)).via == ""
    for _ in range(2):
        await store.note_carried([said.record.id, bytes(32)], UC)
    await store.set_state([said.record.id], DELIVERED, now_ms=START_MS)
    row = await store.message(said.record.id)
    assert (row.via, row.state) == (UC, DELIVERED)
    assert (await store.begin_export(dm, (0, b""))).count == 1


async def test_the_blocked_are_not_heard(store: Store, dm: int) -> None:
    await store.block(BOB, START_MS)
    await store.take_carried(carried(dm, "psst"))
    assert await store.events_after(0) == []
