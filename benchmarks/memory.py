"""What a node holds when nothing happens: no peer, no room, two seconds after it was ready."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from functools import partial

from .model import Benchmark, Metric, Setting, Subjects, Target, Values
from .peer import PeerKind, open_peer, peer_kinds
from .processes import memory_mib

SETTLE_S = 2.0  # what the start leaves behind is freed, and the first heartbeats have been
RSS = Metric("rss", "RSS, MiB")
PSS = Metric("pss", "PSS, MiB")


@contextlib.contextmanager
def open_memory(setting: Setting) -> Iterator[Subjects]:
    """A fresh node each time. RSS counts every resident page; PSS divides what is shared with others."""
    numbers = itertools.count()

    def measure(kind: PeerKind) -> Values:
        with open_peer(kind, setting.folder / f"memory-{next(numbers)}") as peer:
            time.sleep(SETTLE_S * setting.effort.seconds)
            rss, pss = memory_mib(peer.pid)
        return {RSS.key: rss, PSS.key: pss}

    yield {kind.name: partial(measure, kind) for kind in peer_kinds()}


MEMORY = Benchmark(
    name="memory",
    title="an idle node",
    metrics=(RSS, PSS),
    references=("js-libp2p",),
    targets=(Target(RSS.key, "p2pd", "js-libp2p", 1), Target(PSS.key, "p2pd", "js-libp2p", 1)),
    warm_ups=0,
    rounds=2,
    open_subjects=open_memory,
)
