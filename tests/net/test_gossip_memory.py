"""What gossip remembers is bounded, and is there for as long as it is needed; under a clock that jumps."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from p2pd_daemon.net import gossip_memory
from p2pd_daemon.net.gossip_memory import HISTORY, SEEN_S, WINDOW, AskedOnce, RecentRecords, SeenIds


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


async def test_an_id_is_remembered_long_enough_and_not_for_ever() -> None:
    seen = SeenIds()
    await trio.sleep(SEEN_S / 2)
    seen.add(b"early")
    for second in range(3 * int(SEEN_S)):
        assert seen.has(b"early") or second >= SEEN_S
        seen.add(b"%d" % second)
        await trio.sleep(1)
    assert not seen.has(b"early")
    assert not seen.has(b"0")


async def test_ids_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gossip_memory, "SEEN_MOST", 100)
    seen = SeenIds()
    for number in range(1000):
        seen.add(b"%d" % number)
        assert sum(seen.has(b"%d" % other) for other in range(1000)) <= 100
    assert all(seen.has(b"%d" % number) for number in range(950, 1000))


def test_ids_that_say_nothing_are_asked_for_once_of_each_peer_and_some_heartbeats_later_again() -> None:
    asked = AskedOnce()
    ours = b"\x00\x24\x08\x01\x12\x20" + bytes(40)
    for _ in range(HISTORY):
        assert asked.may_ask(b"rust", ours)
        assert asked.may_ask(b"rust", b"a hash") is asked.may_ask(b"js", b"a hash") is (_ == 0)
        asked.shift()
    assert asked.may_ask(b"rust", b"a hash")


def test_records_are_told_of_for_three_heartbeats_and_kept_for_five() -> None:
    recent = RecentRecords()
    recent.put(b"id", "room", b"record")
    recent.put(b"other", "elsewhere", b"another")
    for beat in range(HISTORY + 1):
        assert recent.window("room") == ([b"id"] if beat < WINDOW else [])
        assert list(recent.recent("room")) == ([b"record"] if beat < WINDOW else [])
        assert recent.get(b"id") == (b"record" if beat < HISTORY else None)
        recent.shift()


def test_records_come_in_the_order_in_which_they_were_put_and_once() -> None:
    recent = RecentRecords()
    for number in range(6):
        recent.put(b"%d" % number, "room", b"record %d" % number)
        if number % 2:
            recent.shift()
    recent.put(b"5", "room", b"record 5")  # published again
    assert list(recent.recent("room")) == [b"record 2", b"record 3", b"record 4", b"record 5"]


def test_records_are_bounded_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gossip_memory, "RECENT_BYTES", 1000)
    recent = RecentRecords()
    for number in range(100):
        recent.put(b"%d" % number, "room", bytes(99))
        if number % 7 == 0:
            recent.shift()
        assert sum(len(raw) for slot in recent.history for _, raw in slot.values()) <= 1000
    assert [recent.get(b"%d" % number) is not None for number in range(88, 100)] == [False] * 2 + [True] * 10
    for _ in range(HISTORY):
        recent.shift()
    assert recent._held == 0
