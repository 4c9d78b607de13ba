"""The keeper with real sessions: what it takes, what it refuses, and that nobody compares with it for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kept_rooms import ANN, BOB, EVE, NOW_MS, TAG, Client, open_pipe, sealed, signed
from p2pd_daemon.core.event import Delete
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.record import Record, decode_record
from p2pd_daemon.core.store_frames import (
    About,
    AskAbout,
    Deposit,
    Deposited,
    Drop,
    Dropped,
    Fetch,
    Kept,
    Mail,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
    mailbox_tag,
)
from p2pd_daemon.core.sync_frames import Done, Hello, Records
from p2pd_daemon.errors import RemoteProtocolError
from p2pd_daemon.keeper.keeper import Keeper, open_keeper

pytestmark = pytest.mark.slow

MAILBOX = mailbox_tag(BOB.peer_id)


@asynccontextmanager
async def opened(folder: Path, limits: Limits | None = None) -> AsyncIterator[Keeper]:
    async with open_keeper(folder / "kept.sqlite3", limits or Limits(), lambda: NOW_MS) as keeper:
        yield keeper


def said(count: int, *, start: int = 0) -> list[bytes]:
    """A second apart, all of them in the past."""
    return [signed(f"number {i}", NOW_MS - 1_000_000_000 + i * 1000) for i in range(start, start + count)]


async def test_two_who_never_meet_have_the_same_room(tmp_path: Path) -> None:
    ann, bob = Client(ANN, said(30)), Client(BOB, said(20, start=20))
    async with opened(tmp_path) as keeper:
        assert (await ann.compare(keeper)).gave == 30
        result = await bob.compare(keeper)
        assert (result.got, result.gave) == (20, 10)
    async with opened(tmp_path) as keeper:  # all of it is on disk
        assert (await ann.compare(keeper)).got == 10
        assert ann.raws == bob.raws
        for one in (ann, bob):
            result = await one.compare(keeper)
            assert (result.got, result.gave, result.complete) == (0, 0, True)
        totals = await keeper.totals()
        assert (totals.rooms, totals.records) == (1, 40)


async def test_a_far_newcomer_pulls_pages(tmp_path: Path) -> None:
    ann, bob = Client(ANN, said(1500)), Client(BOB)
    async with opened(tmp_path) as keeper:
        assert (await ann.compare(keeper)).complete
        assert (await bob.compare(keeper)).got == 1500
        assert bob.raws == ann.raws


async def test_who_asks_for_an_unknown_room_and_has_nothing_makes_none(tmp_path: Path) -> None:
    async with opened(tmp_path) as keeper:
        result = await Client(EVE).compare(keeper)
        assert (result.got, result.refused) == (0, "")
        assert (await keeper.totals()).rooms == 0


async def test_quotas_refuse_with_a_reason(tmp_path: Path) -> None:
    limits = Limits(store_peer_rooms=1, store_peer_bytes=17_500)
    async with opened(tmp_path, limits) as keeper:
        ann = Client(ANN, said(5))
        assert (await ann.compare(keeper)).complete
        assert (await ann.compare(keeper)).complete, "there is nothing more to bring"
        result = await Client(ANN, said(6)).compare(keeper)
        assert "over quota" in result.refused
        assert keeper.dropped["kept_refused"] == 1
        bob = Client(BOB)
        assert (await bob.compare(keeper)).got == 5, "reading is never refused"
        assert (await Client(ANN).compare(keeper)).got == 5


async def test_what_is_damaged_is_left_out_and_many_of_it_end_the_session(tmp_path: Path) -> None:
    good = decode_record(said(1)[0])
    forged = Record(good.author, good.seqno + 1, good.topic, good.data, good.signature, good.key).raw
    elsewhere = signed("elsewhere", NOW_MS, topic="p2pd/1/elsewhere")
    async with opened(tmp_path) as keeper:
        for number, raw in enumerate((forged, elsewhere, b"\x08\x01"), 1):
            await give(keeper, [raw, said(number)[-1]])
            assert keeper.dropped["bad_record"] == number
            assert (await keeper.totals()).records == number
        with pytest.raises(RemoteProtocolError, match="damaged"):
            await give(keeper, [b"\x08\x01"] * 17)
        assert (await keeper.totals()).records == 3


async def give(keeper: Keeper, raws: Sequence[bytes]) -> None:
    """A session that only gives."""
    mine, theirs = open_pipe(EVE.peer_id, PeerId("keeper"))
    await mine.send(Hello(TAG, 0, len(raws), NOW_MS, NOW_MS))
    await mine.send(Records(()))  # the page that it asks for, as it is far behind
    await mine.send(Records(tuple(raws)))
    await mine.send(Done())
    await keeper.on_sync(theirs)


async def test_the_future_does_not_push_out_the_present(tmp_path: Path) -> None:
    limits = Limits(store_room_records=10)
    async with opened(tmp_path, limits) as keeper:
        await Client(ANN, said(5)).compare(keeper)
        future = [signed("later", NOW_MS + 86_400_000 + i, key=EVE) for i in range(20)]
        await Client(EVE, future).compare(keeper)
        bob = Client(BOB)
        assert (await bob.compare(keeper)).got == 5
        assert keeper.dropped["kept_not_due"] == 20


async def test_a_deleted_text_is_not_kept_and_its_place_is(tmp_path: Path) -> None:
    first = said(3)
    target = decode_record(first[0])
    ann = Client(ANN, [*first, signed(Delete(target.id), NOW_MS)])
    async with opened(tmp_path) as keeper:
        await ann.compare(keeper)
        bob = Client(BOB)
        await bob.compare(keeper)
        assert target.id not in bob.raws
        assert len(bob.raws) == 3
        assert [record_id for _, record_id in bob.gone] == [target.id]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    mine=st.sets(st.integers(0, 80), max_size=60),
    theirs=st.sets(st.integers(0, 80), max_size=60),
    quota=st.integers(1, 60),
    floors=st.tuples(st.integers(0, 40), st.integers(0, 40)),
)
async def test_a_quota_never_makes_endless_work(
    tmp_path_factory: pytest.TempPathFactory,
    mine: set[int],
    theirs: set[int],
    quota: int,
    floors: tuple[int, int],
) -> None:
    """However small a room's quota: after a few sessions a further one moves nothing, and no floor sinks."""
    all_said = said(81)
    first_ts = NOW_MS - 1_000_000_000
    clients = [
        Client(key, [all_said[i] for i in sorted(has) if i >= floor], floor_ts=first_ts + floor * 1000)
        for key, has, floor in zip((ANN, BOB), (mine, theirs), floors, strict=True)
    ]
    async with opened(tmp_path_factory.mktemp("kept"), Limits(store_room_records=quota)) as keeper:
        floor_ts = 0
        for _ in range(3):
            for client in clients:
                await client.compare(keeper)
                room = await keeper._store.find_room(TAG)
                if room is not None:
                    assert room.records <= quota
                    assert room.floor_ts >= floor_ts
                    floor_ts = room.floor_ts
        for client in clients:
            result = await client.compare(keeper)
            assert (result.got, result.gave, result.complete) == (0, 0, True)


