"""The rendezvous point's memory and the client's plan: pure, so their promises are checked on random histories."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from p2pd_bootstrap.registry import BadCookie, Registry, RegistryFull, RegistryLimits, Signed
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.net.point_plan import FIRST_S, LATER_S, RETRY_MAX_S, TTL_S, Op, PointPlan, Step

LIMITS = RegistryLimits(per_peer=3, per_tag=4, peers=5, total=9, ttl_min=10, ttl_max=100, page=2, linger=20)
PEERS = [PeerId(name) for name in "abcdefg"]
TAGS = ["r", "s", "t", "u"]


def signed(peer: PeerId, seq: int = 1) -> Signed:
    return Signed(f"{peer} {seq}".encode(), seq)


def new_registry(limits: RegistryLimits = LIMITS) -> Registry:
    return Registry(limits, b"12345678")


def everybody(registry: Registry, tag: str, now: float) -> Iterator[str]:
    cookie = b""
    while found := (page := registry.discover(tag, 0, cookie, now)).registrations:
        yield from (raw.decode() for raw, _ in found)
        cookie = page.cookie


def test_pages_lead_to_everybody_once_and_later_to_newcomers_only() -> None:
    registry = new_registry()
    for peer in PEERS[:3]:
        registry.register(peer, "r", signed(peer), 50, 0)
    first = registry.discover("r", 2, b"", 1)
    second = registry.discover("r", 2, first.cookie, 1)
    assert [raw for raw, _ in (*first.registrations, *second.registrations)] == [b"a 1", b"b 1", b"c 1"]
    assert registry.discover("r", 2, second.cookie, 1).registrations == ()
    registry.register(PEERS[3], "r", signed(PEERS[3]), 50, 2)
    assert registry.discover("r", 2, second.cookie, 3).registrations == ((b"d 1", 49),)


def test_a_cookie_of_an_earlier_run_is_refused() -> None:
    cookie = new_registry().discover("r", 2, b"", 0).cookie
    with pytest.raises(BadCookie):
        Registry(LIMITS, b"another!").discover("r", 2, cookie, 0)
    for wrong in (b"x", cookie + b"x", bytes(16)):
        with pytest.raises(BadCookie):
            new_registry().discover("r", 2, wrong, 0)


def test_a_newer_record_replaces_the_older_everywhere_and_never_the_reverse() -> None:
    registry = new_registry()
    registry.register(PEERS[0], "r", signed(PEERS[0], 5), 50, 0)
    registry.register(PEERS[0], "s", signed(PEERS[0], 7), 50, 0)
    registry.register(PEERS[0], "s", signed(PEERS[0], 6), 50, 0)
    assert list(everybody(registry, "r", 1)) == ["a 7"]


@pytest.mark.parametrize(("asked", "granted"), [(0, 100), (1, 10), (50, 50), (10_000, 100)])
def test_ttl_has_bounds(asked: int, granted: int) -> None:
    registry = new_registry()
    assert registry.register(PEERS[0], "r", signed(PEERS[0]), asked, 0) == granted
    assert list(everybody(registry, "r", granted - 0.1)) == ["a 1"]
    assert list(everybody(registry, "r", granted)) == []
    registry.expire(granted)
    assert (len(registry), registry.peers, registry.tags) == (0, 0, 0)


def test_who_leaves_is_forgotten_soon_unless_back() -> None:
    registry = new_registry()
    for peer in PEERS[:2]:
        registry.register(peer, "r", signed(peer), 100, 0)
        registry.left(peer, 10)
    registry.register(PEERS[1], "r", signed(PEERS[1]), 100, 15)
    assert list(everybody(registry, "r", 29)) == ["a 1", "b 1"]
    assert list(everybody(registry, "r", 31)) == ["b 1"]


def test_each_limit_is_named() -> None:
    def fill(pairs: list[tuple[str, str]], text: str) -> None:
        registry = new_registry()
        for peer, tag in pairs[:-1]:
            registry.register(PeerId(peer), tag, signed(PeerId(peer)), 50, 0)
        with pytest.raises(RegistryFull, match=text):
            registry.register(PeerId(pairs[-1][0]), pairs[-1][1], signed(PEERS[0]), 50, 0)
        peer, tag = pairs[-1]
        # What has ended makes room; only a peer's own and a tag's own limit need no sweep for that.
        registry.expire(60)
        registry.register(PeerId(peer), tag, signed(PEERS[0]), 50, 60)

    fill([("a", tag) for tag in "rstu"], "3 registrations for each peer")
    fill([(peer, "r") for peer in "abcde"], "4 peers under one tag")
    fill([(peer, tag) for peer in "abc" for tag in "rst"] + [("d", "u")], "9 registrations in all")
    fill([(peer, tag) for peer, tag in zip("abcdef", "rstuvw", strict=True)], "5 peers")


def test_one_address_cannot_take_all_the_room() -> None:
    registry = new_registry(RegistryLimits(per_host=2, peers=5))
    for peer in PEERS[:2]:
        registry.register(peer, "r", Signed(b"", 1, "192.0.2.1"), 50, 0)
    with pytest.raises(RegistryFull, match="2 peers from one address"):
        registry.register(PEERS[2], "r", Signed(b"", 1, "192.0.2.1"), 50, 0)
    registry.register(PEERS[2], "r", Signed(b"", 1, "192.0.2.2"), 50, 0)
    registry.register(PEERS[1], "s", Signed(b"", 1, "192.0.2.1"), 50, 0)
    registry.unregister(PEERS[0], "r")
    registry.register(PEERS[3], "r", Signed(b"", 1, "192.0.2.1"), 50, 0)
    registry.expire(100)
    assert not registry._hosts


class RegistryHistories(RuleBasedStateMachine):
    """Against a dictionary: (peer, tag) → end."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.registry = new_registry()
        self.model: dict[tuple[PeerId, str], float] = {}

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(peer=st.sampled_from(PEERS), tag=st.sampled_from(TAGS), ttl=st.integers(0, 200))
    def register(self, peer: PeerId, tag: str, ttl: int) -> None:
        try:
            granted = self.registry.register(peer, tag, signed(peer), ttl, self.now)
        except RegistryFull:
            assert (peer, tag) not in self.model  # a renewal always fits
            return
        self.model[peer, tag] = self.now + granted

    @rule(peer=st.sampled_from(PEERS), tag=st.sampled_from(TAGS))
    def unregister(self, peer: PeerId, tag: str) -> None:
        self.registry.unregister(peer, tag)
        self.model.pop((peer, tag), None)

    @rule(peer=st.sampled_from(PEERS))
    def leave(self, peer: PeerId) -> None:
        self.registry.left(peer, self.now)
        for key in self.model:
            if key[0] == peer:
                self.model[key] = min(self.model[key], self.now + LIMITS.linger)

    @rule()
    def expire(self) -> None:
        self.registry.expire(self.now)

    @invariant()
    def same_as_model(self) -> None:
        # What has ended may be dropped at any time.
        live = {key for key, end in self.model.items() if end > self.now}
        for tag in TAGS:
            found = list(everybody(self.registry, tag, self.now))
            assert sorted(found) == sorted(f"{peer} 1" for peer, one in live if one == tag)
        kept = {key for key in self.model if self._kept(*key)}
        self.model = {key: end for key, end in self.model.items() if key in kept}
        assert len(self.registry) == len(kept) <= LIMITS.total
        assert self.registry.peers <= LIMITS.peers

    def _kept(self, peer: PeerId, tag: str) -> bool:
        entry = self.registry._peers.get(peer)
        return entry is not None and tag in entry.tags


