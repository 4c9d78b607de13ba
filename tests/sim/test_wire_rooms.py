"""Rooms whose records carry no time: the set ends the same everywhere, the order need not, and stays what it was."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from p2pd_daemon.core.arrival import ArrivalOrder
from p2pd_daemon.core.sync import Batch, Effect, LoadPage, Place, Take, Taken
from p2pd_daemon.core.sync_frames import BATCH_BYTES
from sync_sides import NOW_MS, Link, Peer, place_of, raw_of

MESSAGES = 300
STEPS = 40


@dataclass
class Member(Peer):
    """Notes for each record when it first had it, as the daemon's timeline does, and tells others."""

    seen: dict[bytes, int] = field(default_factory=dict)
    arrivals: ArrivalOrder = field(default_factory=ArrivalOrder)

    def hear(self, raw: bytes, now_ms: int, told_ms: int = 0) -> None:
        record_id = place_of(raw)[1]
        if record_id not in self.raws:
            self.keep(raw)
            self.note(record_id, now_ms, told_ms)

    def note(self, record_id: bytes, now_ms: int, told_ms: int) -> None:
        self.seen[record_id] = self.arrivals.place(now_ms, told_ms)

    @property
    def order(self) -> list[bytes]:
        return sorted(self.seen, key=lambda one: (self.seen[one], one))

    def do(self, effect: Effect) -> object:
        if isinstance(effect, Take):
            return self._take_seen(effect)
        found = super().do(effect)
        if not isinstance(found, Batch):
            return found
        assert not isinstance(effect, LoadPage) or effect.max_bytes <= BATCH_BYTES
        return Batch(
            found.raws, found.gone, found.more, tuple(self.seen[place_of(raw)[1]] for raw in found.raws)
        )

    def _take_seen(self, effect: Take) -> Taken:
        assert len(effect.seen) == len(effect.raws)
        told = sorted(zip(effect.seen, effect.raws, strict=True))
        fresh = [(ms, place_of(raw)[1]) for ms, raw in told if place_of(raw)[1] not in self.raws]
        taken = super().do(Take(effect.raws, effect.gone))
        for ms, record_id in fresh:
            self.note(record_id, NOW_MS, ms)
        assert isinstance(taken, Taken)
        return taken


def said(number: int) -> bytes:
    return raw_of(number, ts_ms=0, filling=number % 50)


def live_through(rng: random.Random, members: list[Member]) -> None:
    """Each message reaches a random half, some of them later than the next ones; meanwhile some compare."""
    for number in range(MESSAGES):
        for member in rng.sample(members, len(members) // 2):
            for other in (number, rng.randrange(number + 1)):
                member.hear(said(other), NOW_MS - 1_000_000 + 100 * number)
        if rng.random() < 0.1:
            Link((*rng.sample(members, 2),)).run()


@pytest.mark.parametrize("seed", range(10))
def test_the_set_is_the_same_and_every_order_stays(seed: int) -> None:
    rng = random.Random(seed)
    members = [Member() for _ in range(5)]
    live_through(rng, members)
    before = [member.order for member in members]
    times = [dict(member.seen) for member in members]
    for _ in range(STEPS):
        Link((*rng.sample(members, 2),)).run()
    everything: set[Place] = {place_of(said(number)) for number in range(MESSAGES)}
    for member, order, seen in zip(members, before, times, strict=True):
        assert member.places == everything, f"seed {seed}"
        assert {record_id: member.seen[record_id] for record_id in seen} == seen
        assert [record_id for record_id in member.order if record_id in seen] == order
    assert len({tuple(member.order) for member in members}) > 1, "arrival differs from member to member"


@pytest.mark.parametrize("seed", range(10))
def test_who_comes_late_has_the_order_of_whom_they_got_it_from(seed: int) -> None:
    rng = random.Random(seed)
    members = [Member() for _ in range(3)]
    live_through(rng, members)
    late = Member()
    Link((late, members[0])).run()
    assert late.order == members[0].order
    later = Member()
    Link((late, later)).run()  # and so on, also when it is the other one who begins
    assert later.order == members[0].order


def test_nobody_s_time_is_taken_over_from_the_future() -> None:
    one, other = Member(), Member()
    for number in range(3):
        one.hear(said(number), NOW_MS)
    one.seen[place_of(said(1))[1]] = NOW_MS + 10**9
    Link((one, other)).run()
    assert max(other.seen.values()) <= NOW_MS + 3
