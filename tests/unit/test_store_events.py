"""The event stream: numbers, waiting, pruning, what a message looks like in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing
from p2pd_client.shapes import Message
from p2pd_daemon.core.event import Delete, Edit
from p2pd_daemon.store import Store, open_store
from p2pd_daemon.store.events import PRUNE_BATCH, events_after
from p2pd_daemon.store.rows import SENT, STORED
from store_records import ALICE, BOB, START_MS, TOPIC, make, make_nick


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    with trio.fail_after(20):
        async with open_store(tmp_path / "store.db", events_kept=10) as opened:
            yield opened


async def test_a_message_event_has_the_fields_of_the_api(store: Store) -> None:
    lobby = (await store.add_room("lobby", TOPIC, START_MS)).room_n
    dm = (await store.open_conversation(BOB, "p2pd/1/dm/abc", START_MS)).room_n
    mine = make(lobby, "hello", own=True, state=STORED, arrived_ms=START_MS + 7)
    [first] = await store.ingest([mine])
    [second] = await store.ingest([make(dm, "psst", author=BOB, topic="p2pd/1/dm/abc")])
    await store.ingest([make_nick(lobby, "al")])
    await store.set_state([mine.record.id], SENT, now_ms=START_MS, sent_to=2)
    one, two, *_ = await store.events_after(0)
    assert (one.n, two.n, one.kind, one.ts_ms) == (first.event_n, second.event_n, "message", START_MS + 7)
    assert one.data == {
        "id": mine.record.id.hex(),
        "room": "lobby",
        "from": ALICE,
        "nick": "al",
        "ts_ms": START_MS,
        "kind": "text",
        "text": "hello",
        "state": SENT,
        "name": "",
        "peer": None,
        "reason": "",
        "caught_up": False,
        "delivery": {"state": SENT, "sent_to": 2, "held_by": 0, "members": 0},
        "reply_to": None,
        "quote": None,
        "via": "",
        "edited": False,
        "deleted": False,
        "reactions": [],
        "sender": None,
    }
    assert set(one.data) == {name.rstrip("_") for name in Message.__struct_fields__}
    assert (two.data["room"], two.data["peer"], two.data["from"]) == (None, BOB, BOB)


async def test_numbers_rise_and_pages_follow(store: Store) -> None:
    assert (await store.newest_event(), await store.oldest_event()) == (0, 1)
    numbers = [await store.add_event("test", START_MS, {"i": i, "text": "ä\ud800"}) for i in range(5)]
    assert numbers == [1, 2, 3, 4, 5]
    page = await store.events_after(1, limit=2)
    assert [(event.n, event.data["i"]) for event in page] == [(2, 1), (3, 2)]
    assert await store.events_after(5) == []
    assert (await store.newest_event(), await store.oldest_event()) == (5, 1)


async def test_old_events_are_pruned_in_batches_and_their_numbers_not_used_again(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with open_store(tmp_path / "store.db", events_kept=10) as store:
            lobby = (await store.add_room("lobby", TOPIC, START_MS)).room_n
            most = 10 + PRUNE_BATCH - 1
            await store.ingest([make(lobby, f"m{i}", seqno=i) for i in range(most)])
            assert await store.oldest_event() == 1
            await store.ingest([make(lobby, "one too many")])
            assert (await store.oldest_event(), await store.newest_event()) == (most - 8, most + 1)
            assert len(await store.events_after(0)) == 10
            await store._writes.call(lambda conn: conn.execute("DELETE FROM events").rowcount)
            assert await store.oldest_event() == most + 2
        async with open_store(tmp_path / "store.db", events_kept=10) as store:
            assert await store.newest_event() == most + 1
            assert await store.add_event("test", START_MS, {}) == most + 2


async def test_waiting_ends_with_the_commit_for_all_who_wait(store: Store) -> None:
    woken: list[int] = []

    async def wait() -> None:
        woken.append(await store.wait_events(1))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        await store.add_event("test", START_MS, {})
        await trio.testing.wait_all_tasks_blocked()
        assert woken == []  # that was number 1
        await store.set_meta("not", "an event")
        await store.add_event("test", START_MS, {})
    assert woken == [2, 2, 2]
    assert await store.wait_events(1) == 2


async def test_a_reader_by_cursor_misses_nothing(store: Store) -> None:
    seen: list[int] = []

    async def follow() -> None:
        while len(seen) < 40:
            await store.wait_events(seen[-1] if seen else 0)
            seen.extend(event.n for event in await store.events_after(seen[-1] if seen else 0, limit=3))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow)
        for i in range(40):
            nursery.start_soon(store.add_event, "test", START_MS, {"i": i})
    assert seen == list(range(1, 41))


async def test_who_follows_is_shown_what_is_in_the_store(store: Store) -> None:
    """News are handed on from memory; an older row of theirs must not outlive a change of it."""
    room = await store.add_room("lobby", TOPIC, START_MS)
    cursor = await store.newest_event()
    said = make(room.room_n, "first", seqno=1)
    for batch in (
        [said],
        [make(room.room_n, "second", seqno=2), make_nick(room.room_n, "alice", ts_ms=START_MS + 1)],
        [make(room.room_n, Edit(said.record.id, "changed"), ts_ms=START_MS + 2, seqno=3)],
        [make(room.room_n, Delete(said.record.id), ts_ms=START_MS + 3, seqno=4)],
    ):
        await store.events_after(cursor)
        await store.ingest(batch, durable=False)
        for after in range(cursor, await store.newest_event() + 1):
            assert await store.events_after(after) == await store._read(events_after, after, 500)
            assert await store.events_after(after, 1) == await store._read(events_after, after, 1)
    assert [event.data["text"] for event in await store.events_after(cursor) if event.kind == "message"] == [
        "",
        "second",
    ]
