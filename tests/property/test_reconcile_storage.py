"""The tree of keys is a sorted list with sums, whatever the sizes of its nodes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from p2pd_daemon.core import reconcile_storage as storage
from p2pd_daemon.core.reconcile_keys import KEY_BYTES, encode_key
from p2pd_daemon.core.reconcile_storage import KeyTree, Position
from reconcile_sets import Item, id_of

items = st.tuples(st.integers(0, 12), st.integers(0, 400).map(id_of))
bounds = st.tuples(st.integers(0, 13), st.binary(max_size=32) | st.integers(0, 400).map(id_of)).map(
    lambda bound: bound[0].to_bytes(8) + bound[1]
)


@contextmanager
def small_nodes(keys: int, fanout: int) -> Iterator[None]:
    """Trees of several levels from few records."""
    with patch.multiple(storage, _LEAF_KEYS=keys, _LEAF_BYTES=keys * KEY_BYTES, _FANOUT=fanout):
        yield


def check_shape(tree: KeyTree, keys: int, fanout: int) -> None:
    """Sizes, sums, lowest keys, and leaves at one level."""

    def check(branch: storage._Branch, *, is_left: bool) -> tuple[int, int, int, bytes]:
        """(levels, keys, sum, lowest key)"""
        assert 1 <= len(branch.lows) <= fanout
        assert len(branch.lows) == len(branch.counts) == len(branch.sums)
        assert bool(branch.leaves) != bool(branch.branches)
        levels = 1
        for child, low in enumerate(branch.lows):
            left = is_left and child == 0
            if branch.leaves:
                leaf = branch.leaves[child]
                packed = [bytes(leaf[at : at + KEY_BYTES]) for at in range(0, len(leaf), KEY_BYTES)]
                assert len(packed) <= keys
                assert packed == sorted(set(packed))
                count, total = len(packed), sum(int.from_bytes(key[8:], "little") for key in packed)
                lowest = packed[0] if packed else b""
            else:
                below, count, total, lowest = check(branch.branches[child], is_left=left)
                levels = below + 1
            assert (count, total) == (branch.counts[child], branch.sums[child])
            assert low == (b"" if left else lowest)
        return levels, sum(branch.counts), sum(branch.sums), branch.lows[0]

    _, count, total, _ = check(tree._root, is_left=True)
    assert tree.end == Position(count, total)


def check_model(tree: KeyTree, model: list[Item], asked: list[bytes]) -> None:
    keys = [encode_key(*item) for item in model]
    numbers = [int.from_bytes(id_, "little") for _, id_ in model]
    assert len(tree) == len(model)
    assert list(tree.items()) == model
    assert (tree.oldest, tree.newest) == ((model[0], model[-1]) if model else (None, None))
    for index in range(len(model) + 1):
        assert tree.at(index) == Position(index, sum(numbers[:index]))
    for index in range(len(model)):
        assert tree.key(index) == keys[index]
        assert tree.item(index) == model[index]
    for index in range(1, len(model)):
        assert tree.between(index) == (tree.at(index), keys[index - 1], keys[index])
    for bound in [*asked, *keys, b"", b"\xff" * 8]:
        assert tree.seek(bound) == tree.at(bisect_left(keys, bound.ljust(KEY_BYTES, b"\0")))
    for start, stop in ((0, 1), (1, 7), (len(model) // 2, len(model)), (len(model), len(model))):
        assert list(tree.items(start, stop)) == model[start:stop]
        assert list(tree.ids(start, stop)) == [id_ for _, id_ in model[start:stop]]


@pytest.mark.slow
@given(
    st.lists(items, unique=True, max_size=60).map(sorted),
    st.lists(items, max_size=90),
    st.lists(bounds, max_size=10),
    st.integers(2, 6),
    st.integers(2, 5),
)
def test_the_tree_is_a_sorted_list_with_sums(
    loaded: list[Item], inserted: list[Item], asked: list[bytes], keys: int, fanout: int
) -> None:
    with small_nodes(keys, fanout):
        tree = KeyTree.from_sorted(loaded)
        check_shape(tree, keys, fanout)
        model = set(loaded)
        for item in inserted:
            assert tree.insert(*item) == (item not in model)
            model.add(item)
        check_shape(tree, keys, fanout)
        check_model(tree, sorted(model), asked)


@pytest.mark.slow
@given(st.integers(0, 300), st.integers(2, 5), st.integers(2, 4), st.booleans())
def test_keys_in_order_fill_the_leaves(count: int, keys: int, fanout: int, backwards: bool) -> None:
    numbers = range(count, 0, -1) if backwards else range(1, count + 1)
    with small_nodes(keys, fanout):
        tree = KeyTree()
        for number in numbers:
            assert tree.insert(number, id_of(number))
        check_shape(tree, keys, fanout)
        assert [timestamp for timestamp, _ in tree.items()] == sorted(numbers)