TestRegistryHistories = pytest.mark.slow(RegistryHistories.TestCase)
TestRegistryHistories.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)


# The client's plan


def new_plan() -> PointPlan:
    return PointPlan("own", random.Random(2).random)


def answer(plan: PointPlan, steps: list[Step], now: float) -> None:
    for step in steps:
        if step.op is Op.REGISTER:
            plan.registered(step.tag, TTL_S, now)
        elif step.op is Op.DISCOVER:
            plan.looked(step.tag, b"cookie", now, more=False)
        else:
            plan.unregistered(step.tag)


def test_joining_registers_first_and_looks_at_once() -> None:
    plan = new_plan()
    plan.want({"r", "s"}, 0)
    steps = plan.due(0)
    assert [step.op for step in steps] == [Op.REGISTER] * 3 + [Op.DISCOVER] * 2
    assert {step.tag for step in steps[:3]} == {"own", "r", "s"}
    assert "own" not in {step.tag for step in steps[3:]}
    answer(plan, steps, 0)
    assert plan.due(0) == []
    plan.want({"r", "s", "t"}, 1)
    assert [(step.op, step.tag) for step in plan.due(1)] == [(Op.REGISTER, "t"), (Op.DISCOVER, "t")]


def test_leaving_takes_the_registration_back_and_coming_again_does_not() -> None:
    plan = new_plan()
    plan.want({"r"}, 0)
    answer(plan, plan.due(0), 0)
    plan.want((), 1)
    assert plan.due(1) == [Step(Op.UNREGISTER, "r")]
    plan.want({"r"}, 1)
    assert [step.op for step in plan.due(1)] == [Op.REGISTER, Op.DISCOVER]


