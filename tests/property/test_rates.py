"""Token buckets never let more through than they promise, and the gatekeeper's memory is bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from p2pd_daemon.core.admission import DAY_S, JITTER_S, Admission, AuthorRates, TopicKind, own_pace
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.record import Record, sign_record
from property import strategies as some

steps = st.lists(st.floats(0, 5) | st.sampled_from([0.0, 0.001, DAY_S]), min_size=1, max_size=200)


@given(steps, st.integers(1, 20), st.integers(1, 30), st.integers(1, 100))
def test_no_window_gets_more_than_the_burst_and_the_rate(
    gaps: list[float], rate: int, burst: int, day: int
) -> None:
    rates = AuthorRates(Limits(author_rate=rate, author_burst=burst, author_day=day))
    now, taken = 0.0, []
    for gap in gaps:
        now += gap
        if rates.take(PeerId("a"), "t", now):
            taken.append(now)
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            count, window = last - first + 1, taken[last] - start
            assert count <= burst + window * rate + 1e-6
            assert count <= day + window * day / DAY_S + 1e-6


@given(st.integers(1, 30), st.integers(1, 10))
def test_a_burst_passes_and_the_rate_goes_on(burst: int, rate: int) -> None:
    rates = AuthorRates(Limits(author_rate=rate, author_burst=burst))
    assert [rates.take(PeerId("a"), "t", 0.0) for _ in range(burst + 1)] == [True] * burst + [False]
    assert rates.take(PeerId("b"), "t", 0.0)
    assert rates.take(PeerId("a"), "u", 0.0)
    assert rates.take(PeerId("a"), "t", 1.0001 / rate)
    assert not rates.take(PeerId("a"), "t", 1.0001 / rate)


@given(st.lists(st.tuples(st.integers(0, 40), st.floats(0, 100)), max_size=200), st.integers(1, 10))
def test_memory_is_bounded(visits: list[tuple[int, float]], authors: int) -> None:
    rates, now = AuthorRates(Limits(authors=authors)), 0.0
    for author, gap in visits:
        now += gap
        rates.take(PeerId(str(author)), "t", now)
        assert len(rates) <= authors


@given(
    st.binary(min_size=1, max_size=200), st.sampled_from(TopicKind), st.integers(1, 2**53), st.floats(0, 1e9)
)
def test_the_gatekeeper_never_raises(data: bytes, kind: TopicKind, now_ms: int, now: float) -> None:
    record = sign_record(some.key(1), 1, "p2pd/1/x", data)
    verdict = Admission(Limits()).check(record, kind, now_ms, now)
    assert bool(verdict.reason) != verdict.relay


@given(some.records(), some.timestamps)
def test_the_verdict_depends_only_on_its_arguments(record: Record, now_ms: int) -> None:
    one, other = (Admission(Limits()).check(record, TopicKind.OPEN, now_ms, 0.0) for _ in range(2))
    assert one == other


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, JITTER_S)), min_size=1, max_size=50),
    st.sampled_from([(20, 200), (5, 60), (10, 100)]),
)
def test_who_keeps_to_its_own_pace_is_never_too_fast_for_others(
    steps: list[tuple[float, float]], pace: tuple[int, int]
) -> None:
    """However long each record takes, in order, up to JITTER_S."""
    limits = Limits(author_rate=pace[0], author_burst=pace[1])
    mine, theirs = AuthorRates(own_pace(limits)), AuthorRates(limits)
    now = arrived = 0.0
    for gap, delay in steps:
        now += gap
        arrived = max(arrived, now + delay)
        while mine.take(PeerId("a"), "t", now):
            assert theirs.take(PeerId("a"), "t", arrived)
