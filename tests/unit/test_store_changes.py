"""What a reader and a listener of the store see of edits, deletes, reactions and replies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio
from p2pd_client.shapes import Message
from p2pd_daemon.core.event import Action, Body, Delete, Edit, Profile, Reaction, Text
from p2pd_daemon.errors import NoSuchMessage
from p2pd_daemon.store import Store, open_store
from p2pd_daemon.store.rows import QUARANTINED, QUEUED, STORED, EventRow, NewRecord, QuoteRow
from store_records import ALICE, BOB, CAROL, START_MS, TOPIC, make

FAR_MS = START_MS + 10**9


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    with trio.fail_after(20):
        async with open_store(tmp_path / "store.db") as opened:
            yield opened


@pytest.fixture
async def lobby(store: Store) -> int:
    return (await store.add_room("lobby", TOPIC, START_MS)).room_n


HELLO = make(1, "hello")


def later(body: Body | str, after_ms: int = 1, **more: Any) -> NewRecord:
    return make(1, body, ts_ms=START_MS + after_ms, **more)


async def events(store: Store) -> list[EventRow]:
    return [event for event in await store.events_after(0) if event.kind != "profile"]


async def kinds(store: Store) -> list[str]:
    return [event.kind for event in await events(store)]


async def test_an_event_has_the_message_as_it_is_now_and_who_did_what(store: Store, lobby: int) -> None:
    edit = later(Edit(HELLO.record.id, "hello!"))
    await store.ingest([HELLO, edit, later(Reaction(HELLO.record.id, "+1"), author=BOB)])
    first, second, third = await events(store)
    fields = {name.rstrip("_") for name in Message.__struct_fields__}
    assert set(first.data) == fields
    assert set(second.data) == fields | {"by", "change_id"}
    assert set(third.data) == fields | {"by", "change_id", "symbol", "remove"}
    assert (first.kind, second.kind, third.kind) == ("message", "edit", "reaction")
    assert {event.data["text"] for event in (first, second, third)} == {"hello!"}
    assert (second.data["by"], second.data["change_id"]) == (ALICE, edit.record.id.hex())
    assert third.data["reactions"] == [{"symbol": "+1", "count": 1, "mine": False, "by": [BOB]}]
    await store.ingest([later(Delete(HELLO.record.id, (edit.record.id,)), 2)])
    assert {event.data["text"] for event in await events(store)} == {""}
    assert all(event.data["deleted"] for event in await events(store))


@pytest.mark.parametrize(
    ("change", "author", "told"),
    [
        (Edit(HELLO.record.id, "theirs"), BOB, False),
        (Delete(HELLO.record.id), BOB, False),
        (Edit(HELLO.record.id, "mine"), ALICE, True),
        (Edit(b"?" * 32, "unknown"), ALICE, False),
        (Reaction(HELLO.record.id, "+1", remove=True), BOB, False),
        (Reaction(b"?" * 32, "+1"), BOB, False),
    ],
)
async def test_only_what_changes_something_is_told(
    store: Store, lobby: int, change: Body, author: str, told: bool
) -> None:
    await store.ingest([HELLO])
    await store.ingest([later(change, author=author)])
    assert len(await kinds(store)) == 1 + told


async def test_an_older_edit_or_reaction_changes_nothing(store: Store, lobby: int) -> None:
    await store.ingest([HELLO, later(Edit(HELLO.record.id, "two"), 2)])
    await store.ingest([later(Reaction(HELLO.record.id, "+1", remove=True), 4, author=BOB)])
    before = len(await kinds(store))
    await store.ingest([later(Edit(HELLO.record.id, "one"), 1)])
    await store.ingest([later(Reaction(HELLO.record.id, "+1"), 3, author=BOB)])
    assert len(await kinds(store)) == before
    [row] = await store.history(lobby)
    assert (row.text, row.edited, row.reactions) == ("two", True, ())
    assert [version.text for version in await store.versions(row.id)] == ["hello", "one", "two"]


async def test_a_message_that_was_deleted_before_it_came_is_never_told(store: Store, lobby: int) -> None:
    await store.ingest([later(Delete(HELLO.record.id))])
    await store.ingest([HELLO])
    assert await kinds(store) == []
    [row] = await store.history(lobby)
    assert (row.deleted, row.text, await store.raws([row.id])) == (True, "", {})
    assert (await store.rooms())[0].unread == 0


async def test_history_from_before_is_not_told_either(store: Store, lobby: int) -> None:
    from msgspec.structs import replace

    edit = later(Edit(HELLO.record.id, "hello!"))
    await store.ingest([replace(new, notify=False) for new in (HELLO, edit)])
    assert await kinds(store) == []
    assert [row.text for row in await store.history(lobby)] == ["hello!"]


async def test_an_edit_that_is_taken_back_gives_the_text_before_it(store: Store, lobby: int) -> None:
    one, two = later(Edit(HELLO.record.id, "one"), 1), later(Edit(HELLO.record.id, "two"), 2)
    await store.ingest([HELLO, one, two, later(Delete(two.record.id), 3)])
    assert [row.text for row in await store.history(lobby)] == ["one"]
    await store.ingest([later(Delete(one.record.id), 4)])
    [row] = await store.history(lobby, search="hello")
    assert (row.text, row.edited) == ("hello", False)
    assert await kinds(store) == ["message", "edit", "edit", "edit", "edit"]
    assert not await store.history(lobby, search="two")


async def test_blocked_people_do_not_react(store: Store, lobby: int) -> None:
    await store.ingest([HELLO, later(Reaction(HELLO.record.id, "+1"), author=BOB)])
    await store.block(BOB, START_MS)
    await store.ingest([later(Reaction(HELLO.record.id, "meh"), 2, author=BOB)])
    assert await kinds(store) == ["message", "reaction"]
    assert (await store.message(HELLO.record.id)).reactions == ()
    await store.unblock(BOB)
    assert [one.symbol for one in (await store.message(HELLO.record.id)).reactions] == ["+1", "meh"]


async def test_reactions_are_counted_the_most_frequent_first(store: Store, lobby: int) -> None:
    said = [("b", ALICE), ("a", BOB), ("b", CAROL), ("c", ALICE)]
    await store.ingest([HELLO])
    await store.ingest(
        [
            later(Reaction(HELLO.record.id, symbol), n, author=author, own=author == CAROL, state=STORED)
            for n, (symbol, author) in enumerate(said, 1)
        ]
    )
    shown = (await store.history(lobby))[0].reactions
    assert [(one.symbol, one.count, one.mine) for one in shown] == [
        ("b", 2, True),
        ("a", 1, False),
        ("c", 1, False),
    ]
    assert await store.own_symbols(HELLO.record.id, lobby) == {"b": True}


async def test_changes_wait_in_quarantine_for_their_time(store: Store, lobby: int) -> None:
    early = [
        later(Edit(HELLO.record.id, "tomorrow"), 10**8, state=QUARANTINED),
        later(Reaction(HELLO.record.id, "+1"), 10**8, author=BOB, state=QUARANTINED),
        later(Profile("al"), 10**8, state=QUARANTINED),
        later("a message of tomorrow", 10**8, state=QUARANTINED),
    ]
    await store.ingest([HELLO, *early])
    [row] = await store.history(lobby)
    assert (row.text, row.reactions) == ("hello", ())
    await store.release_quarantined(FAR_MS)
    assert [row.text for row in await store.history(lobby)] == ["tomorrow", "a message of tomorrow"]
    assert sorted(await kinds(store)) == ["edit", "message", "message", "reaction"]
    assert (await store.profiles())[ALICE].nick == "al"


async def test_what_waits_in_quarantine_can_be_deleted(store: Store, lobby: int) -> None:
    edit = later(Edit(HELLO.record.id, "secret"), 10**8, state=QUARANTINED)
    message = later("secret too", 10**8, state=QUARANTINED)
    await store.ingest([HELLO, edit, message])
    await store.ingest([later(Delete(edit.record.id)), later(Delete(message.record.id), 2)])
    await store.release_quarantined(FAR_MS)
    rows = await store.history(lobby)
    assert [(row.text, row.deleted) for row in rows] == [("hello", False), ("", True)]
    assert await kinds(store) == ["message"]


async def test_what_was_not_sent_yet_is_never_sent_when_it_is_deleted(store: Store) -> None:
    dm = (await store.open_conversation(BOB, "p2pd/1/dm/abc", START_MS)).room_n
    topic = "p2pd/1/dm/abc"
    message = make(dm, "regret", own=True, state=QUEUED, topic=topic)
    await store.ingest([message])
    delete = make(dm, Delete(message.record.id), own=True, state=QUEUED, topic=topic, ts_ms=START_MS + 1)
    await store.ingest([delete])
    assert await store.outbox_pending(BOB) == [(delete.record.id, delete.record.raw)]
    assert (await store.history(dm))[0].deleted


async def test_a_reply_quotes_what_it_answers(store: Store, lobby: int) -> None:
    reply = later(Text("indeed", HELLO.record.id), author=BOB)
    await store.ingest([reply])
    [row] = await store.history(lobby)
    assert (row.reply_to, row.quote) == (HELLO.record.id, None)
    await store.ingest([HELLO, later(Edit(HELLO.record.id, "x" * 500), 2)])
    assert (await store.message(reply.record.id)).quote == QuoteRow(ALICE, "x" * 160, False)
    await store.ingest([later(Delete(HELLO.record.id), 3)])
    assert (await store.message(reply.record.id)).quote == QuoteRow(ALICE, "", True)


async def test_a_message_is_found_by_the_beginning_of_its_id(store: Store, lobby: int) -> None:
    batch = [make(lobby, f"m{n}", seqno=n) for n in range(50)]
    await store.ingest([*batch, later(Edit(batch[0].record.id, "edited"))])
    wanted = batch[7].record.id
    for digits in (64, 33, 8):
        assert await store.find_lines(wanted.hex()[:digits]) == [wanted]
    assert len(await store.find_lines("", limit=8)) == 8
    assert await store.find_lines("ffffffffff") == []
    with pytest.raises(NoSuchMessage):
        await store.versions(b"?" * 32)


async def test_a_record_that_is_gone_everywhere_is_shown_where_one_deleted_it(
    store: Store, lobby: int
) -> None:
    edit = later(Edit(HELLO.record.id, "hello!"))
    await store.ingest([later(Delete(HELLO.record.id, (edit.record.id,)), 2)])
    places = [(new.ts_ms, new.record.id) for new in (HELLO, edit)]
    nobody = (START_MS, b"?" * 32)
    assert await store.keep_deleted(lobby, [*places, nobody], START_MS) == places
    assert await store.keep_deleted(lobby, places, START_MS) == []
    [row] = await store.history(lobby)
    assert (row.id, row.author, row.deleted, row.text) == (HELLO.record.id, ALICE, True, "")
    heads, missing = await store.heads(lobby)
    assert missing == []
    assert {record_id for _, record_id in heads} >= {HELLO.record.id}


async def test_nobody_is_shown_as_the_author_when_several_deleted_it(store: Store, lobby: int) -> None:
    for author in (ALICE, BOB):
        await store.ingest([later(Delete(HELLO.record.id), author=author)])
    assert await store.keep_deleted(lobby, [(START_MS, HELLO.record.id)], START_MS)
    assert await store.history(lobby) == []


async def test_an_edited_action_stays_one(store: Store, lobby: int) -> None:
    wave = make(lobby, Action("waves"))
    await store.ingest([wave, later(Edit(wave.record.id, "bows"))])
    [row] = await store.history(lobby)
    assert (row.kind, row.text) == ("action", "bows")


async def test_a_dropped_body_leaves_no_word_in_the_index(store: Store, lobby: int) -> None:
    await store.ingest([HELLO, later(Edit(HELLO.record.id, "goodbye"))])
    assert await store.drop_body(HELLO.record.id)  # as expiry does it: no line any more
    assert await store.history(lobby) == []
    assert await store.history(lobby, search="goodbye") == []