async def test_only_its_owner_sees_a_mailbox(tmp_path: Path) -> None:
    letters = tuple(sealed(f"letter {i}", NOW_MS + i, seqno=i + 1) for i in range(3))
    ids = tuple(decode_record(raw).id for raw in letters)
    async with opened(tmp_path) as keeper:
        answer = await keeper.on_request(Deposit(MAILBOX, letters), ANN.peer_id)
        assert answer == Deposited((Kept.KEPT,) * 3)
        for other in (ANN, EVE):
            assert await keeper.on_request(Fetch(), other.peer_id) == Mail(())
            assert await keeper.on_request(Drop(ids), other.peer_id) == Dropped()
            # The mailbox's name is no room's: nothing is to be had by reconciliation.
            assert (await Client(other).compare(keeper, MAILBOX)).got == 0
        assert await keeper.on_request(Fetch(), BOB.peer_id) == Mail(letters)
        assert await keeper.on_request(Deposit(MAILBOX, letters[:1]), EVE.peer_id) == Deposited((Kept.KEPT,))
        await keeper.on_request(Drop(ids), BOB.peer_id)
        assert await keeper.on_request(Fetch(), BOB.peer_id) == Mail(())


async def test_a_mailbox_takes_nothing_but_sealed_letters(tmp_path: Path) -> None:
    good = decode_record(sealed("letter", NOW_MS))
    forged = Record(good.author, good.seqno + 1, good.topic, good.data, good.signature, good.key).raw
    in_clear = signed("not sealed", NOW_MS, topic=good.topic)
    raws = (good.raw, forged, in_clear, said(1)[0], b"nonsense")
    async with opened(tmp_path) as keeper:
        answer = await keeper.on_request(Deposit(MAILBOX, raws), ANN.peer_id)
        assert isinstance(answer, Deposited)
        assert answer.status == (Kept.KEPT, *[Kept.NOT_ONE_TO_KEEP] * 4)
        assert answer.reason
        assert await keeper.on_request(Fetch(), BOB.peer_id) == Mail((good.raw,))
        limits = await keeper.on_request(AskAbout(), EVE.peer_id)
        assert limits == About.of(Limits())


def test_frames_come_back_as_they_went() -> None:
    frames = (
        AskAbout(),
        Deposit(MAILBOX, (b"one", b"two")),
        Fetch(),
        Fetch((NOW_MS, b"x" * 32)),
        Drop((b"x" * 32,)),
    )
    for request in frames:
        assert decode_request(encode_request(request)) == request
    for response in (
        About.of(Limits()),
        Deposited((Kept.KEPT, Kept.OVER_QUOTA), "full"),
        Mail((b"a",), True),
        Dropped(),
    ):
        assert decode_response(encode_response(response)) == response


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_the_peer_s_fault(raw: bytes) -> None:
    for decode in (decode_request, decode_response):
        try:
            decode(raw)
        except RemoteProtocolError:
            continue
