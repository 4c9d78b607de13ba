"""Streams between two nodes of one implementation: how fast a connection is made, and what a stream carries.

Run by itself it also measures py-libp2p as it comes: `python -m benchmarks.streams [seconds]`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from .foreign import IMPLEMENTATIONS
from .model import BenchmarkError
from .peer import LinePeer, PeerKind, open_peer
from .processes import cpu_seconds

ECHO_BYTES = 256
COLUMNS = ("connect ms", "echo/s", "CPU µs/echo", "bulk MB/s", "CPU ms/MB")

NET = PeerKind("p2pd net", lambda _folder: [sys.executable, "-m", "benchmarks.net_streams"])
STOCK = PeerKind("py-libp2p", lambda _folder: [sys.executable, "-m", "benchmarks.net_streams", "--stock"])


def kinds() -> list[PeerKind]:
    """p2pd's layer, py-libp2p, and those of the others that are built."""
    commands = [(other.title, other.command) for other in IMPLEMENTATIONS]
    built = [PeerKind(title, lambda _, command=command: command) for title, command in commands if command]
    return [NET, STOCK, *built]


def measure(kind: PeerKind, folder: Path, seconds: float) -> list[float]:
    """One value a column. The processor's time is both nodes'."""
    with open_peer(kind, folder / "one") as one, open_peer(kind, folder / "other") as other:
        connected = one.call("connect", addr=other.addr)["ms"]
        to = {"peer_id": other.addr.rpartition("/")[2]}
        one.call("echo", **to, seconds=0.2, size=ECHO_BYTES)
        before = _used(one, other)
        echo = one.call("echo", **to, seconds=seconds, size=ECHO_BYTES)
        between = _used(one, other)
        bulk = one.call("bulk", **to, seconds=seconds)
        after = _used(one, other)
    megabytes = bulk["bytes"] / 1e6
    return [
        connected,
        echo["count"] / echo["seconds"],
        (between - before) / echo["count"] * 1e6,
        megabytes / bulk["seconds"],
        (after - between) / megabytes * 1e3,
    ]


def _used(*peers: LinePeer) -> float:
    return sum(cpu_seconds(peer.pid) for peer in peers)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    print(f"{'':14}" + "".join(f"{column:>14}" for column in COLUMNS))
    for _ in range(2):
        for kind in kinds():
            with tempfile.TemporaryDirectory() as folder:
                try:
                    values = measure(kind, Path(folder), seconds)
                except BenchmarkError as error:
                    print(f"{kind.name:14}  {error}")
                    continue
                print(f"{kind.name:14}" + "".join(f"{value:14.2f}" for value in values), flush=True)


if __name__ == "__main__":
    main()
