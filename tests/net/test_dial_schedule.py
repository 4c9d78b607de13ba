"""The dialler's schedule: no I/O, so every promise is checked by driving it through random histories."""

from __future__ import annotations

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.net.schedule import Dial, Kind, Pace, Schedule

OWN = PeerId("m-own")
PEERS = [PeerId(name) for name in ("a", "b", "c", "d", "x", "y", "z")]
ADDRS = [f"/ip4/127.0.0.1/tcp/{port}" for port in range(1, 8)]
PACE = Pace(dials=3, kept=4, book=6, addrs=3, burst=2)


def new_schedule(pace: Pace | None = None, seed: int = 0) -> Schedule:
    return Schedule(OWN, random.Random(seed).random, pace)


def one_dial(schedule: Schedule, now: float) -> Dial:
    dials = schedule.next_dials(now)
    assert len(dials) == 1
    return dials[0]


def test_a_new_peer_is_dialled_at_once() -> None:
    schedule = new_schedule()
    assert schedule.wake_at(0) is None
    schedule.learn(PEERS[0], ADDRS[:2], Kind.KNOWN, 0)
    wake = schedule.wake_at(0)
    assert wake is not None
    assert wake <= 0
    assert one_dial(schedule, 0) == Dial(PEERS[0], tuple(ADDRS[:2]), lookup=False)
    assert schedule.next_dials(0) == []


def test_nobody_dials_themselves() -> None:
    schedule = new_schedule()
    schedule.learn(OWN, ADDRS, Kind.BOOTSTRAP, 0)
    schedule.connected(OWN, 0)
    assert len(schedule) == 0


@pytest.mark.parametrize("kind", list(Kind))
def test_failures_make_it_wait_longer_up_to_a_ceiling(kind: Kind) -> None:
    schedule, now, waits = new_schedule(), 0.0, []
    schedule.learn(PEERS[0], ADDRS[:1], kind, now)
    for _ in range(20):
        assert one_dial(schedule, now).peer == PEERS[0]
        schedule.dialled(PEERS[0], now, ok=False)
        wake = schedule.wake_at(now)
        assert wake is not None
        waits.append(wake - now)
        assert schedule.next_dials((now + wake) / 2) == []
        now = wake
    ceiling = schedule.pace.fresh_ceiling if kind is Kind.BOOTSTRAP else schedule.pace.ceiling
    assert all(wait < ceiling for wait in waits)
    assert all(wait >= ceiling / 2 for wait in waits[-5:])
    assert waits[0] <= schedule.pace.first


def test_who_was_just_lost_is_tried_again_within_the_promise_for_ten_minutes() -> None:
    """A dial that hangs takes 4 s; with the longest wait that stays under 10 s."""
    schedule, pace = new_schedule(), Pace()
    schedule.learn(PEERS[0], ADDRS[:1], Kind.FOUND, 0)
    one_dial(schedule, 0)
    schedule.dialled(PEERS[0], 0, ok=True, addr=ADDRS[0])
    schedule.disconnected(PEERS[0], 100)
    now = 100.0
    while now < 100 + pace.fresh - 10:
        wake = schedule.wake_at(now)
        assert wake is not None
        assert wake - now <= pace.fresh_ceiling
        assert one_dial(schedule, wake).lookup == (now > 100)
        now = wake + 4
        schedule.dialled(PEERS[0], now, ok=False)
    assert now - 100 > 500


def test_after_a_lost_connection_the_smaller_id_dials_first() -> None:
    for peer, latest in ((PeerId("z"), Pace().redial), (PeerId("a"), Pace().redial_other)):
        schedule = new_schedule()
        schedule.connected(peer, 0, addr=ADDRS[0])
        schedule.disconnected(peer, 100)
        wake = schedule.wake_at(100)
        assert wake is not None
        assert latest / 2 <= wake - 100 <= latest


