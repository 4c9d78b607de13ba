"""Between two nodes: how long a connection takes, and what a stream carries."""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial

from .foreign import TITLES
from .model import Benchmark, Metric, Setting, Subjects, Target, Values
from .peer import NET, LinePeer, PeerKind, foreign_kinds, open_peers, room_kinds
from .processes import cpu_seconds

ECHO_BYTES = 256
WARM_UP_S = 0.2
STREAM_S = 1.0
DIALS = 5
REST_S = 0.3  # both ends see the last connection closed, and what follows a new one is done

STOCK = PeerKind("py-libp2p", lambda _folder: [sys.executable, "-m", "benchmarks.net_streams", "--stock"])

ECHO = Metric("echo", f"round trips/s of {ECHO_BYTES} bytes")
ECHO_CPU = Metric("echo_cpu", "CPU µs per round trip, both nodes")
BULK = Metric("bulk", "MB/s one way")
BULK_CPU = Metric("bulk_cpu", "CPU ms per MB, both nodes")
CONNECT_MS = Metric("ms", "milliseconds")


def measure_streams(pair: Sequence[LinePeer], seconds: float) -> Values:
    """One message to and fro at a time; then as much as goes through, until the other end has it."""
    dialler, listener = pair
    to = {"peer_id": peer_id(listener)}
    start = _used(pair)
    echo = dialler.call("echo", **to, seconds=seconds, size=ECHO_BYTES)
    between = _used(pair)
    bulk = dialler.call("bulk", **to, seconds=seconds)
    after = _used(pair)
    megabytes = bulk["bytes"] / 1e6
    return {
        ECHO.key: echo["count"] / echo["seconds"],
        ECHO_CPU.key: (between - start) / echo["count"] * 1e6,
        BULK.key: megabytes / bulk["seconds"],
        BULK_CPU.key: (after - between) / megabytes * 1e3,
    }


def _used(pair: Sequence[LinePeer]) -> float:
    return sum(cpu_seconds(peer.pid) for peer in pair)


def peer_id(peer: LinePeer) -> str:
    return peer.addr.rpartition("/")[2]


@contextlib.contextmanager
def open_streams(setting: Setting) -> Iterator[Subjects]:
    with contextlib.ExitStack() as stack:
        subjects = {}
        for kind in (NET, STOCK, *foreign_kinds()):
            pair = stack.enter_context(open_peers(kind, setting.folder / f"streams-{kind.name}", 2))
            pair[0].call("connect", addr=pair[1].addr)
            pair[0].call("echo", peer_id=peer_id(pair[1]), seconds=WARM_UP_S, size=ECHO_BYTES)
            subjects[kind.name] = partial(measure_streams, pair, STREAM_S * setting.effort.seconds)
        yield subjects


def measure_connect(pair: Sequence[LinePeer]) -> Values:
    """The median of a few dials, each until the connection can be used."""
    return {CONNECT_MS.key: statistics.median(_dial_anew(pair) for _ in range(DIALS))}


def _dial_anew(pair: Sequence[LinePeer]) -> float:
    dialler, listener = pair
    dialler.call("disconnect", peer_id=peer_id(listener))
    time.sleep(REST_S)
    took: float = dialler.call("connect", addr=listener.addr)["ms"]
    return took


@contextlib.contextmanager
def open_connect(setting: Setting) -> Iterator[Subjects]:
    with contextlib.ExitStack() as stack:
        subjects = {}
        for kind in room_kinds():
            pair = stack.enter_context(open_peers(kind, setting.folder / f"connect-{kind.name}", 2))
            pair[0].call("connect", addr=pair[1].addr)
            subjects[kind.name] = partial(measure_connect, pair)
        yield subjects


STREAMS = Benchmark(
    name="streams",
    title="one stream between two nodes",
    metrics=(ECHO, ECHO_CPU, BULK, BULK_CPU),
    references=(*TITLES, "py-libp2p"),
    targets=(),
    warm_ups=0,
    rounds=2,
    open_subjects=open_streams,
)

CONNECT = Benchmark(
    name="connect",
    title="from asking for a connection on loopback until it is there",
    metrics=(CONNECT_MS,),
    references=TITLES,
    targets=(Target(CONNECT_MS.key, "p2pd", None, 20),),
    warm_ups=0,
    rounds=2,
    open_subjects=open_connect,
)
