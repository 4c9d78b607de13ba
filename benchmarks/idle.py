"""What a node costs when nothing is said: alone, and with 10 and 50 peers connected that share a room with it."""

from __future__ import annotations

import contextlib
import itertools
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from p2pd_daemon.core.room import open_room_topic

from .foreign import IMPLEMENTATIONS
from .model import Benchmark, Metric, Setting, Subjects, Target, Values
from .peer import P2PD, ROOT, PeerKind, open_peer
from .processes import READY_S, cpu_seconds, memory_mib, open_line_process

ROOM = "idle"
PEER_COUNTS = (0, 10, 50)
SETTLE_S = 4.0  # what the start leaves behind is freed, everybody is identified, and the mesh has formed
WATCHED_S = 6.0
CPU = Metric("cpu", "CPU, ms/s")
RSS = Metric("rss", "RSS, MiB")
PSS = Metric("pss", "PSS, MiB")


def kinds() -> list[PeerKind]:
    """p2pd whole, and every other implementation that has been built."""
    built = [(foreign.title, command) for foreign in IMPLEMENTATIONS if (command := foreign.command)]
    return [P2PD, *(PeerKind(title, partial(_same, command)) for title, command in built)]


def _same(command: list[str], _folder: Path) -> list[str]:
    return command


@contextlib.contextmanager
def open_idle(count: int, setting: Setting) -> Iterator[Subjects]:
    """A fresh node each time."""
    numbers = itertools.count()

    def measure(kind: PeerKind) -> Values:
        folder = setting.folder / f"idle-{count}-{next(numbers)}"
        with open_peer(kind, folder) as peer, _open_crowd(kind, count, folder) as addrs:
            peer.call("join", room=ROOM)
            for addr in addrs:
                peer.call("connect", addr=addr)
            time.sleep(SETTLE_S)
            before, began = cpu_seconds(peer.pid), time.perf_counter()
            time.sleep(WATCHED_S)
            spent = (cpu_seconds(peer.pid) - before) / (time.perf_counter() - began)
            rss, pss = memory_mib(peer.pid)
        return {CPU.key: spent * 1e3, RSS.key: rss, PSS.key: pss}

    yield {kind.name: partial(measure, kind) for kind in kinds()}


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
        references=("js-libp2p",),
        targets=tuple(Target(metric.key, "p2pd", "js-libp2p", 1) for metric in (RSS, PSS)),
        warm_ups=0,
        rounds=2,
        open_subjects=partial(open_idle, count),
    )


IDLE = tuple(_benchmark(count) for count in PEER_COUNTS)