def test_a_peer_that_drops_us_at_once_is_not_dialled_at_a_high_rate() -> None:
    schedule, now, dials = new_schedule(), 0.0, 0
    schedule.learn(PEERS[0], ADDRS[:1], Kind.KNOWN, now)
    while now < 60:
        for one in schedule.next_dials(now):
            dials += 1
            schedule.dialled(one.peer, now, ok=True, addr=ADDRS[0])
            schedule.disconnected(one.peer, now + 0.1)
        wake = schedule.wake_at(now)
        assert wake is not None
        now = max(wake, now + 0.01)
    assert dials < 30


def test_a_new_address_is_tried_soon_and_news_cannot_raise_the_rate() -> None:
    schedule = new_schedule()
    schedule.learn(PEERS[0], ADDRS[:1], Kind.KNOWN, 0)
    for _ in range(8):
        now = schedule.wake_at(0) or 0
        one_dial(schedule, now)
        schedule.dialled(PEERS[0], now, ok=False)
    assert (schedule.wake_at(now) or 0) > now + 20
    schedule.learn(PEERS[0], ADDRS[1:2], Kind.FOUND, now + 1)
    wake = schedule.wake_at(now)
    assert wake == now + schedule.pace.gap
    assert ADDRS[1] in one_dial(schedule, wake).addrs
    schedule.dialled(PEERS[0], wake, ok=False)
    for index in range(100):
        schedule.learn(PEERS[0], [f"/ip4/127.0.0.1/tcp/{1000 + index}"], Kind.FOUND, wake + index / 100)
        assert (schedule.wake_at(wake) or 0) >= wake + schedule.pace.gap
    assert len(schedule.addrs(PEERS[0])) <= schedule.pace.addrs


def test_the_address_that_worked_stays_first_when_others_are_heard_of() -> None:
    schedule = new_schedule()
    schedule.learn(PEERS[0], ADDRS[:3], Kind.KNOWN, 0)
    one_dial(schedule, 0)
    schedule.dialled(PEERS[0], 0, ok=True, addr=ADDRS[2])
    schedule.learn(PEERS[0], ADDRS[3:], Kind.FOUND, 1)
    assert schedule.addrs(PEERS[0])[0] == ADDRS[2]


def test_a_persons_disconnect_lasts_until_they_connect_or_the_peer_does() -> None:
    for ends in ("release", "inbound"):
        schedule = new_schedule()
        schedule.connected(PEERS[0], 0, addr=ADDRS[0])
        schedule.hold(PEERS[0], 0)
        schedule.disconnected(PEERS[0], 10)
        schedule.learn(PEERS[0], ADDRS, Kind.BOOTSTRAP, 11)
        assert schedule.wake_at(20) is None
        assert schedule.next_dials(10_000) == []
        if ends == "release":
            schedule.release(PEERS[0])
        else:
            schedule.connected(PEERS[0], 10_000, inbound=True)
            schedule.disconnected(PEERS[0], 10_100)
        assert one_dial(schedule, 20_000).peer == PEERS[0]


def test_a_disconnected_peers_own_redials_are_refused_for_a_while() -> None:
    schedule = new_schedule()
    schedule.connected(PEERS[0], 0, addr=ADDRS[0])
    assert not schedule.refuses(PEERS[0], 0)
    schedule.hold(PEERS[0], 10)
    schedule.disconnected(PEERS[0], 10)
    assert schedule.refuses(PEERS[0], 11)
    assert not schedule.refuses(PEERS[1], 11)
    assert not schedule.refuses(PEERS[0], 10 + schedule.pace.refused)
    schedule.release(PEERS[0])
    assert not schedule.refuses(PEERS[0], 11)


@pytest.mark.parametrize("noticed", [True, False])
def test_who_drops_us_at_once_again_and_again_is_dialled_less_and_less(noticed: bool) -> None:
    schedule = new_schedule()
    schedule.connected(PEERS[0], 0, addr=ADDRS[0])
    schedule.disconnected(PEERS[0], 100)
    now, dials = 100.0, 0
    while now < 700:
        now = schedule.wake_at(now) or now + 1
        if schedule.next_dials(now):
            dials += 1
            schedule.dialled(PEERS[0], now, ok=noticed, addr=ADDRS[0])
            schedule.disconnected(PEERS[0], now + 0.1)
    assert 3 < dials < 20  # at the pace of a restarting peer it would be over a hundred


