"""Where a whole node's processor time goes, by part and message: `python -m benchmarks.parts [RECEIVERS] [--places]`.

One node sends, by one request for all, to RECEIVERS connected to it (1 by default). All are sampled (sampled.py).
Sampling costs some of the time itself: trust the shares.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from .gossip import ROOM, WIDE_WINDOW
from .group import gather
from .peer import LinePeer, PeerKind, open_peers
from .processes import cpu_seconds
from .star import flood

FLOOD_S = 4.0
WRITTEN_S = 5.0
SAMPLES = "samples.json"

SAMPLED = PeerKind(
    "p2pd",
    lambda folder: [sys.executable, "-m", "benchmarks.p2pd_peer", folder, "--sample", folder / SAMPLES],
)


def sample(receivers: int) -> tuple[int, list[dict[str, Any]], list[float]]:
    """(messages, what was sampled at each node, seconds that each node has computed), the sender first."""
    with tempfile.TemporaryDirectory(prefix="p2pd-bench-") as name:
        folder = Path(name)
        with open_peers(SAMPLED, folder, receivers + 1) as peers:
            gather(peers, [(number, 0) for number in range(1, receivers + 1)], ROOM)
            flood(peers, 1.0, many=True, window=WIDE_WINDOW)
            _tell(peers, signal.SIGUSR1)
            before = [cpu_seconds(peer.pid) for peer in peers]
            sent, _ = flood(peers, FLOOD_S, many=True, window=WIDE_WINDOW)
            used = [cpu_seconds(peer.pid) - then for peer, then in zip(peers, before, strict=True)]
            _tell(peers, signal.SIGUSR2)
            files = [folder / str(number) / SAMPLES for number in range(receivers + 1)]
            deadline = time.monotonic() + WRITTEN_S
            while not all(file.exists() for file in files) and time.monotonic() < deadline:
                time.sleep(0.02)
            return sent, [json.loads(file.read_text()) for file in files], used


def _tell(peers: list[LinePeer], what: signal.Signals) -> None:
    for peer in peers:
        os.kill(peer.pid, what)


def columns(found: list[dict[str, Any]], key: str, messages: int) -> tuple[Counter[str], Counter[str]]:
    """µs a message: of the sender, and of the receivers, on average."""
    sender, *receivers = found
    each: Counter[str] = Counter()
    for receiver in receivers:
        each.update({name: seconds / len(receivers) for name, seconds in receiver[key].items()})
    return (
        Counter({name: seconds / messages * 1e6 for name, seconds in sender[key].items()}),
        Counter({name: seconds / messages * 1e6 for name, seconds in each.items()}),
    )


def show(one: Counter[str], each: Counter[str], rows: int) -> None:
    names = [name for name, _ in (one + each).most_common(rows)]
    for name in names:
        print(f"{name:60}{one[name]:10.0f}{each[name]:10.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("receivers", type=int, nargs="?", default=1)
    parser.add_argument("--places", action="store_true", help="also the functions that most of it is in")
    asked = parser.parse_args()
    sent, found, used = sample(asked.receivers)
    print(f"{f'{sent} messages, µs of each':60}{'sends':>10}{'receives':>10}")
    one, each = columns(found, "parts", sent)
    show(one, each, len(one) + len(each))
    print(f"{'together':60}{sum(one.values()):10.0f}{sum(each.values()):10.0f}")
    others = sum(used[1:]) / asked.receivers
    print(f"{'by the system':60}{used[0] / sent * 1e6:10.0f}{others / sent * 1e6:10.0f}")
    if asked.places:
        print()
        show(*columns(found, "places", sent), 40)


if __name__ == "__main__":
    main()
