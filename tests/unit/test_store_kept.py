"""What a store node keeps: quotas, floors, deletions, mailboxes, and what goes when nobody asks for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from kept_rooms import ANN, BOB, EVE, NOW_MS, TAG, mail, room_record, sealed, signed
from p2pd_daemon.core.event import Delete
from p2pd_daemon.core.keeping import ROW_BYTES, KeptRecord
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.store_frames import mailbox_tag
from p2pd_daemon.core.sync_frames import sync_tag
from p2pd_daemon.errors import StoreError, StoreTooNew
from p2pd_daemon.store import kept, kept_mail
from p2pd_daemon.store.kept_store import open_kept
from p2pd_daemon.store.migrations import KEPT, STORE, migrate
from p2pd_daemon.store.sync import load_batch, load_places

DAY_MS = 86_400_000
MAILBOX = mailbox_tag(BOB.peer_id)


@pytest.fixture
def conn() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:", isolation_level=None)
    made.execute("PRAGMA foreign_keys = ON")
    migrate(made, Path("kept.db"), schema=KEPT)
    return made


def records(count: int, *, start: int = 0, key: SigningKey = ANN, topic: str = "") -> list[KeptRecord]:
    """One a millisecond."""
    topic = topic or "p2pd/1/lobby"
    return [
        room_record(signed(f"number {i}", NOW_MS + i, key=key, topic=topic), sync_tag(topic))
        for i in range(start, start + count)
    ]


def add(
    conn: sqlite3.Connection,
    batch: Sequence[KeptRecord],
    *,
    tag: bytes = TAG,
    peer: SigningKey = ANN,
    limits: Limits | None = None,
) -> kept.Added:
    return kept.add_records(conn, tag, peer.peer_id, batch, now_ms=NOW_MS, limits=limits or Limits())


def deposit(
    conn: sqlite3.Connection, one: KeptRecord, *, peer: SigningKey = ANN, limits: Limits | None = None
) -> str:
    return kept_mail.add_mail(conn, MAILBOX, peer.peer_id, one, now_ms=NOW_MS, limits=limits or Limits())


def check_sums(conn: sqlite3.Connection) -> None:
    """The sums that quotas are judged by are those of the rows."""
    for set_n, count, size in conn.execute("SELECT n, records, bytes FROM sets").fetchall():
        rows = conn.execute("SELECT count(*), total(size) FROM records WHERE room_n = ?", (set_n,)).fetchone()
        assert (count, size) == rows
    for peer_n, size in conn.execute("SELECT n, bytes FROM peers").fetchall():
        rows = conn.execute("SELECT total(size) FROM records WHERE from_n = ?", (peer_n,)).fetchone()
        assert (size,) == rows
    assert not conn.execute("PRAGMA foreign_key_check").fetchall()


def test_a_room_keeps_its_newest_records_and_says_from_when_on(conn: sqlite3.Connection) -> None:
    limits = Limits(store_room_records=100)
    batch = records(120)
    added = add(conn, batch, limits=limits)
    assert len(added.new) == 120
    room = kept.find_set(conn, kept.ROOM, TAG)
    assert room is not None
    assert added.cut == (room.n,)
    places = load_places(conn, room.n)
    assert [ts for ts, _ in places] == [one.ts_ms for one in batch[-90:]]
    assert room.floor_ts == batch[-90].ts_ms
    check_sums(conn)
    again = add(conn, batch[:30], limits=limits)
    assert not again.new
    assert again.left_out == {kept.BELOW_FLOOR: 30}


def test_a_room_s_bytes_are_bounded_too(conn: sqlite3.Connection) -> None:
    batch = records(100)
    limits = Limits(store_room_bytes=50 * batch[0].size)
    add(conn, batch, limits=limits)
    room = kept.find_set(conn, kept.ROOM, TAG)
    assert room is not None
    assert 40 * batch[0].size < room.bytes <= limits.store_room_bytes
    assert room.floor_ts == load_places(conn, room.n)[0][0]
    check_sums(conn)


def test_records_of_one_time_go_together(conn: sqlite3.Connection) -> None:
    batch = [room_record(signed(f"number {i}", NOW_MS, seqno=i)) for i in range(20)]
    add(conn, batch, limits=Limits(store_room_records=10))
    room = kept.find_set(conn, kept.ROOM, TAG)
    assert room is not None
    assert (room.records, room.floor_ts) == (0, NOW_MS + 1)


def test_what_a_peer_brings_is_bounded_and_the_others_go_on(conn: sqlite3.Connection) -> None:
    batch = records(20, start=100)
    limits = Limits(store_peer_bytes=sum(one.size for one in batch[:10]), record_bytes=batch[0].size)
    added = add(conn, batch, limits=limits)
    assert len(added.new) == 10
    assert added.left_out == {kept.OVER_PEER: 10}
    assert "over quota" in kept.refusal(conn, ANN.peer_id, new_room=False, limits=limits)
    assert not kept.refusal(conn, BOB.peer_id, new_room=True, limits=limits)
    assert len(add(conn, batch, peer=BOB, limits=limits).new) == 10
    check_sums(conn)


def test_rooms_are_counted_by_peer_and_in_all(conn: sqlite3.Connection) -> None:
    limits = Limits(store_peer_rooms=2, store_rooms=3)
    for n, key in enumerate((ANN, ANN, BOB)):
        topic = f"p2pd/1/{n}"
        assert not kept.refusal(conn, key.peer_id, new_room=True, limits=limits)
        add(conn, records(1, topic=topic), tag=sync_tag(topic), peer=key, limits=limits)
    assert "2 rooms that you brought" in kept.refusal(conn, ANN.peer_id, new_room=True, limits=limits)
    assert "3 rooms are kept" in kept.refusal(conn, BOB.peer_id, new_room=True, limits=limits)
    assert not kept.refusal(conn, EVE.peer_id, new_room=False, limits=limits)
    assert add(conn, records(3), peer=BOB, limits=limits).left_out == {kept.OVER_PEER: 3}
    assert kept.find_set(conn, kept.ROOM, TAG) is None


def test_when_all_is_full_the_largest_room_gives_way(conn: sqlite3.Connection) -> None:
    add(conn, records(10))
    large = sync_tag("p2pd/1/large")
    batch = records(50, topic="p2pd/1/large")
    limits = Limits(store_bytes=40 * batch[0].size)
    added = add(conn, batch, tag=large, peer=EVE, limits=limits)
    room = kept.find_set(conn, kept.ROOM, large)
    assert room is not None
    assert set(added.cut) == {room.n}
    assert kept.totals(conn).bytes <= limits.store_bytes
    small = kept.find_set(conn, kept.ROOM, TAG)
    assert small is not None
    assert small.records == 10
    check_sums(conn)


@pytest.mark.parametrize("delete_first", [True, False])
def test_a_delete_takes_the_bytes_of_its_author_s_record_only(
    conn: sqlite3.Connection, delete_first: bool
) -> None:
    target, other = records(1)[0], records(1, start=1, key=BOB)[0]
    deletes = [
        room_record(signed(Delete(target.id), NOW_MS + 5)),
        room_record(signed(Delete(other.id), NOW_MS + 6)),
    ]
    for part in (deletes, [target, other]) if delete_first else ([target, other], deletes):
        add(conn, part)
    room = kept.find_set(conn, kept.ROOM, TAG)
    assert room is not None
    found = load_batch(conn, room.n, [target.id, other.id])
    assert found.gone == ((target.ts_ms, target.id),)
    assert found.raws == (other.raw,)
    assert not conn.execute("SELECT 1 FROM records WHERE raw = ?", (target.raw,)).fetchone()
    check_sums(conn)


def test_mail_waits_in_order_and_goes_when_it_is_fetched(conn: sqlite3.Connection) -> None:
    letters = [mail(sealed(f"letter {i}", NOW_MS + i, seqno=i + 1)) for i in range(5)]
    for one in reversed(letters):
        assert not deposit(conn, one)
        assert not deposit(conn, one), "a second time is as good as the first"
    first, more = kept_mail.mail_after(conn, MAILBOX, None, len(letters[0].raw) + 1)
    assert (first, more) == ([letters[0].raw], True)
    after = (letters[0].ts_ms, letters[0].id)
    rest, more = kept_mail.mail_after(conn, MAILBOX, after, 1_000_000)
    assert (rest, more) == ([one.raw for one in letters[1:]], False)
    kept_mail.drop_mail(conn, MAILBOX, [one.id for one in letters[:4]])
    assert kept_mail.mail_after(conn, MAILBOX, None, 1_000_000) == ([letters[4].raw], False)
    check_sums(conn)
    kept_mail.drop_mail(conn, MAILBOX, [letters[4].id])
    assert kept.find_set(conn, kept.MAILBOX, MAILBOX) is None
    assert kept.totals(conn).mailboxes == 0


def test_a_full_mailbox_refuses_and_keeps_what_waits(conn: sqlite3.Connection) -> None:
    letters = [mail(sealed(f"letter {i}", NOW_MS + i, seqno=i + 1)) for i in range(4)]
    by_sender = Limits(store_sender_records=2)
    assert [bool(deposit(conn, one, limits=by_sender)) for one in letters[:3]] == [False, False, True]
    eve = mail(sealed("from eve", NOW_MS, key=EVE))
    assert not deposit(conn, eve, peer=EVE, limits=by_sender), "another sender has a quota of its own"
    full = Limits(store_mailbox_bytes=3 * (len(letters[0].raw) + ROW_BYTES) + 50)
    assert "full" in deposit(conn, letters[3], peer=BOB, limits=full)
    assert "full" in deposit(conn, letters[3], peer=BOB, limits=Limits(store_bytes=1000))
    assert len(kept_mail.mail_after(conn, MAILBOX, None, 1_000_000)[0]) == 3
    check_sums(conn)


def test_what_nobody_asks_for_goes(conn: sqlite3.Connection) -> None:
    add(conn, records(3))
    add(conn, records(1, topic="p2pd/1/other"), tag=sync_tag("p2pd/1/other"))
    deposit(conn, mail(sealed("letter", NOW_MS)))
    old = kept.find_set(conn, kept.ROOM, TAG)
    other = kept.find_set(conn, kept.ROOM, sync_tag("p2pd/1/other"))
    assert old is not None
    assert other is not None
    kept.touch_set(conn, other.n, NOW_MS + 20 * DAY_MS)
    assert not kept.expire(conn, NOW_MS)
    assert kept.expire(conn, NOW_MS + 1) == [old.n]
    assert kept.totals(conn) == replace(kept.totals(conn), rooms=1, mailboxes=0, records=1)
    check_sums(conn)
    assert kept.expire(conn, NOW_MS + 21 * DAY_MS) == [other.n]
    assert kept.totals(conn).bytes == 0
    assert not conn.execute("SELECT * FROM peers").fetchall()


@pytest.mark.slow
async def test_the_file_is_its_own_kind_and_outlives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite3"
    async with open_kept(path) as store:
        await store.add_records(TAG, ANN.peer_id, records(3), now_ms=NOW_MS, limits=Limits())
        one = mail(sealed("letter", NOW_MS))
        await store.add_mail(MAILBOX, ANN.peer_id, one, now_ms=NOW_MS, limits=Limits())
        before = await store.totals()
    async with open_kept(path) as store:
        assert await store.totals() == before
        assert (before.rooms, before.mailboxes, before.records) == (1, 1, 4)
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(StoreTooNew):
        async with open_kept(path):
            pass
    history = sqlite3.connect(tmp_path / "store.sqlite3", isolation_level=None)
    migrate(history, path, schema=STORE)
    history.close()
    with pytest.raises(StoreError, match="another program"):
        async with open_kept(tmp_path / "store.sqlite3"):
            pass
