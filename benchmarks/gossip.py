"""Two nodes in one room: how many messages pass, and how long one takes.

p2pd is measured whole: its API takes a message, stores and signs it, gossip carries it, the other daemon verifies and
stores it, and its event stream shows it. The others are gossip alone: published there, handed to the program here.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from .foreign import TITLES
from .model import Benchmark, BenchmarkError, Metric, Setting, Subjects, Target, Values
from .peer import (
    FLOOR,
    NET,
    P2PD,
    LinePeer,
    Peer,
    PeerKind,
    foreign_kinds,
    meet,
    open_peer,
    peer_kinds,
    room_kinds,
)
from .processes import cpu_seconds

ROOM = "bench"
MESSAGE_BYTES = 256
WINDOW = 24  # messages under way: enough to keep both ends busy, below py-libp2p's 32-slot queues
ACK_EVERY = 4
SENDERS = 8
WIDE_WINDOW = 256  # hides how long a message's way is (p2pd's has two commits in it), not what it costs
WARM_UP_S = 0.5
FLOOD_S = 1.5
PACE_PER_S = 50
PACE_S = 4.0
ARRIVAL_S = 5.0
LOOK_AGAIN_S = 0.02

ONE = Metric("one_sender", "messages/s, 1 sender")
SEVERAL = Metric("several_senders", f"messages/s, {SENDERS} senders")
MANY = Metric("many", "messages/s, one request for all")
WIDE = Metric("wide", f"messages/s, the same, {WIDE_WINDOW} under way")
CPU = Metric("cpu", "CPU µs per message, both nodes")
P50 = Metric("p50", "p50, ms")
P99 = Metric("p99", "p99, ms")
ARRIVED = Metric("arrived", "arrived, %")

Pair = tuple[Peer, Peer]  # the one who says something, the one who sees it


def measure_rate(pair: Pair, seconds: float) -> Values:
    """Closed loop. The processor's time is the nodes' own, without the programs that drive p2pd's."""
    one = flood(pair, 1, seconds)
    before = [cpu_seconds(peer.pid) for peer in pair]
    several = flood(pair, SENDERS, seconds)
    used = sum(cpu_seconds(peer.pid) for peer in pair) - sum(before)
    return {
        ONE.key: one["count"] / one["seconds"],
        SEVERAL.key: several["count"] / several["seconds"],
        CPU.key: used / several["count"] * 1e6,
    }


def measure_whole_rate(pair: Pair, seconds: float) -> Values:
    """As `measure_rate`, and by p2pd's bulk send; others have nothing that it would save, and repeat their senders."""
    one = flood(pair, 1, seconds)
    several = flood(pair, SENDERS, seconds)
    many = flood(pair, SENDERS, seconds, many=True)
    before = [cpu_seconds(peer.pid) for peer in pair]
    wide = flood(pair, SENDERS, seconds, many=True, window=WIDE_WINDOW)
    used = sum(cpu_seconds(peer.pid) for peer in pair) - sum(before)
    return {
        ONE.key: one["count"] / one["seconds"],
        SEVERAL.key: several["count"] / several["seconds"],
        MANY.key: many["count"] / many["seconds"],
        WIDE.key: wide["count"] / wide["seconds"],
        CPU.key: used / wide["count"] * 1e6,
    }


def measure_latency(pair: Pair, seconds: float) -> Values:
    """From before the message is handed over until the other's program has it."""
    publisher, subscriber = pair
    subscriber.call("watch", port=0, every=1)
    sent = publisher.call("pace", room=ROOM, seconds=seconds, size=MESSAGE_BYTES, rate=PACE_PER_S)["sent"]
    seen = await_arrival(subscriber, sent)
    if not seen["count"]:
        raise BenchmarkError("no message arrived")
    return {
        P50.key: percentile(seen["latencies_ms"], 50),
        P99.key: percentile(seen["latencies_ms"], 99),
        ARRIVED.key: 100 * seen["count"] / sent,
    }


