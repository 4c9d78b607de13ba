"""A mesh: nodes that each know a few of the others, and all of them say something."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator, Sequence
from functools import partial

from .foreign import TITLES
from .gossip import ARRIVED, MESSAGE_BYTES, P50, P99, ROOM, percentile
from .group import MESH_S, all_latencies, await_all, gather, random_links, watch
from .model import Benchmark, Metric, Setting, Subjects, Target, Values
from .peer import Peer, PeerKind, open_peers, room_kinds
from .processes import cpu_seconds

OFFERED_PER_S = 70  # by all together
WARM_UP_S = 1.0
OFFER_S = 6.0
CPU = Metric("cpu", "CPU µs per arrival, all nodes")


def offer(peers: Sequence[Peer], seconds: float) -> list[int]:
    """Each sends its part, never two at once; how many each has sent."""
    rate = OFFERED_PER_S / len(peers)
    start = time.monotonic()
    for number, peer in enumerate(peers):
        time.sleep(max(0.0, start + number / OFFERED_PER_S - time.monotonic()))
        # At least one, however short the time.
        peer.ask("pace", room=ROOM, seconds=max(seconds, 1 / rate), size=MESSAGE_BYTES, rate=rate)
    return [peer.answer()["sent"] for peer in peers]


def measure(kind: PeerKind, setting: Setting, size: int, numbers: Iterator[int]) -> Values:
    """Of a fresh mesh: so many idle ones beside it would cost too much."""
    folder = setting.folder / f"mesh-{size}-{next(numbers)}"
    with open_peers(kind, folder, size) as peers:
        gather(peers, random_links(size), ROOM, MESH_S * setting.effort.seconds)
        watch(peers)
        sent = offer(peers, WARM_UP_S * setting.effort.seconds)
        await_all(peers, [sum(sent) - own for own in sent])
        watch(peers)
        before = sum(cpu_seconds(peer.pid) for peer in peers)
        sent = offer(peers, OFFER_S * setting.effort.seconds)
        due = [sum(sent) - own for own in sent]
        reports = await_all(peers, due)
        used = sum(cpu_seconds(peer.pid) for peer in peers) - before
    latencies = all_latencies(reports)
    return {
        ARRIVED.key: 100 * len(latencies) / sum(due),
        P50.key: percentile(latencies, 50),
        P99.key: percentile(latencies, 99),
        CPU.key: used / len(latencies) * 1e6,
    }


@contextlib.contextmanager
def open_meshes(size: int, setting: Setting) -> Iterator[Subjects]:
    numbers = itertools.count()
    size = min(size, setting.effort.nodes)
    yield {kind.name: partial(measure, kind, setting, size, numbers) for kind in room_kinds()}


def _benchmark(size: int, rounds: int) -> Benchmark:
    return Benchmark(
        name=f"mesh-{size}",
        title=f"{size} nodes, each connected to four to six others, {OFFERED_PER_S} messages a second in all",
        metrics=(ARRIVED, P50, P99, CPU),
        references=TITLES,
        targets=(
            Target(ARRIVED.key, "p2pd", None, 100, at_most=False),
            Target(P99.key, "p2pd", "js-libp2p", 1),
        ),
        warm_ups=0,
        rounds=rounds,
        open_subjects=partial(open_meshes, size),
    )


MESHES = (_benchmark(12, 2), _benchmark(24, 1))
