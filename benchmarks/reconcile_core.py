"""What finding the differences of two sets costs, without a network: `python -m benchmarks.reconcile_core`."""

from __future__ import annotations

import gc
import hashlib
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable
from functools import partial
from random import Random
from typing import TypeVar

from p2pd_daemon.core.reconcile import ReconcileClient, ReconcileServer
from p2pd_daemon.core.reconcile_storage import KeyTree

T = TypeVar("T")
Items = list[tuple[int, bytes]]

START_MS = 1_700_000_000_000
STEP_MS = 50


def items_of(count: int) -> Items:
    return [(START_MS + n * STEP_MS, hashlib.sha256(n.to_bytes(8)).digest()) for n in range(count)]


def timed(function: Callable[[], T]) -> tuple[float, T]:
    gc.collect()
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def inserted(items: Iterable[tuple[int, bytes]]) -> KeyTree:
    tree = KeyTree()
    for timestamp, id_ in items:
        tree.insert(timestamp, id_)
    return tree


def session(client_keys: KeyTree, server_keys: KeyTree) -> tuple[int, int, int]:
    """(rounds, bytes both ways, differences)"""
    client, server = ReconcileClient(client_keys), ReconcileServer(server_keys)
    message: bytes | None = client.initiate()
    size = differences = 0
    while message is not None:
        answer = server.answer(message)
        size += len(message) + len(answer)
        have, need, message = client.handle(answer)
        differences += len(have) + len(need)
    return client.rounds, size, differences


def storage_row(count: int) -> None:
    items = items_of(count)
    loading, tree = timed(lambda: KeyTree.from_sorted(items))
    appending, _ = timed(lambda: inserted(items))
    shuffled = items[:]
    Random(1).shuffle(shuffled)
    scattering, _ = timed(lambda: inserted(shuffled))
    del tree, _
    memory = []
    for order in (items, shuffled):
        gc.collect()
        tracemalloc.start()
        kept = inserted(order[: 100_000 if count > 100_000 else count])
        memory.append(tracemalloc.get_traced_memory()[0] / len(kept))
        tracemalloc.stop()
    print(
        f"{count:>9,} {loading:>12.2f} {appending / count * 1e6:>12.1f} {scattering / count * 1e6:>12.1f}"
        f" {memory[0]:>14.1f} {memory[1]:>14.1f}"
    )


def session_rows(count: int) -> None:
    items = items_of(count)
    whole = KeyTree.from_sorted(items)
    spread = Random(2).sample(range(count), 100)
    for name, missing in (
        ("equal", []),
        ("100 newest missing", range(count - 100, count)),
        ("100 spread", spread),
    ):
        left_out = set(missing)
        other = KeyTree.from_sorted([item for n, item in enumerate(items) if n not in left_out])
        took, (rounds, size, found) = min(timed(partial(session, other, whole)) for _ in range(7))
        assert found == len(left_out)
        print(f"{count:>9,} {name:<20} {took * 1e3:>8.2f} {rounds:>7} {size:>9,}")


def main(counts: list[int]) -> None:
    print("storage   load sorted s  insert µs at end, anywhere   bytes per record: in order, any order")
    for count in counts:
        storage_row(count)
    print("\n  records difference           both, ms  rounds     bytes")
    for count in counts:
        session_rows(count)


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or [1_000, 10_000, 100_000, 1_000_000])
