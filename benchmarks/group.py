"""Groups of nodes of one implementation: how they find together, and what all of them have seen."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from .model import BenchmarkError
from .peer import MEETING_S, Peer

LOOK_AGAIN_S = 0.1
ARRIVAL_S = 8.0
MESH_S = 2.5  # two heartbeats, in which gossip's mesh takes in whoever has just been heard of
FEWEST_LINKS, MOST_LINKS = 4, 6
SEED = 7

Links = Sequence[tuple[int, int]]


def random_links(size: int) -> Links:
    """A connected graph, always the same: a ring and chords.

    Each node has FEWEST_LINKS to MOST_LINKS, where there are nodes enough.
    """
    rng = random.Random(SEED)
    links = {(min(pair), max(pair)) for number in range(size) if (pair := (number, (number + 1) % size))}
    links = {link for link in links if link[0] != link[1]}
    degrees = [sum(number in link for link in links) for number in range(size)]
    chords = [(one, other) for one in range(size) for other in range(one + 1, size)]
    rng.shuffle(chords)
    for one, other in chords:
        lacks = min(degrees[one], degrees[other]) < FEWEST_LINKS
        if lacks and max(degrees[one], degrees[other]) < MOST_LINKS and (one, other) not in links:
            links.add((one, other))
            degrees[one] += 1
            degrees[other] += 1
    return sorted(links)


def gather(peers: Sequence[Peer], links: Links, room: str, settle: float = MESH_S) -> None:
    """All join, each link is dialled by its first end; returns when a message has got through to everybody."""
    for peer in peers:
        peer.call("join", room=room)
    for one, other in links:
        peers[one].call("connect", addr=peers[other].addr)
    first, *others = peers
    watch(others)
    deadline = time.monotonic() + MEETING_S
    while any(not peer.call("seen")["count"] for peer in others):
        if time.monotonic() > deadline:
            raise BenchmarkError(f"no message got through to everybody within {MEETING_S:g} s")
        first.call("pace", room=room, seconds=0.2, size=256, rate=5)
        time.sleep(LOOK_AGAIN_S)
    time.sleep(settle)


def watch(peers: Sequence[Peer], port: int = 0, every: int = 1) -> None:
    for peer in peers:
        peer.call("watch", port=port, every=every)


def await_all(peers: Sequence[Peer], counts: Sequence[int]) -> list[dict[str, Any]]:
    """What each has seen, once that is as many messages as `counts` says, or after ARRIVAL_S."""
    deadline = time.monotonic() + ARRIVAL_S
    reports = []
    for peer, count in zip(peers, counts, strict=True):
        while (seen := peer.call("seen"))["count"] < count and time.monotonic() < deadline:
            time.sleep(LOOK_AGAIN_S)
        reports.append(seen)
    return reports


def all_latencies(reports: Sequence[dict[str, Any]]) -> list[float]:
    latencies = [ms for seen in reports for ms in seen["latencies_ms"]]
    if not latencies:
        raise BenchmarkError("no message arrived")
    return latencies


@contextlib.contextmanager
def open_relay(port: int, receivers: int) -> Iterator[int]:
    """A UDP port for the acknowledgements of so many receivers: the least of their counts goes on to `port`.

    A flood's window moves with the highest count it is told, and must not run away from the slowest receiver.
    """
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as acks,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as done,
    ):
        acks.bind(("127.0.0.1", 0))
        done.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_relay, args=(acks, done, port, receivers))
        thread.start()
        try:
            yield acks.getsockname()[1]
        finally:
            done.sendto(b"done", done.getsockname())
            thread.join()


def _relay(acks: socket.socket, done: socket.socket, port: int, receivers: int) -> None:
    counts: dict[object, int] = {}
    told = 0
    while True:
        readable, _, _ = select.select([acks, done], [], [])
        if done in readable:
            return
        datagram, source = acks.recvfrom(64)
        counts[source] = max(counts.get(source, 0), int(datagram))
        if len(counts) == receivers and (least := min(counts.values())) > told:
            told = least
            acks.sendto(b"%d" % told, ("127.0.0.1", port))