def flood(
    pair: Pair, senders: int, seconds: float, *, many: bool = False, window: int = WINDOW
) -> dict[str, Any]:
    """What the subscriber has seen of a closed loop. Raises BenchmarkError when a message is lost.

    `many`: a p2pd sends all in one request.
    """
    publisher, subscriber = pair
    subscriber.call("watch", port=publisher.acks, every=window * ACK_EVERY // WINDOW)
    asked: dict[str, Any] = {"room": ROOM, "seconds": seconds, "size": MESSAGE_BYTES, "window": window}
    if many and publisher.name == P2PD.name:
        asked["many"] = True
    sent = publisher.call("flood", senders=senders, **asked)["sent"]
    seen = await_arrival(subscriber, sent)
    if seen["count"] != sent:
        raise BenchmarkError(f"{sent} messages were sent, {seen['count']} arrived")
    return seen


def await_arrival(subscriber: Peer, count: int) -> dict[str, Any]:
    """What it has seen once that is `count` messages, or after ARRIVAL_S."""
    deadline = time.monotonic() + ARRIVAL_S
    while (seen := subscriber.call("seen"))["count"] < count and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN_S)
    return seen


def percentile(values: Sequence[float], percent: float) -> float:
    """By nearest rank: the smallest value that at least `percent` % of them do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


@contextlib.contextmanager
def open_pairs(
    setting: Setting,
    name: str,
    measure: Callable[[Pair, float], Values],
    seconds: float,
    kinds: Sequence[PeerKind],
) -> Iterator[Subjects]:
    """A pair of each kind, connected, warm, and up until the end: an idle one costs a heartbeat a second."""
    with contextlib.ExitStack() as stack:
        subjects = {}
        for kind in kinds:
            pair: tuple[LinePeer, LinePeer] = (
                stack.enter_context(open_peer(kind, setting.folder / f"{name}-{kind.name}-a")),
                stack.enter_context(open_peer(kind, setting.folder / f"{name}-{kind.name}-b")),
            )
            meet(*pair, ROOM)
            flood(pair, SENDERS, WARM_UP_S)
            subjects[kind.name] = partial(measure, pair, seconds * setting.effort.seconds)
        yield subjects


RATE = Benchmark(
    name="rate",
    title=f"two nodes, closed loop, {WINDOW} messages of {MESSAGE_BYTES} bytes under way",
    metrics=(ONE, SEVERAL, MANY, WIDE, CPU),
    references=TITLES,
    targets=(Target(MANY.key, "p2pd", "js-libp2p", 1.5, at_most=False),),
    warm_ups=0,
    rounds=3,
    open_subjects=lambda setting: open_pairs(setting, "rate", measure_whole_rate, FLOOD_S, peer_kinds()),
)

LATENCY = Benchmark(
    name="latency",
    title=f"two nodes, {PACE_PER_S} messages of {MESSAGE_BYTES} bytes a second",
    metrics=(P50, P99, ARRIVED),
    references=TITLES,
    targets=(),
    warm_ups=0,
    rounds=2,
    open_subjects=lambda setting: open_pairs(setting, "latency", measure_latency, PACE_S, room_kinds()),
)

LAYER = Benchmark(
    name="layer",
    title="as rate, of p2pd its network layer alone, and of trio with the cryptography alone (floor)",
    metrics=(ONE, SEVERAL, CPU),
    references=(*TITLES, "floor"),
    targets=(
        Target(SEVERAL.key, "p2pd net", "js-libp2p", 2.0, at_most=False),
        Target(SEVERAL.key, "p2pd net", "floor", 0.7, at_most=False),
    ),
    warm_ups=0,
    rounds=5,  # the target is near what it is
    open_subjects=lambda setting: open_pairs(
        setting, "layer", measure_rate, FLOOD_S, [NET, FLOOR, *foreign_kinds()]
    ),
)
