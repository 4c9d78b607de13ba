"""A soak: five whole nodes, 20 messages a second, and churn, for as long as one likes.

    python -m benchmarks.soak --minutes 30 --plot docs/soak.svg

Three nodes stay up and are watched: memory, open files and tasks must be flat once they are warm. Two are killed and
restarted all the time. Meanwhile strangers dial with garbage, clients leave without a word, rooms are joined and
left, connections cut. In the end all five have the same messages, and every one that was taken is among them.

Everything listens on loopback; it stops by itself. Exit code 1 when something grew or a message is missing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from .soak_nodes import ROOM, Churn, Sample, SoakNode, save_samples

STEADY = ("ann", "bob", "cleo")
MOVING = ("dan", "eve")
LONGEST_END_S = 60.0  # for the five to end with the same messages
SAMPLES = 360  # in the whole soak, but not more than one a second
EDGE = 0.1  # of the samples that count: the first and the last tenth are compared


@dataclass(frozen=True, slots=True)
class Judged:
    """A node's figure when it was warm and at the end. `room` is how much it may have grown, as a part of 1."""

    node: str
    what: str
    warm: float
    end: float
    room: float

    @property
    def grown(self) -> float:
        return self.end / self.warm - 1

    @property
    def flat(self) -> bool:
        return self.grown <= self.room

    def __str__(self) -> str:
        verdict = "flat" if self.flat else f"GREW by more than {self.room:.0%}"
        return (
            f"{self.node:6} {self.what:6} {self.warm:8.1f} → {self.end:8.1f}  {self.grown:+6.1%}  {verdict}"
        )


def judge(samples: Sequence[Sample], warm_s: float, memory_room: float = 0.05) -> list[Judged]:
    """Compares medians, of the first tenth after `warm_s` with the last, for each node.

    Open files and tasks go up and down with the connections of the moment: a tenth and two more are no leak. Memory is
    RSS: PSS goes up and down with how many other nodes run, who share pages.
    """
    judged = []
    for node in dict.fromkeys(sample.node for sample in samples):
        own = [sample for sample in samples if sample.node == node and sample.seconds >= warm_s]
        edge = max(1, int(len(own) * EDGE))
        for what, room in (("rss", memory_room), ("files", 0.1), ("tasks", 0.1)):
            series = [float(getattr(sample, what)) for sample in own]
            warm, end = median(series[:edge]), median(series[-edge:])
            slack = 0.0 if what == "rss" else 2 / warm
            judged.append(Judged(node, what, warm, end, room + slack))
    return judged


@contextmanager
def open_nodes(folder: Path) -> Iterator[tuple[list[SoakNode], list[SoakNode]]]:
    """(those that stay, those that come and go), all in the room, all connected to the first."""
    steady = [SoakNode(name, folder) for name in STEADY]
    moving = [SoakNode(name, folder) for name in MOVING]
    nodes = steady + moving
    try:
        for node in nodes:
            node.start()
            node.ask("POST", "/v1/join", {"room": ROOM})
        for number, node in enumerate(nodes):
            for other in nodes[:number]:
                node.ask("POST", "/v1/connect", {"addr": other.addr})
        yield steady, moving
    finally:
        for node in nodes:
            node.end()


def talk(
    nodes: Sequence[SoakNode], watched: Sequence[SoakNode], seconds: float, rate: float
) -> tuple[set[str], list[Sample]]:
    """Everybody speaks in turn. The ids of the messages that were taken, and what the watched nodes held meanwhile."""
    start = time.monotonic()
    every = max(1.0, seconds / SAMPLES)
    taken: set[str] = set()
    samples: list[Sample] = []
    number = 0
    while (now := time.monotonic() - start) < seconds:
        if len(samples) < (now // every + 1) * len(watched):
            samples += [node.sample(now) for node in watched]
        node = nodes[number % len(nodes)]
        if node.up and (sent := node.send(f"message {number} of the soak, said by {node.name}")):
            taken.add(sent)
        number += 1
        time.sleep(max(0.0, start + number / rate - time.monotonic()))
    return taken, samples


def missing(nodes: Sequence[SoakNode], taken: set[str]) -> list[str]:
    """What is wrong with the histories; waits until nothing is, or LONGEST_END_S are over."""
    deadline = time.monotonic() + LONGEST_END_S
    while True:
        histories = {node.name: node.ids() for node in nodes}
        everything = set.union(*histories.values())
        wrong = [
            f"{name} lacks {len(everything - ids)} of {len(everything)}"
            for name, ids in histories.items()
            if ids != everything
        ]
        if lost := taken - everything:
            wrong.append(f"nobody has {len(lost)} that were taken")
        if not wrong or time.monotonic() > deadline:
            return wrong
        time.sleep(1)


def soak(
    folder: Path, *, seconds: float, rate: float, churn_s: float, seed: int
) -> tuple[list[Sample], list[str]]:
    """(the samples, what is wrong with the histories)"""
    with open_nodes(folder) as (steady, moving):
        churn = Churn(steady, moving, seed, churn_s)
        churn.start()
        try:
            taken, samples = talk([*steady, *moving], steady, seconds, rate)
        finally:
            churn.stop()
        print(f"{len(taken)} messages taken in {seconds / 60:g} min; {churn.happened}", flush=True)
        return samples, missing([*steady, *moving], taken)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=20, help="messages a second, all authors together")
    parser.add_argument("--churn", type=float, default=10, help="seconds between two things that happen")
    parser.add_argument("--warm", type=float, help="minutes that do not count (a fifth of all)")
    parser.add_argument("--memory", type=float, default=0.05, help="how much memory may grow, as a part of 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=Path, help="write every sample there, a JSON object a line")
    parser.add_argument("--plot", type=Path, help="draw the samples there, as SVG")
    options = parser.parse_args()
    warm_s = 60 * (options.minutes / 5 if options.warm is None else options.warm)
    with tempfile.TemporaryDirectory(prefix="p2pd-soak-") as folder:
        samples, wrong = soak(
            Path(folder),
            seconds=60 * options.minutes,
            rate=options.rate,
            churn_s=options.churn,
            seed=options.seed,
        )
    if options.samples:
        save_samples(options.samples, samples)
    if options.plot:
        from .soak_plot import plot

        plot(options.plot, samples, warm_s)
    judged = judge(samples, warm_s, options.memory)
    print(*judged, *wrong, sep="\n")
    if not wrong:
        print("all five have the same messages, and every one that was taken")
    sys.exit(bool(wrong) or not all(one.flat for one in judged))


if __name__ == "__main__":
    main()
