"""The (timestamp, id) of every record of a room, in order, with sums: what range-based reconciliation asks for.

A B+ tree. A leaf is a bytearray of up to 64 packed keys; each branch knows, for every child, its lowest key, how
many keys it holds and the sum of their ids. The fingerprint of a range is made of two such sums, so it costs two
descents, whatever the range holds. About 44 bytes a record that arrived in order, 49 otherwise.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain, islice, pairwise
from typing import NamedTuple, Self

from p2pd_daemon.core.reconcile_keys import (
    KEY_BYTES,
    decode_ids,
    decode_keys,
    encode_key,
    offset_of,
    sum_first_ids,
    sum_ids,
)
from p2pd_daemon.errors import LocalProtocolError

# Small leaves make sums cheap, large ones save memory: at 64 keys half a leaf is added up in 3 µs.
_LEAF_KEYS = 64
_LEAF_BYTES = _LEAF_KEYS * KEY_BYTES
_FANOUT = 32  # children of a branch: four levels hold 2 million keys


class Position(NamedTuple):
    """A place between two records: how many are before it, and the sum of their ids as little-endian numbers."""

    before: int
    id_sum: int


class _Branch:
    """Three lists that go by child, and the children: leaves at the lowest level, branches above it."""

    __slots__ = ("branches", "counts", "leaves", "lows", "sums")

    def __init__(self) -> None:
        # The lowest key of each child; b"" for the first child all down the left edge, which has no lower limit.
        self.lows: list[bytes] = []
        self.counts: list[int] = []
        self.sums: list[int] = []
        self.leaves: list[bytearray] = []
        self.branches: list[_Branch] = []

    def insert(self, at: int, low: bytes, count: int, id_sum: int) -> None:
        self.lows.insert(at, low)
        self.counts.insert(at, count)
        self.sums.insert(at, id_sum)

    def split(self, at: int) -> _Branch:
        """Keeps the first `at` children and returns a branch with the others."""
        right = _Branch()
        right.lows, self.lows = self.lows[at:], self.lows[:at]
        right.counts, self.counts = self.counts[at:], self.counts[:at]
        right.sums, self.sums = self.sums[at:], self.sums[:at]
        right.leaves, self.leaves = self.leaves[at:], self.leaves[:at]
        right.branches, self.branches = self.branches[at:], self.branches[:at]
        return right


class KeyTree:
    """A sorted set of (timestamp, id). Positions and iterators are good until the next insert.

    Not for several threads: one task owns it.
    """

    def __init__(self) -> None:
        self._root = _Branch()
        self._root.insert(0, b"", 0, 0)
        self._root.leaves.append(bytearray())
        self._end = Position(0, 0)

    @classmethod
    def from_sorted(cls, items: Iterable[tuple[int, bytes]]) -> Self:
        """Of (timestamp, id) in strictly ascending order; LocalProtocolError when they are not."""
        tree = cls()
        bottom = _fill_leaves(iter(items))
        if not bottom.leaves:
            return tree
        bottom.lows[0] = b""
        tree._end = Position(sum(bottom.counts), sum(bottom.sums))
        level = _cut(bottom)
        while len(level) > 1:
            above = _Branch()
            for branch in level:
                above.insert(len(above.lows), branch.lows[0], sum(branch.counts), sum(branch.sums))
            above.branches = level
            level = _cut(above)
        tree._root = level[0]
        return tree

    def __len__(self) -> int:
        return self._end.before

    @property
    def end(self) -> Position:
        """After the last record."""
        return self._end

    @property
    def oldest(self) -> tuple[int, bytes] | None:
        """The first (timestamp, id)."""
        return self.item(0) if self._end.before else None

    @property
    def newest(self) -> tuple[int, bytes] | None:
        return self.item(self._end.before - 1) if self._end.before else None

    def insert(self, timestamp: int, id_: bytes) -> bool:
        """False when it is in already. O(log n); at the end or in the middle alike."""
        key = encode_key(timestamp, id_)
        branch, path = self._root, []
        while True:
            child = bisect_right(branch.lows, key) - 1
            path.append((branch, child))
            if branch.leaves:
                break
            branch = branch.branches[child]
        leaf = branch.leaves[child]
        at = offset_of(leaf, key)
        if leaf[at : at + KEY_BYTES] == key:
            return False
        leaf[at:at] = key
        number = int.from_bytes(id_, "little")
        for branch, child in path:
            branch.counts[child] += 1
            branch.sums[child] += number
        self._end = Position(self._end.before + 1, self._end.id_sum + number)
        if len(leaf) > _LEAF_BYTES:
            self._split(path, appended=at == _LEAF_BYTES)
        return True

    def seek(self, bound: bytes) -> Position:
        """Before the first record whose key is not below `bound`: a key or any beginning of one."""
        branch, index, id_sum = self._root, 0, 0
        while True:
            child = bisect_right(branch.lows, bound) - 1
            index += sum(branch.counts[:child])
            id_sum += sum(branch.sums[:child])
            if branch.leaves:
                break
            branch = branch.branches[child]
        leaf = branch.leaves[child]
        before = offset_of(leaf, bound)
        id_sum += sum_first_ids(leaf, before, branch.sums[child])
        return Position(index + before // KEY_BYTES, id_sum)

    def at(self, index: int) -> Position:
        """The position that has `index` records before it, 0 to len."""
        if index == self._end.before:
            return self._end
        branch, child, inside, id_sum = self._find(index)
        id_sum += sum_first_ids(branch.leaves[child], inside * KEY_BYTES, branch.sums[child])
        return Position(index, id_sum)

    def between(self, index: int) -> tuple[Position, bytes, bytes]:
        """The position that has `index` records before it, 1 to len - 1, and the keys before and after it."""
        branch, child, inside, id_sum = self._find(index)
        leaf, offset = branch.leaves[child], inside * KEY_BYTES
        left = bytes(leaf[offset - KEY_BYTES : offset]) if inside else self.key(index - 1)
        id_sum += sum_first_ids(leaf, offset, branch.sums[child])
        return Position(index, id_sum), left, bytes(leaf[offset : offset + KEY_BYTES])

    def key(self, index: int) -> bytes:
        """The key of the record at `index`, 0 to len - 1."""
        branch, child, inside, _ = self._find(index)
        return bytes(branch.leaves[child][inside * KEY_BYTES : (inside + 1) * KEY_BYTES])

    def item(self, index: int) -> tuple[int, bytes]:
        return next(decode_keys(self.key(index)))

    def items(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """(timestamp, id) of the records from index `start` up to, not including, `stop`."""
        for keys in _pieces(self._root, start, self._end.before if stop is None else stop):
            yield from decode_keys(keys)

    def ids(self, start: int, stop: int) -> Iterator[bytes]:
        """The ids of the records from index `start` up to, not including, `stop`."""
        for keys in _pieces(self._root, start, stop):
            for (id_,) in decode_ids(keys):
                yield id_

    def _find(self, index: int) -> tuple[_Branch, int, int, int]:
        """(lowest branch, its child, index inside that leaf, sum of the ids before the leaf) of the record."""
        if not 0 <= index < self._end.before:
            raise IndexError(index)
        branch, id_sum = self._root, 0
        while True:
            child = 0
            for count in branch.counts:
                if index < count:
                    break
                index -= count
                child += 1
            id_sum += sum(branch.sums[:child])
            if branch.leaves:
                return branch, child, index, id_sum
            branch = branch.branches[child]

    def _split(self, path: list[tuple[_Branch, int]], *, appended: bool) -> None:
        """Halves the leaf at the end of the path, and the branches that have too many children then.

        Where a key was appended, the left half stays full: most records arrive in order.
        """
        branch, child = path.pop()
        leaf = branch.leaves[child]
        cut = _LEAF_BYTES if appended else _LEAF_KEYS // 2 * KEY_BYTES
        branch.leaves[child], right = leaf[:cut], leaf[cut:]  # slices hold no spare memory
        branch.leaves.insert(child + 1, right)
        moved = sum_ids(right)
        branch.counts[child] -= len(right) // KEY_BYTES
        branch.sums[child] -= moved
        branch.insert(child + 1, bytes(right[:KEY_BYTES]), len(right) // KEY_BYTES, moved)
        while len(branch.lows) > _FANOUT:
            other = branch.split(_FANOUT if child + 2 == len(branch.lows) else _FANOUT // 2)
            count, id_sum = sum(other.counts), sum(other.sums)
            if not path:
                path.append((self._grow(), 0))
            branch, child = path.pop()
            branch.counts[child] -= count
            branch.sums[child] -= id_sum
            branch.insert(child + 1, other.lows[0], count, id_sum)
            branch.branches.insert(child + 1, other)

    def _grow(self) -> _Branch:
        """A new root above the old one."""
        root = _Branch()
        root.insert(0, b"", self._end.before, self._end.id_sum)
        root.branches.append(self._root)
        self._root = root
        return root


def _pieces(branch: _Branch, start: int, stop: int) -> Iterator[bytes]:
    """The packed keys from `start` to `stop`, counted from the branch's first key, leaf by leaf."""
    for child, count in enumerate(branch.counts):
        if stop <= 0:
            return
        if start < count:
            first, last = max(start, 0), min(stop, count)
            if branch.leaves:
                yield bytes(branch.leaves[child][first * KEY_BYTES : last * KEY_BYTES])
            else:
                yield from _pieces(branch.branches[child], first, last)
        start -= count
        stop -= count


def _fill_leaves(items: Iterator[tuple[int, bytes]]) -> _Branch:
    """One branch, however many children, with full leaves."""
    branch, last = _Branch(), b""
    while keys := [encode_key(timestamp, id_) for timestamp, id_ in islice(items, _LEAF_KEYS)]:
        if any(left >= right for left, right in pairwise(chain((last,), keys))):
            raise LocalProtocolError("records to reconcile are not in strictly ascending order")
        last = keys[-1]
        leaf = bytearray().join(keys)
        branch.insert(len(branch.lows), keys[0], len(keys), sum_ids(leaf))
        branch.leaves.append(leaf)
    return branch


def _cut(branch: _Branch) -> list[_Branch]:
    """The same children in branches of at most the fan-out."""
    level = []
    while len(branch.lows) > _FANOUT:
        rest = branch.split(_FANOUT)
        level.append(branch)
        branch = rest
    return [*level, branch]
