"""Groups of nodes that the benchmarks measure, the acknowledgements of floods, and the table that the README gets.

Policy: sockets are real, on loopback; nodes are stand-ins. Figures are never asserted.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import anyio
import anyio.abc
import pytest
import trio

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))  # `benchmarks` is a folder of the checkout, not part of what is installed

from benchmarks import group, p2pd_peer, summary  # noqa: E402
from benchmarks.__main__ import BENCHMARKS  # noqa: E402
from benchmarks.model import Benchmark, Metric, Result, Setting, Target  # noqa: E402
from benchmarks.report import as_json  # noqa: E402

# Groups


@pytest.mark.parametrize("size", [2, 3, 4, 12, 24])
def test_a_mesh_is_connected_and_nobody_knows_too_few_or_too_many(size: int) -> None:
    links = group.random_links(size)
    assert links == group.random_links(size)
    degrees = [sum(number in link for link in links) for number in range(size)]
    assert max(degrees) <= group.MOST_LINKS
    assert min(degrees) >= min(group.FEWEST_LINKS, size - 1)
    reached = {0}
    for _ in range(size):
        reached |= {end for link in links if reached & set(link) for end in link}
    assert len(reached) == size


def test_a_window_moves_with_the_slowest_of_several_receivers() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as publisher,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ann,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ben,
    ):
        publisher.bind(("127.0.0.1", 0))
        publisher.settimeout(5)
        with group.open_relay(publisher.getsockname()[1], receivers=2) as port:
            for receiver, count in ((ann, 4), (ann, 8), (ben, 4), (ben, 8), (ben, 12), (ann, 12)):
                receiver.sendto(b"%d" % count, ("127.0.0.1", port))
            assert [publisher.recv(64) for _ in range(3)] == [b"4", b"8", b"12"]


class Acks:
    """Stands in for a UDP socket: whoever has put a datagram knows that the last one was dealt with."""

    def __init__(self, datagrams: trio.MemoryReceiveChannel[tuple[bytes, tuple[str, int]]]) -> None:
        self._datagrams = datagrams

    async def __aiter__(self) -> AsyncIterator[tuple[bytes, tuple[str, int]]]:
        async for datagram in self._datagrams:
            yield datagram


class TakesAll:
    """Stands in for the SDK's client."""

    async def send(self, _room: str, _text: str) -> None:
        await anyio.lowlevel.checkpoint()


async def test_an_old_acknowledgement_does_not_open_the_window_of_the_next_flood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(p2pd_peer, "STALL_S", 0.05)
    put, take = trio.open_memory_channel[tuple[bytes, tuple[str, int]]](0)
    async with anyio.create_task_group() as tasks:
        acks = cast(anyio.abc.UDPSocket, Acks(take))
        peer = p2pd_peer.P2pdPeer(cast(Any, TakesAll()), "me", acks, tasks)
        with trio.fail_after(5):
            for count in (b"1000000", b"0"):  # the second is taken when the first has been dealt with
                await put.send((count, ("127.0.0.1", 1)))
            with pytest.RaisesGroup(pytest.RaisesExc(p2pd_peer.FloodStalled, match="3 of 3 messages")):
                await peer.flood(room="lobby", seconds=1, size=64, window=3, senders=1)
        tasks.cancel_scope.cancel()


# The README's table


def figures() -> list[dict[str, Any]]:
    def no_subjects(_setting: Setting) -> Any:
        raise NotImplementedError

    metric = Metric("many", "messages/s")
    rate = Benchmark(
        "rate",
        "two nodes",
        (metric,),
        ("js-libp2p", "go-libp2p"),
        (
            Target("many", "p2pd", "js-libp2p", 1.5, at_most=False),
            Target("many", "p2pd", None, 900, at_most=False),
        ),
        0,
        1,
        no_subjects,
    )
    result = Result(rate, [{"p2pd": {"many": 1200.0}, "js-libp2p": {"many": 1000.0}}])
    return json.loads(json.dumps([as_json(result)]))


def test_the_summary_has_what_was_measured_and_what_is_aimed_at() -> None:
    assert summary.summary(figures()).splitlines()[2:] == [
        "| two nodes, all in one request | 1,200/s | 1.20 | – | – | "
        "≥ 1.5 × js-libp2p (1.20): **missed**; ≥ 900/s: met |"
    ]
    assert summary.summary([]) == ""


def test_the_readme_gets_the_table_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{summary.BEGIN}old\n{summary.END}after\n")
    shown = {"measured_on": "2 cores", "benchmarks": figures()}
    summary.write_readme(shown, readme)
    written = readme.read_text()
    assert written.startswith(f"before\n{summary.BEGIN}2 cores.\n\n|  | p2pd |")
    assert written.endswith(f"missed**; ≥ 900/s: met |\n{summary.END}after\n")
    assert "old" not in written
    summary.write_readme(shown, readme)
    assert readme.read_text() == written
    readme.write_text("no place\n")
    with pytest.raises(ValueError, match="lacks the lines"):
        summary.write_readme(shown, readme)


def test_the_rows_of_the_summary_are_of_benchmarks_that_exist() -> None:
    for row in summary.ROWS:
        assert row.metric in {metric.key for metric in BENCHMARKS[row.benchmark].metrics}