def test_strangers_who_dial_us_do_not_push_out_those_we_know() -> None:
    schedule = new_schedule(PACE)
    for peer in PEERS[:3]:
        schedule.learn(peer, ADDRS[:1], Kind.KNOWN, 0)
    for index in range(100):
        schedule.connected(PeerId(f"stranger {index}"), index, inbound=True)
        schedule.disconnected(PeerId(f"stranger {index}"), index)
    assert all(schedule.addrs(peer) == (ADDRS[0],) for peer in PEERS[:3])
    assert len(schedule) <= PACE.book


class Histories(RuleBasedStateMachine):
    """Random news and outcomes. The model counts what the promises are about."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.schedule = Schedule(OWN, random.Random(1).random, PACE)
        self.under_way: set[PeerId] = set()
        self.connected: set[PeerId] = set()
        self.held: set[PeerId] = set()
        self.bootstraps: set[PeerId] = set()
        self.started: list[tuple[float, PeerId]] = []

    peers = st.sampled_from(PEERS)

    @rule(seconds=st.floats(0, 20))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(peer=peers, addrs=st.lists(st.sampled_from(ADDRS), max_size=4), kind=st.sampled_from(Kind))
    def learn(self, peer: PeerId, addrs: list[str], kind: Kind) -> None:
        self.schedule.learn(peer, addrs, kind, self.now)
        if kind is Kind.BOOTSTRAP and self.schedule.entry(peer):
            self.bootstraps.add(peer)

    @rule()
    def dial(self) -> None:
        for one in self.schedule.next_dials(self.now):
            assert one.peer not in self.under_way | self.connected | self.held | {OWN}
            earlier = [at for at, peer in self.started if peer == one.peer]
            assert not earlier or self.now - earlier[-1] >= PACE.first / 2 * 0.99
            self.under_way.add(one.peer)
            self.started.append((self.now, one.peer))

    @rule(peer=peers, ok=st.booleans())
    def outcome(self, peer: PeerId, ok: bool) -> None:
        if peer in self.under_way:
            self.under_way.remove(peer)
            self.schedule.dialled(peer, self.now, ok=ok, addr=ADDRS[0])
            if ok:
                self.connected.add(peer)

    @rule(peer=peers)
    def dials_us(self, peer: PeerId) -> None:
        self.schedule.connected(peer, self.now, inbound=True)
        if self.schedule.entry(peer):
            self.connected.add(peer)
            self.held.discard(peer)

    @rule(peer=peers)
    def lost(self, peer: PeerId) -> None:
        self.schedule.disconnected(peer, self.now)
        self.connected.discard(peer)

    @rule(peer=peers)
    def hold(self, peer: PeerId) -> None:
        if self.schedule.entry(peer):
            self.schedule.hold(peer, self.now)
            self.held.add(peer)

    @rule(peer=peers)
    def release(self, peer: PeerId) -> None:
        self.schedule.release(peer)
        self.held.discard(peer)

    @invariant()
    def bounds_hold(self) -> None:
        assert len(self.under_way) <= PACE.dials
        assert len(self.schedule) <= max(PACE.book, len(self.under_way | self.connected | self.held))
        assert all(len(self.schedule.addrs(peer)) <= PACE.addrs for peer in PEERS)
        recent = [at for at, _ in self.started if self.now - at < 1.0]
        assert len(recent) <= PACE.burst + 1.0 / PACE.spacing

    @invariant()
    def it_sleeps_exactly_as_long_as_there_is_nothing_to_do(self) -> None:
        """No busy loop: at `wake_at` there is a dial; and no dial is missed before it."""
        wake = self.schedule.wake_at(self.now)
        due = [
            peer
            for peer in PEERS
            if (entry := self.schedule.entry(peer)) is not None
            and not entry.busy
            and entry.next_at <= self.now
        ]
        if wake is None and due:
            kept = (self.under_way | self.connected) - self.bootstraps
            assert len(self.under_way) >= PACE.dials or len(kept) >= PACE.kept


TestHistories = pytest.mark.slow(Histories.TestCase)
TestHistories.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
