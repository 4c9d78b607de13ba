"""A star: one node says something, five see it, and all are connected to the one alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

from .foreign import TITLES
from .gossip import (
    ACK_EVERY,
    CPU,
    FLOOD_S,
    MANY,
    MESSAGE_BYTES,
    P50,
    P99,
    PACE_PER_S,
    ROOM,
    SENDERS,
    SEVERAL,
    WARM_UP_S,
    WIDE,
    WIDE_WINDOW,
    WINDOW,
    percentile,
)
from .group import MESH_S, all_latencies, await_all, gather, open_relay, watch
from .model import Benchmark, BenchmarkError, Metric, Setting, Subjects, Target, Values
from .peer import P2PD, LinePeer, open_peers, room_kinds
from .processes import cpu_seconds

RECEIVERS = 5
PACE_S = 2.0
CPU_OF_ONE = Metric("cpu_sender", "CPU µs per message, who sends")
CPU_OF_EACH = Metric(CPU.key, "CPU µs per message, each who receives")


def flood(peers: list[LinePeer], seconds: float, *, many: bool, window: int) -> tuple[int, float]:
    """(messages, seconds until the last one had the last). Raises BenchmarkError when one is lost."""
    publisher, *receivers = peers
    asked: dict[str, Any] = {"room": ROOM, "seconds": seconds, "size": MESSAGE_BYTES, "window": window}
    if many and publisher.name == P2PD.name:
        asked["many"] = True
    with open_relay(publisher.acks, len(receivers)) as port:
        watch(receivers, port, window * ACK_EVERY // WINDOW)
        sent = publisher.call("flood", senders=SENDERS, **asked)["sent"]
    reports = await_all(receivers, [sent] * len(receivers))
    for seen in reports:
        if seen["count"] != sent:
            raise BenchmarkError(f"{sent} messages were sent, {seen['count']} arrived")
    return sent, max(seen["seconds"] for seen in reports)


def measure(peers: list[LinePeer], share: float) -> Values:
    """As two nodes are measured; the rate is of messages that all have."""
    publisher, *receivers = peers
    several, several_s = flood(peers, FLOOD_S * share, many=False, window=WINDOW)
    many, many_s = flood(peers, FLOOD_S * share, many=True, window=WINDOW)
    before = [cpu_seconds(peer.pid) for peer in peers]
    wide, wide_s = flood(peers, FLOOD_S * share, many=True, window=WIDE_WINDOW)
    used = [cpu_seconds(peer.pid) - then for peer, then in zip(peers, before, strict=True)]
    watch(receivers)
    paced = publisher.call("pace", room=ROOM, seconds=PACE_S * share, size=MESSAGE_BYTES, rate=PACE_PER_S)
    latencies = all_latencies(await_all(receivers, [paced["sent"]] * len(receivers)))
    return {
        SEVERAL.key: several / several_s,
        MANY.key: many / many_s,
        WIDE.key: wide / wide_s,
        CPU_OF_ONE.key: used[0] / wide * 1e6,
        CPU_OF_EACH.key: sum(used[1:]) / len(receivers) / wide * 1e6,
        P50.key: percentile(latencies, 50),
        P99.key: percentile(latencies, 99),
    }


@contextlib.contextmanager
def open_stars(setting: Setting) -> Iterator[Subjects]:
    """A star of each kind, up until the end."""
    size = min(RECEIVERS + 1, setting.effort.nodes)
    links = [(number, 0) for number in range(1, size)]
    with contextlib.ExitStack() as stack:
        subjects = {}
        for kind in room_kinds():
            folder = setting.folder / f"star-{kind.name}"
            peers = stack.enter_context(open_peers(kind, folder, size))
            gather(peers, links, ROOM, MESH_S * setting.effort.seconds)
            flood(peers, WARM_UP_S * setting.effort.seconds, many=False, window=WINDOW)
            subjects[kind.name] = partial(measure, peers, setting.effort.seconds)
        yield subjects


STAR = Benchmark(
    name="star",
    title=f"one node and {RECEIVERS} connected to it, closed loop; then {PACE_PER_S} messages a second",
    metrics=(SEVERAL, MANY, WIDE, CPU_OF_ONE, CPU_OF_EACH, P50, P99),
    references=TITLES,
    targets=(Target(MANY.key, "p2pd", "js-libp2p", 1.5, at_most=False),),
    warm_ups=0,
    rounds=2,
    open_subjects=open_stars,
)
