"""What a node costs when nothing is said: alone, and with 10 and 50 peers connected that share a room with it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from p2pd_daemon.core.room import open_room_topic

from .foreign import TITLES
from .model import Benchmark, Metric, Setting, Subjects, Target, Values
from .peer import P2PD, ROOT, LinePeer, PeerKind, open_peer, peer_kinds
from .processes import READY_S, cpu_seconds, memory_mib, open_line_process

ROOM = "idle"
PEER_COUNTS = (0, 10, 50)
SETTLE_S = 4.0  # what the start leaves behind is freed, everybody is identified, and the mesh has formed
WATCHED_S = 8.0
CPU = Metric("cpu", "CPU, ms/s")
RSS = Metric("rss", "RSS, MiB")
PSS = Metric("pss", "PSS, MiB")


class Idle:
    """A node at rest. `measure` tells of the time since it was last asked, once that is `watched` seconds.

    So the nodes of all implementations are watched at the same time: at rest they do not disturb each other.
    """

    def __init__(self, peer: LinePeer, watched: float) -> None:
        self._peer = peer
        self._watched = watched
        self._since = time.perf_counter()
        self._before = cpu_seconds(peer.pid)

    def measure(self) -> Values:
        time.sleep(max(0.0, self._since + self._watched - time.perf_counter()))
        now, used = time.perf_counter(), cpu_seconds(self._peer.pid)
        spent = (used - self._before) / (now - self._since)
        self._since, self._before = now, used
        rss, pss = memory_mib(self._peer.pid)
        return {CPU.key: spent * 1e3, RSS.key: rss, PSS.key: pss}


@contextlib.contextmanager
def open_idle(count: int, setting: Setting) -> Iterator[Subjects]:
    """A fresh node of each kind, and for each a crowd of its own."""
    count = min(count, setting.effort.nodes)
    peers = {}
    with contextlib.ExitStack() as stack:
        for kind in peer_kinds():
            folder = setting.folder / f"idle-{count}-{kind.name}"
            peers[kind.name] = peer = stack.enter_context(open_peer(kind, folder))
            peer.call("join", room=ROOM)
            for addr in stack.enter_context(_open_crowd(kind, count, folder)):
                peer.call("connect", addr=addr)
        time.sleep(SETTLE_S * setting.effort.seconds)
        watched = WATCHED_S * setting.effort.seconds
        yield {name: Idle(peer, watched).measure for name, peer in peers.items()}


@contextlib.contextmanager
def _open_crowd(kind: PeerKind, count: int, folder: Path) -> Iterator[list[str]]:
    """The addresses of so many peers that are in the room as `kind` has it on the wire."""
    if not count:
        yield []
        return
    topic = open_room_topic(ROOM) if kind == P2PD else ROOM
    command = [sys.executable, "-m", "benchmarks.crowd", str(count), topic]
    with open_line_process(command, folder / "crowd.log", folder=ROOT) as crowd:
        yield crowd.read(READY_S)["addrs"]


def _benchmark(count: int) -> Benchmark:
    about = f"{count} connected peers" if count else "no peer"
    return Benchmark(
        name=f"idle-{count}",
        title=f"a node in a room where nothing is said, {about}",
        metrics=(CPU, RSS, PSS),
        references=TITLES,
        targets=tuple(Target(metric.key, "p2pd", "js-libp2p", 1) for metric in (RSS, PSS)),
        warm_ups=0,
        rounds=2,
        open_subjects=partial(open_idle, count),
    )


IDLE = tuple(_benchmark(count) for count in PEER_COUNTS)
