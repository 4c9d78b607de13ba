"""Sessions of /p2pd/sync/1.0.0 between real hosts on loopback, with real records and real stores.

Policy: loopback and port 0 only, every test under `fail_after`. Streams are cut and bent between the frames and the
stream itself: the bytes that a session writes are counted, and from the N-th on they are lost or changed.
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio
from net.support import open_node, until
from net.sync_nodes import ROOM, Faults, open_pair
from p2pd_daemon.core.room import open_room_topic
from p2pd_daemon.core.sync_frames import BUSY, Done, Hello, PageRequest, Refusal, sync_tag
from p2pd_daemon.errors import NetworkError
from p2pd_daemon.net import sync as net_sync
from p2pd_daemon.net.sync import SyncChannel

pytestmark = pytest.mark.slow


async def test_a_session_over_a_stream_makes_both_equal(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with open_pair(tmp_path) as (ann, bob):
            await ann.say(40)
            await bob.say(30)
            told = await ann.sync(bob)
            assert told is not None
            assert (told["got"], told["gave"], told["complete"]) == (30, 40, True)
            assert await ann.places() == await bob.places()
            assert len(await ann.places()) == 70


async def test_equal_sides_spend_less_than_a_kilobyte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels: list[SyncChannel] = []

    class Kept(SyncChannel):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)  # type: ignore[arg-type]  # as it was called
            channels.append(self)

    with trio.fail_after(60):
        async with open_pair(tmp_path) as (ann, bob):
            await ann.say(300)
            await ann.sync(bob)
            monkeypatch.setattr(net_sync, "SyncChannel", Kept)
            assert await ann.sync(bob) is None
            assert len(channels) == 2
            for channel in channels:
                assert 0 < channel.bytes_in + channel.bytes_out < 1000


@pytest.mark.parametrize("reader", ["ann", "bob"])
async def test_a_stream_that_ends_at_any_byte_leaves_both_sound(
    tmp_path: Path, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    struck = 0
    with trio.fail_after(60):
        async with open_pair(tmp_path) as (ann, bob):
            for cut_at in (*range(0, 300, 23), *range(300, 6000, 431)):
                await ann.say(10)
                await bob.say(10)
                whole = await ann.places() | await bob.places()
                faults = Faults(ann if reader == "ann" else bob, cut_at=cut_at)
                with faults.bend(monkeypatch):
                    await ann.sync(bob)
                struck += faults.struck
                for each in (ann, bob):
                    await each.check_sound(whole)
                await ann.sync(bob)
                assert await ann.places() == await bob.places() == whole
    assert struck > 15


async def test_changed_bytes_are_an_error_that_names_it_and_nothing_else_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    struck = 0
    with trio.fail_after(60), caplog.at_level(logging.DEBUG, "p2pd_daemon"):
        async with open_pair(tmp_path) as (ann, bob):
            for flip_at in range(3, 3600, 113):
                await ann.say(6)
                await bob.say(6)
                whole = await ann.places() | await bob.places()
                faults = Faults(bob, flip_at=flip_at)
                caplog.clear()
                with faults.bend(monkeypatch), monkeypatch.context() as shorter:
                    shorter.setattr(
                        net_sync, "STEP_S", 0.5
                    )  # a changed length makes them wait for each other
                    told = await ann.sync(bob)
                for each in (ann, bob):
                    await each.check_sound(whole)
                if faults.struck:
                    struck += 1
                    said = [
                        one.message
                        for one in caplog.records
                        if "sync" in one.message or "catching" in one.message
                    ]
                    assert said or (told and told["complete"]), flip_at
                await ann.sync(bob)
                assert await ann.places() == await bob.places() == whole
    assert struck > 10


async def test_a_third_stream_of_one_peer_is_refused(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with open_pair(tmp_path) as (ann, bob), AsyncExitStack() as stack:
            channels = [await stack.enter_async_context(ann.stream(bob)) for _ in range(3)]
            refused = await channels[2].receive()
            assert isinstance(refused, Refusal)
            assert refused.reason == BUSY


async def test_a_second_session_about_one_room_is_refused_while_the_first_goes_on(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with open_pair(tmp_path) as (ann, bob), ann.stream(bob) as first:
            await first.send(hello())
            assert isinstance(await first.receive(), Hello)
            async with ann.stream(bob) as second:
                await second.send(hello())
                refused = await second.receive()
                assert isinstance(refused, Refusal)
                assert refused.reason == BUSY
            await first.send(Done())
            assert isinstance(await first.receive(), Done)
            await until(lambda: not bob.reconciler.active)
            await ann.say(1)
            assert await ann.sync(bob)


async def test_who_says_nothing_is_dropped_after_the_time_for_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(net_sync, "STEP_S", 2)
    with trio.fail_after(60):
        async with open_pair(tmp_path) as (ann, bob), ann.stream(bob) as channel:
            await channel.send(hello())
            assert isinstance(await channel.receive(), Hello)
            with pytest.raises(NetworkError):
                await channel.receive()
            await until(lambda: not bob.reconciler.active)


async def test_a_frame_out_of_place_is_answered_with_why(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with open_pair(tmp_path) as (ann, bob), ann.stream(bob) as channel:
            await channel.send(PageRequest())
            refused = await channel.receive()
            assert isinstance(refused, Refusal)
            assert "PageRequest" in refused.text
            await until(lambda: bob.node.network.dropped["sync protocol"] == 1)


async def test_a_frame_above_the_limit_is_not_read(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with open_pair(tmp_path) as (ann, bob), ann.stream(bob) as channel:
            await channel._stream.write(b"\xff\xff\xff\x7f")  # 256 MiB follow
            refused = await channel.receive()
            assert isinstance(refused, Refusal)


async def test_a_peer_that_does_not_speak_it_is_no_fault(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with open_pair(tmp_path) as (ann, _), open_node() as mute:
            mute.opened.host.get_mux().handlers.pop(net_sync.PROTOCOL_ID)
            await ann.node.network.connect(mute.addr)
            with pytest.raises(NetworkError):
                await ann.stream_to(mute.peer_id)


def hello() -> Hello:
    return Hello(sync_tag(open_room_topic(ROOM)), 0, 0, 0, 1_800_000_000_000)
