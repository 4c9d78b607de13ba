"""Own messages and their fate, people, single values."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from p2pd_daemon.core.event import Profile
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.store import Store, open_store
from p2pd_daemon.store.people import KNOWN_ADDRS, KNOWN_PEERS
from p2pd_daemon.store.rows import DELIVERED, QUEUED, REFUSED, SENT, STORED, KnownPeer, OutboxCounts
from store_records import ALICE, BOB, CAROL, START_MS, TOPIC, make, make_nick

DM = "p2pd/1/dm/abc"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    with trio.fail_after(20):
        async with open_store(tmp_path / "store.db") as opened:
            yield opened


@pytest.fixture
async def lobby(store: Store) -> int:
    return (await store.add_room("lobby", TOPIC, START_MS)).room_n


@pytest.fixture
async def dm(store: Store) -> int:
    return (await store.open_conversation(BOB, DM, START_MS)).room_n


async def test_the_last_seqno_is_stored_with_the_own_record(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with open_store(tmp_path / "store.db") as store:
            assert await store.last_seqno() == 0
            lobby = (await store.add_room("lobby", TOPIC, START_MS)).room_n
            huge = 2**64 - 1
            await store.ingest([make(lobby, "theirs", seqno=huge, author=BOB)])
            assert await store.last_seqno() == 0
            await store.ingest([make(lobby, f"{n}", seqno=n, own=True, state=STORED) for n in (5, 7, 6)])
            await store.ingest([make(lobby, "4", seqno=4, own=True, state=STORED)])
            assert await store.last_seqno() == 7
            await store.ingest([make(lobby, "last", seqno=huge, own=True, state=STORED)])
        async with open_store(tmp_path / "store.db") as store:
            assert await store.last_seqno() == huge


async def test_single_values(store: Store) -> None:
    assert await store.get_meta("nick") is None
    await store.set_meta("nick", "änn")
    await store.set_meta("nick", "anna")
    assert await store.get_meta("nick") == "anna"


async def test_own_room_records_are_unsent_until_they_are_sent(store: Store, lobby: int) -> None:
    batch = [make(lobby, f"m{n}", seqno=n, own=True, state=STORED) for n in (3, 1, 2)]
    await store.ingest([*batch, make(lobby, "theirs", author=BOB)])
    ids = [new.record.id for new in batch]
    assert await store.own_unsent(lobby) == [(new.record.id, new.record.raw) for new in batch]
    assert await store.set_state([ids[0], bytes(32)], SENT, now_ms=START_MS, sent_to=4) == [ids[0]]
    assert await store.set_state([ids[0]], SENT, now_ms=START_MS, sent_to=4) == []
    assert [record_id for record_id, _ in await store.own_unsent(lobby, limit=1)] == [ids[1]]
    row = await store.message(ids[0])
    assert (row.state, row.sent_to, row.own) == (SENT, 4, True)
    [event] = await store.events_after(4)
    assert (event.kind, event.data) == (
        "delivery",
        {"id": ids[0].hex(), "room": "lobby", "peer": None, "state": SENT, "reason": "", "sent_to": 4},
    )


async def test_other_peoples_records_have_no_fate(store: Store, lobby: int) -> None:
    theirs = make(lobby, "theirs", author=BOB)
    await store.ingest([theirs])
    assert await store.set_state([theirs.record.id], DELIVERED, now_ms=START_MS) == []
    assert (await store.message(theirs.record.id)).state == "received"


async def test_the_outbox_keeps_direct_messages_in_order_until_they_are_acknowledged(
    store: Store, dm: int
) -> None:
    batch = [make(dm, f"m{n}", seqno=n, own=True, state=QUEUED, topic=DM) for n in (3, 1, 2)]
    a, b, c = (new.record.id for new in batch)
    await store.ingest([*batch, make(dm, "theirs", author=BOB, topic=DM)])
    assert await store.outbox_pending(BOB) == [(new.record.id, new.record.raw) for new in batch]
    assert await store.outbox_peers() == [BOB]
    assert await store.outbox_counts() == await store.outbox_counts(BOB) == OutboxCounts(queued=3, sent=0)
    assert await store.outbox_counts(CAROL) == OutboxCounts(queued=0, sent=0)

    await store.set_state([a, b], SENT, now_ms=START_MS, sent_to=1)
    assert await store.outbox_counts() == OutboxCounts(queued=1, sent=2)
    await store.set_state([a], DELIVERED, now_ms=START_MS)
    await store.set_state([b], REFUSED, now_ms=START_MS, reason="blocked")
    assert [record_id for record_id, _ in await store.outbox_pending(BOB)] == [c]
    row = await store.message(b)
    assert (row.state, row.reason) == (REFUSED, "blocked")

    assert await store.set_state([a], SENT, now_ms=START_MS) == []  # the note came after the acknowledgement
    await store.set_state([b], QUEUED, now_ms=START_MS)  # to be tried again
    assert [record_id for record_id, _ in await store.outbox_pending(BOB)] == [b, c]
    await store.set_state([b, c], DELIVERED, now_ms=START_MS)
    assert await store.outbox_peers() == []
    assert {row.state for row in await store.history(dm) if row.own} == {DELIVERED}


async def test_the_newest_profile_counts_whatever_the_order(store: Store, lobby: int) -> None:
    nicks = [make_nick(lobby, f"nick {n}", ts_ms=START_MS + n) for n in range(3)]
    await store.ingest([nicks[1]])
    await store.ingest([nicks[2], nicks[0]])
    assert {peer: row.nick for peer, row in (await store.profiles()).items()} == {ALICE: "nick 2"}
    assert (await store.profiles([ALICE, BOB]))[ALICE].raw == nicks[2].record.raw
    assert await store.profiles([BOB]) == {}
    events = [event.data for event in await store.events_after(0)]
    assert [event["nick"] for event in events] == ["nick 1", "nick 2"]
    assert events[0] == {"peer_id": ALICE, "nick": "nick 1", "status": ""}


async def test_saying_the_same_in_another_room_is_no_news(store: Store, lobby: int) -> None:
    other = (await store.add_room("other", "p2pd/1/other", START_MS)).room_n
    first = make_nick(lobby, "al")
    again = make(other, Profile("al"), ts_ms=START_MS + 1, topic="p2pd/1/other")
    await store.ingest([first])
    await store.ingest([again])
    assert len(await store.events_after(0)) == 1
    assert await store.latest_profile_raw(ALICE, lobby) == first.record.raw
    assert await store.latest_profile_raw(ALICE, other) == again.record.raw
    assert await store.latest_profile_raw(BOB, lobby) is None


async def test_contacts_and_blocks(store: Store) -> None:
    await store.set_petname(BOB, "bobby", START_MS)
    await store.set_petname(BOB, "Bob from work", START_MS)
    await store.set_petname(CAROL, "Car", START_MS)
    assert await store.contacts() == {BOB: "Bob from work", CAROL: "Car"}
    assert await store.remove_contact(CAROL)
    assert not await store.remove_contact(CAROL)
    assert await store.block(BOB, START_MS)
    assert not await store.block(BOB, START_MS)
    assert await store.blocked() == {BOB}
    assert await store.unblock(BOB)
    assert not await store.unblock(BOB)


async def test_known_peers_keep_their_newest_addresses(store: Store) -> None:
    await store.remember_peer(BOB, ["/ip4/1.1.1.1/tcp/1", "/ip4/1.1.1.1/tcp/2"], START_MS, "mdns")
    await store.remember_peer(CAROL, [], START_MS + 1, "rendezvous")
    await store.remember_peer(BOB, ["/ip4/1.1.1.1/tcp/2", "/ip4/1.1.1.1/tcp/3"], START_MS + 2, "connected")
    bob, carol = await store.peers_known()
    addrs = ("/ip4/1.1.1.1/tcp/2", "/ip4/1.1.1.1/tcp/3", "/ip4/1.1.1.1/tcp/1")
    assert bob == KnownPeer(BOB, addrs, START_MS + 2, "connected")
    assert carol.peer == CAROL
    assert [known.peer for known in await store.peers_known(limit=1)] == [BOB]
    await store.remember_peer(BOB, [f"/ip4/1.1.1.1/udp/{n}" for n in range(50)], START_MS + 3, "connected")
    assert len((await store.peers_known())[0].addrs) == KNOWN_ADDRS
    await store.forget_peer(BOB)
    assert [known.peer for known in await store.peers_known()] == [CAROL]


@pytest.mark.slow
async def test_the_longest_unseen_peers_are_forgotten(store: Store) -> None:
    async with trio.open_nursery() as nursery:
        for n in range(KNOWN_PEERS + 5):
            nursery.start_soon(store.remember_peer, PeerId(f"peer {n}"), [], START_MS + n, "rendezvous")
    known = await store.peers_known(limit=10_000)
    assert len(known) == KNOWN_PEERS
    assert known[0].last_seen_ms == START_MS + KNOWN_PEERS + 4
