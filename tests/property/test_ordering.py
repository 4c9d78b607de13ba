"""Order by (ts, id), heads, and the numbers that only rise."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from p2pd_daemon.core.clock import MAX_SEQNO, QUARANTINE_AHEAD_MS, is_due, next_seqno, next_ts
from p2pd_daemon.core.room import Heads
from property import strategies as some


@dataclass(frozen=True)
class Node:
    id: bytes
    ts: int
    parents: tuple[bytes, ...]


@st.composite
def histories(draw: st.DrawFn) -> list[Node]:
    """Honest authors with wrong clocks, each of whom knows some of what was said, and liars who choose any ts."""
    nodes: list[Node] = []
    for number in range(draw(st.integers(1, 12))):
        known = draw(st.sets(st.sampled_from(nodes), max_size=8)) if nodes else set()
        heads = Heads((node.ts, node.id) for node in known)
        ts, parents = heads.next(draw(st.integers(1, 30)))
        if draw(st.integers(0, 9)) == 0:
            ts = draw(st.integers(1, 30))
        nodes.append(Node(hashlib.sha256(bytes((number,))).digest(), ts, parents))
    return nodes


def final(nodes: list[Node]) -> tuple[list[tuple[int, bytes]], frozenset[bytes]]:
    heads = Heads()
    for node in nodes:
        heads.add(node.id, node.ts, node.parents)
    return heads.heads, heads.missing


@pytest.mark.slow
@given(histories(), st.data())
def test_heads_and_missing_do_not_depend_on_arrival_order(nodes: list[Node], data: st.DataObject) -> None:
    arrived = data.draw(st.lists(st.sampled_from(nodes), unique=True))
    heads, missing = final(arrived)
    assert final(data.draw(st.permutations(arrived))) == (heads, missing)
    named = {parent for node in arrived for parent in node.parents}
    ids = {node.id for node in arrived}
    assert {head for _, head in heads} == ids - named
    assert missing == named - ids


@pytest.mark.slow
@given(histories(), st.data())
def test_heads_with_a_lookup_and_duplicates_are_the_same(nodes: list[Node], data: st.DataObject) -> None:
    arrived = data.draw(st.permutations(nodes))
    stored: dict[bytes, int] = {}
    heads = Heads(lookup=stored.get)
    for node in arrived:
        heads.add(node.id, node.ts, node.parents)
        stored[node.id] = node.ts
    assert (heads.heads, heads.missing) == final(arrived) == final(arrived + nodes)


@pytest.mark.slow
@given(histories(), st.data())
def test_heads_resume_from_what_was_stored(nodes: list[Node], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(nodes)))
    stored: dict[bytes, int] = {}
    heads = Heads(lookup=stored.get)
    for number, node in enumerate(nodes):
        if number == cut:
            heads = Heads(heads.heads, heads.missing, stored.get)
        heads.add(node.id, node.ts, node.parents)
        stored[node.id] = node.ts
    assert (heads.heads, heads.missing) == final(nodes)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 50), st.booleans()), min_size=1, max_size=25))
def test_sorting_by_ts_and_id_is_causal_for_honest_authors(
    says: list[tuple[int, int, bool]],
) -> None:
    """Four authors with clocks that are wrong and jump; each hears everything, or only itself, before it speaks."""
    views = [Heads() for _ in range(4)]
    said: list[Node] = []
    heard: list[set[bytes]] = [set() for _ in range(4)]
    for number, (author, now, listens) in enumerate(says):
        if listens:
            for node in said:
                if node.id not in heard[author]:
                    views[author].add(node.id, node.ts, node.parents)
                    heard[author].add(node.id)
        ts, parents = views[author].next(now)
        node = Node(hashlib.sha256(bytes((number,))).digest(), ts, parents)
        change = views[author].add(node.id, ts, parents)
        assert not change.flagged
        heard[author].add(node.id)
        said.append(node)
    place = {node.id: index for index, node in enumerate(sorted(said, key=lambda node: (node.ts, node.id)))}
    for node in said:
        assert all(place[parent] < place[node.id] for parent in node.parents if parent in place)


@pytest.mark.slow
@given(histories())
def test_next_names_the_largest_heads_and_comes_after_them(nodes: list[Node]) -> None:
    heads = Heads()
    for node in nodes:
        heads.add(node.id, node.ts, node.parents)
    ts, parents = heads.next(10)
    assert parents == tuple(record_id for _, record_id in heads.heads[:8])
    assert heads.largest_ts is not None
    assert ts == max(10, heads.largest_ts + 1)


@given(st.integers(1, 2**50), st.none() | st.integers(1, 2**50))
def test_next_ts(now: int, largest: int | None) -> None:
    ts = next_ts(now, largest)
    assert ts >= now
    assert largest is None or ts > largest


@given(st.lists(st.integers(-5, MAX_SEQNO // 2), min_size=1, max_size=30), st.integers(0, MAX_SEQNO // 2))
def test_seqnos_only_rise(clock: list[int], last: int) -> None:
    for now in clock:
        seqno = next_seqno(now, last)
        assert seqno > last
        assert seqno >= now
        last = seqno


@given(some.timestamps, some.timestamps)
def test_due(ts: int, now: int) -> None:
    assert is_due(ts, now) == (ts - now <= QUARANTINE_AHEAD_MS)