@given(st.integers(2, 7200), st.lists(st.integers(0, 2000), max_size=30))
def test_every_registration_is_renewed_in_time(granted: int, rooms: list[int]) -> None:
    plan, now = new_plan(), 0.0
    plan.want({f"room {room}" for room in rooms}, now)
    ends: dict[str, float] = {}
    for _ in range(30):
        for step in plan.due(now):
            if step.op is Op.REGISTER:
                assert now <= ends.get(step.tag, now)
                plan.registered(step.tag, granted, now)
                ends[step.tag] = now + granted
            else:
                plan.looked(step.tag, b"", now, more=False)
        assert plan.wake_at() > now
        now = plan.wake_at()
    assert set(ends) == {"own", *(f"room {room}" for room in rooms)}


def test_looking_slows_down_and_scales_with_the_number_of_rooms() -> None:
    plan, now, looks = new_plan(), 0.0, []
    plan.want({"r"}, now)
    while now < 600:
        steps = plan.due(now)
        looks += [now] * any(step.op is Op.DISCOVER for step in steps)
        answer(plan, steps, now)
        now = plan.wake_at()
    gaps = [later - earlier for earlier, later in pairwise(looks)]
    assert gaps[0] <= FIRST_S
    assert max(gaps) <= LATER_S
    assert 10 <= len(looks) <= 25
    crowd = new_plan()
    crowd.want({f"room {index}" for index in range(1000)}, 0)
    answer(crowd, crowd.due(0), 0)
    assert not [step for step in crowd.due(200) if step.op is Op.DISCOVER]


def test_a_full_page_is_followed_at_once() -> None:
    plan = new_plan()
    plan.want({"r"}, 0)
    answer(plan, plan.due(0)[:2], 0)
    plan.looked("r", b"page 2", 0, more=True)
    assert plan.due(0) == [Step(Op.DISCOVER, "r", b"page 2")]


def test_failures_wait_and_a_refusal_concerns_one_step() -> None:
    plan = new_plan()
    plan.want({"r"}, 0)
    for _ in range(12):
        plan.failed(0)
    assert plan.due(1) == []
    assert RETRY_MAX_S / 2 <= plan.wake_at() <= RETRY_MAX_S
    plan.reset()
    plan.want({"r"}, 1)
    plan.refused(Step(Op.REGISTER, "r"), 1)
    assert [(step.op, step.tag) for step in plan.due(1)] == [(Op.REGISTER, "own"), (Op.DISCOVER, "r")]
    plan.looked("r", b"old", 1, more=False)
    plan.refused(Step(Op.DISCOVER, "r", b"old"), 70)
    assert Step(Op.DISCOVER, "r", b"") in plan.due(70)
