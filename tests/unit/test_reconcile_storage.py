"""The tree at its real sizes; the rest is in tests/property."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from random import Random

import pytest
from p2pd_daemon.core.reconcile_keys import encode_key
from p2pd_daemon.core.reconcile_storage import KeyTree, Position
from p2pd_daemon.errors import LocalProtocolError
from reconcile_sets import id_of, records


def test_empty() -> None:
    tree = KeyTree()
    assert (len(tree), tree.oldest, tree.newest, list(tree.items())) == (0, None, None, [])
    assert tree.end == tree.at(0) == tree.seek(b"") == tree.seek(b"\xff" * 8) == Position(0, 0)
    assert len(KeyTree.from_sorted([])) == 0
    with pytest.raises(IndexError):
        tree.key(0)


def test_one_record() -> None:
    tree = KeyTree()
    assert tree.insert(5, id_of(1))
    assert not tree.insert(5, id_of(1))
    assert tree.oldest == tree.newest == (5, id_of(1))
    assert tree.seek(encode_key(5, id_of(1))) == Position(0, 0)
    assert tree.seek((6).to_bytes(8)) == tree.end == Position(1, int.from_bytes(id_of(1), "little"))
    with pytest.raises(IndexError):
        tree.at(2)
    with pytest.raises(IndexError):
        tree.at(-1)


@pytest.mark.parametrize("items", [[(2, id_of(1)), (1, id_of(2))], [(1, id_of(1)), (1, id_of(1))]])
def test_loading_needs_order(items: list[tuple[int, bytes]]) -> None:
    with pytest.raises(LocalProtocolError, match="ascending"):
        KeyTree.from_sorted(items)


def test_loading_checks_order_across_leaves() -> None:
    items = records(range(64))
    with pytest.raises(LocalProtocolError, match="ascending"):
        KeyTree.from_sorted([*items, items[-1]])


@pytest.mark.slow
def test_any_order_of_arrival_gives_the_same_tree() -> None:
    items = records(range(10_000))
    trees = [KeyTree.from_sorted(items), KeyTree(), KeyTree(), KeyTree()]
    for item in items:
        trees[1].insert(*item)
    for item in reversed(items):
        trees[2].insert(*item)
    for item in Random(1).sample(items, len(items)):
        trees[3].insert(*item)
    numbers = [int.from_bytes(id_, "little") for _, id_ in items]
    for tree in trees:
        assert list(tree.items()) == items
        assert (tree.oldest, tree.newest, len(tree)) == (items[0], items[-1], len(items))
        for index in range(0, len(items), 333):
            assert (
                tree.at(index)
                == tree.seek(encode_key(*items[index]))
                == Position(index, sum(numbers[:index]))
            )


@pytest.mark.slow
@pytest.mark.parametrize("order", ["sorted", "any"])
def test_memory(order: str) -> None:
    """40 bytes are the timestamp and the id themselves."""
    items = records(range(20_000))
    if order == "any":
        Random(2).shuffle(items)
    tracemalloc.start()
    try:
        tree = KeyTree()
        for item in items:
            tree.insert(*item)
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert used / len(tree) < {"sorted": 48, "any": 60}[order]


def test_positions_rise() -> None:
    tree = KeyTree.from_sorted(records(range(500)))
    assert all(left < right for left, right in pairwise(tree.at(n) for n in range(501)))
