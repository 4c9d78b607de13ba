"""What a swarm spends, simulated: `python -m benchmarks.swarm [SIZE…]`, by default 10, 100 and 1,000 nodes.

The same virtual run for each size (`tests/sim/swarm.py`): messages, a partition that heals, crashes and returns,
10 % of gossip lost. Then rounds, bytes per node and redundancy against the size. The same seed gives the same table.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from sim.swarm import Swarm, missed
from sim.test_swarm import MEND_S, live_through

MESSAGES = 60
SEED = 7
HEAD = ("nodes", "missed", "gossip copies", "by sync", "sessions", "rounds", "sync KiB", "idle bytes")


def row(size: int) -> tuple[object, ...]:
    """One run; per node and message where that makes sizes comparable."""
    swarm = Swarm(SEED, size, loss=0.1)
    live_through(swarm, MESSAGES)
    swarm.run(MEND_S)
    totals = swarm.totals
    done = totals.sessions - totals.broken
    said = len(swarm.said)
    return (
        size,
        sum(missed(swarm).values()),
        f"{totals.gossip / size / said:.2f}",
        f"{100 * totals.synced / size / said:.1f} %",
        f"{totals.sessions / size:.1f}",
        f"{totals.rounds / max(1, done):.2f}",
        f"{totals.sync_bytes / size / 1024:.1f}",
        f"{totals.idle_bytes / max(1, totals.idle_sessions):.0f}",
    )


def main(arguments: Sequence[str]) -> int:
    sizes = [int(one) for one in arguments] or [10, 100, 1000]
    print(
        f"{MESSAGES} messages, 10 % of gossip lost, a partition, crashes; {MEND_S:.0f} virtual seconds after"
    )
    print(
        "per node: copies of each message heard by gossip, share of messages that came by sync, sessions begun,"
    )
    print("rounds a session, KiB of sync in all; bytes of a session between equal sides")
    for line in (HEAD, *(row(size) for size in sizes)):
        print("".join(f"{cell!s:>15}" for cell in line))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
