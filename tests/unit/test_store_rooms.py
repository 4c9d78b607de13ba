"""Rooms, history, unread counts, quarantine: what a reader of the store sees."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace
from p2pd_daemon.core.clock import QUARANTINE_AHEAD_MS
from p2pd_daemon.core.event import Action, Profile, Unknown
from p2pd_daemon.errors import LocalProtocolError, NoSuchMessage, NoSuchRoom
from p2pd_daemon.store import Store, open_store
from p2pd_daemon.store.rows import DIRECT, OPEN, QUARANTINED, RECEIVED, STORED
from store_records import BOB, CAROL, START_MS, TOPIC, make, make_nick

DM = "p2pd/1/dm/abc"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    with trio.fail_after(20):
        async with open_store(tmp_path / "store.db") as opened:
            yield opened


@pytest.fixture
async def lobby(store: Store) -> int:
    return (await store.add_room("lobby", TOPIC, START_MS)).room_n


async def texts(store: Store, room_n: int, **how: Any) -> list[str]:
    return [row.text for row in await store.history(room_n, **how)]


async def test_rooms_are_left_and_joined_again_with_their_messages(store: Store, lobby: int) -> None:
    await store.ingest([make(lobby, "hello", ts_ms=START_MS + 5)])
    await store.add_room("Große Halle", "p2pd/1/Große Halle", START_MS)
    await store.set_joined(TOPIC, False)
    assert [row.name for row in await store.rooms()] == ["Große Halle"]
    assert [row.name for row in await store.rooms(joined_only=False)] == ["Große Halle", "lobby"]
    again = await store.add_room("lobby", TOPIC, START_MS + 1)
    assert (again.room_n, again.joined, again.kind, again.last_ts_ms) == (lobby, True, OPEN, START_MS + 5)
    assert await texts(store, lobby) == ["hello"]
    with pytest.raises(NoSuchRoom):
        await store.set_joined("p2pd/1/nowhere", False)


async def test_a_conversation_has_a_peer_and_no_name(store: Store, lobby: int) -> None:
    dm = await store.open_conversation(BOB, DM, START_MS)
    assert await store.open_conversation(BOB, DM, START_MS + 1) == dm
    assert (dm.peer, dm.name, dm.kind) == (BOB, "", DIRECT)
    assert await store.room_by_peer(BOB) == await store.room_by_topic(DM) == dm
    assert await store.room_by_peer(CAROL) is None
    assert await store.room_by_topic("p2pd/1/nowhere") is None
    assert [row.room_n for row in await store.rooms(kind=DIRECT)] == [dm.room_n]
    assert [row.room_n for row in await store.rooms(kind=OPEN)] == [lobby]
    await store.ingest([make(dm.room_n, "psst", author=BOB, topic=DM)])
    [row] = await store.history(dm.room_n)
    assert (row.room, row.peer, row.author) == (None, BOB, BOB)


async def test_history_is_paged_by_ts_and_id(store: Store, lobby: int) -> None:
    batch = [make(lobby, f"m{i}", ts_ms=START_MS + i // 3, seqno=i) for i in range(30)]
    await store.ingest(batch[15:] + batch[:15])
    order = [n.record.id for n in sorted(batch, key=lambda new: (new.ts_ms, new.record.id))]
    pages, before = [], None
    while page := await store.history(lobby, limit=7, before=before):
        pages.append([row.id for row in page])
        before = page[0].id
    assert [len(page) for page in pages] == [7, 7, 7, 7, 2]
    assert [record_id for page in reversed(pages) for record_id in page] == order
    assert await store.history(lobby, limit=0) == []

    onwards, after = [order[0]], order[0]
    while page := await store.history(lobby, limit=7, after=after):
        assert len(page) <= 7
        onwards += [row.id for row in page]
        after = page[-1].id
    assert onwards == order
    found = await store.history(lobby, after=order[3], search="m2", limit=2)
    [*_, last_but_one, last] = await store.history(lobby, search="m2", limit=100)
    assert found != [last_but_one, last]  # the first two that follow, not the last
    assert [row.id for row in found] == [
        row.id for row in await store.history(lobby, search="m2", limit=100) if order.index(row.id) > 3
    ][:2]


async def test_the_newest_message_of_each_room(store: Store, lobby: int) -> None:
    other = (await store.add_room("other", "p2pd/1/other", START_MS)).room_n
    empty = (await store.add_room("empty", "p2pd/1/empty", START_MS)).room_n
    newest = make(lobby, "x" * 5000, author=BOB, ts_ms=START_MS + 2)
    await store.ingest(
        [newest, make(lobby, "older", ts_ms=START_MS + 1), make_nick(lobby, "al", ts_ms=START_MS + 3)]
    )
    await store.ingest([make(other, "there", topic="p2pd/1/other")])
    lasts = await store.lasts([lobby, other, empty], ())
    assert set(lasts) == {lobby, other}
    assert (lasts[lobby].author, lasts[lobby].ts_ms) == (BOB, START_MS + 2)
    assert set(lasts[lobby].text) == {"x"}
    assert len(lasts[lobby].text) < 5000
    assert lasts[other].text == "there"
    assert (await store.lasts([lobby], {BOB}))[lobby].text == "older"


async def test_an_unknown_before_is_an_error(store: Store, lobby: int) -> None:
    other = await store.add_room("other", "p2pd/1/other", START_MS)
    elsewhere = make(other.room_n, "there", topic="p2pd/1/other")
    await store.ingest([elsewhere])
    for record_id in (bytes(32), elsewhere.record.id):
        with pytest.raises(NoSuchMessage):
            await store.history(lobby, before=record_id)
        with pytest.raises(NoSuchMessage):
            await store.history(lobby, after=record_id)
    with pytest.raises(NoSuchMessage):
        await store.message(bytes(32))
    assert (await store.message(elsewhere.record.id)).room == "other"


async def test_only_texts_and_actions_are_lines(store: Store, lobby: int) -> None:
    await store.ingest(
        [
            make(lobby, "hello", ts_ms=START_MS),
            make(lobby, Action("waves"), ts_ms=START_MS + 1),
            make(lobby, Profile("al"), ts_ms=START_MS + 2),
            make(lobby, Unknown(), ts_ms=START_MS + 3, visible=False),
        ]
    )
    rows = await store.history(lobby)
    assert [(row.kind, row.text, row.nick, row.state) for row in rows] == [
        ("text", "hello", "al", RECEIVED),
        ("action", "waves", "al", RECEIVED),
    ]
    [room] = await store.rooms()
    assert room.last_ts_ms == START_MS + 1


async def test_a_record_of_an_unknown_room_is_a_bug_and_the_batch_is_not_stored(
    store: Store, lobby: int
) -> None:
    first = make(lobby, "first")
    with pytest.raises(LocalProtocolError):
        await store.ingest([first, make(99, "where am I?", seqno=2)])
    assert await store.known([first.record.id]) == set()


async def test_unread_counts_others_messages_since_the_mark(store: Store, lobby: int) -> None:
    async def unread() -> int:
        [room] = await store.rooms()
        return room.unread

    batch = [make(lobby, f"m{i}", author=BOB, seqno=i) for i in range(3)]
    await store.ingest(batch)
    await store.ingest(
        [*batch, make(lobby, "mine", own=True, state=STORED), make_nick(lobby, "bob", author=BOB)]
    )
    assert await unread() == 3
    await store.mark_read(lobby)
    assert await unread() == 0
    await store.ingest(
        [make(lobby, "late", author=BOB, ts_ms=START_MS - 1000), make(lobby, "c", author=CAROL)]
    )
    assert await unread() == 2
    await store.block(BOB, START_MS)
    await store.ingest([make(lobby, "blocked", author=BOB, seqno=77)])
    assert await unread() == 1
    await store.unblock(BOB)
    assert await unread() == 3


async def test_blocked_authors_are_hidden_when_reading_only(store: Store, lobby: int) -> None:
    await store.block(BOB, START_MS)
    [done] = await store.ingest([make(lobby, "from bob", author=BOB)])
    assert (done.new, done.event_n) == (True, None)
    await store.ingest([make(lobby, "from carol", author=CAROL, ts_ms=START_MS + 1)])
    assert await texts(store, lobby, hide_authors=await store.blocked()) == ["from carol"]
    assert [event.data["text"] for event in await store.events_after(0)] == ["from carol"]
    assert await store.unblock(BOB)
    assert await texts(store, lobby, hide_authors=await store.blocked()) == ["from bob", "from carol"]


async def test_heads_and_missing_parents(store: Store, lobby: int) -> None:
    a = make(lobby, "a", ts_ms=START_MS)
    b = make(lobby, "b", ts_ms=START_MS + 1, parents=[a.record.id])
    c = make(lobby, "c", ts_ms=START_MS + 2, parents=[a.record.id], author=BOB)
    d = make(lobby, "d", ts_ms=START_MS + 3, parents=[b.record.id, c.record.id])
    [done] = await store.ingest([d])
    assert done.missing == (b.record.id, c.record.id)
    assert await store.heads(lobby) == ([(d.ts_ms, d.record.id)], sorted([b.record.id, c.record.id]))
    await store.ingest([c])
    assert await store.heads(lobby) == ([(d.ts_ms, d.record.id)], sorted([a.record.id, b.record.id]))
    await store.ingest([b, a])
    assert await store.heads(lobby) == ([(d.ts_ms, d.record.id)], [])
    e = make(lobby, "e", ts_ms=START_MS + 1, seqno=5)
    await store.ingest([e])
    assert await store.heads(lobby) == ([(e.ts_ms, e.record.id), (d.ts_ms, d.record.id)], [])


async def test_quarantined_records_wait_until_they_are_due(store: Store, lobby: int) -> None:
    ahead = START_MS + QUARANTINE_AHEAD_MS + 1000
    a = make(lobby, "from the future", author=BOB, ts_ms=ahead, state=QUARANTINED)
    nick = replace(make_nick(lobby, "bob", author=BOB, ts_ms=ahead + 1), state=QUARANTINED)
    unknown = make(lobby, Unknown(), author=BOB, ts_ms=ahead + 2, state=QUARANTINED)
    b = make(lobby, "answer", ts_ms=ahead + 3, parents=[a.record.id], state=QUARANTINED)
    done = await store.ingest([b, unknown, nick, a])
    assert all(one.new and one.event_n is None and one.missing == () for one in done)
    assert await store.quarantined(lobby) == 4
    assert await store.history(lobby) == []
    assert await store.heads(lobby) == ([], [])
    assert await store.profiles() == {}
    assert (await store.rooms())[0].unread == 0
    assert await store.release_quarantined(START_MS) == []

    released = await store.release_quarantined(START_MS + 1000, limit=10)
    assert [(one.id, one.raw) for one in released] == [(a.record.id, a.record.raw)]
    released = await store.release_quarantined(START_MS + 5000)
    assert [one.id for one in released] == [new.record.id for new in (nick, unknown, b)]
    assert released[-1].parents == (a.record.id,)
    assert await store.quarantined(lobby) == 0
    assert [(row.text, row.nick, row.state) for row in await store.history(lobby)] == [
        ("from the future", "bob", RECEIVED),
        ("answer", "", RECEIVED),
    ]
    heads, missing = await store.heads(lobby)
    assert {record_id for _, record_id in heads} == {new.record.id for new in (nick, unknown, b)}
    assert missing == []
    assert [event.kind for event in await store.events_after(0)] == ["message", "profile", "message"]
    assert (await store.rooms())[0].unread == 2


async def test_a_record_that_names_a_quarantined_parent_is_not_asked_to_fetch_it(
    store: Store, lobby: int
) -> None:
    future = make(lobby, "later", ts_ms=START_MS + 10**6, state=QUARANTINED)
    child = make(lobby, "child", parents=[future.record.id])
    [_, done] = await store.ingest([future, child])
    assert done.missing == ()
    assert await store.heads(lobby) == ([(child.ts_ms, child.record.id)], [])
    await store.release_quarantined(START_MS + 10**6)
    assert await store.heads(lobby) == ([(child.ts_ms, child.record.id)], [])


async def test_a_dropped_body_leaves_its_place_in_the_set(store: Store, lobby: int) -> None:
    a, b = make(lobby, "secret word"), make(lobby, "plain word", seqno=2)
    await store.ingest([a, b])
    assert await store.raws([a.record.id, b.record.id, bytes(32)]) == {
        a.record.id: a.record.raw,
        b.record.id: b.record.raw,
    }
    assert await store.drop_body(a.record.id)
    assert not await store.drop_body(bytes(32))
    assert await texts(store, lobby) == ["plain word"]
    assert await texts(store, lobby, search="secret") == []
    assert await store.known([a.record.id, bytes(32)]) == {a.record.id}
    assert await store.raws([a.record.id]) == {}
    assert [done.new for done in await store.ingest([a])] == [False]
    assert await texts(store, lobby, search="word") == ["plain word"]
