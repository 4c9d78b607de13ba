"""What a benchmark is: subjects that are measured in turn, the metrics of a measurement, and what is aimed at.

A subject is one thing under measurement ("p2pd", "js-libp2p"); measuring it once gives one value per metric.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

Values = Mapping[str, float]  # metric key → value in the metric's unit
Measure = Callable[[], Values]  # measures one subject once; raises BenchmarkError
Subjects = Mapping[str, Measure]


class BenchmarkError(Exception):
    """A measurement could not be made; the text says why."""


@dataclass(frozen=True, slots=True)
class Metric:
    key: str
    label: str  # with its unit, as it is printed


@dataclass(frozen=True, slots=True)
class Target:
    """`subject` shall be at most (or at least) `bound` times `reference` in `metric`; without one, `bound` itself."""

    metric: str
    subject: str
    reference: str | None
    bound: float
    at_most: bool = True

    def is_met(self, measured: float) -> bool:
        return measured <= self.bound if self.at_most else measured >= self.bound


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: `rounds` and `seconds` are shares of each benchmark's own; the others are bounds."""

    name: str
    rounds: float = 1
    seconds: float = 1
    nodes: int = 1000
    records: int = 100_000

    def rounds_of(self, own: int) -> int:
        return max(1, round(own * self.rounds))


FULL = Effort("full")
QUICK = Effort("quick", rounds=0.3, seconds=0.5)
# That everything runs, for a test; the figures mean nothing.
TINY = Effort("tiny", rounds=0, seconds=0.1, nodes=4, records=500)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a benchmark may use: a folder for what its processes write, and how much it is to measure."""

    folder: Path
    effort: Effort = FULL


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`open_subjects` sets up what the measurements share and ends every process that it started.

    The first `warm_ups` rounds go unreported: they fill the page cache and write the compiled modules.
    """

    name: str
    title: str
    metrics: tuple[Metric, ...]
    references: tuple[str, ...]
    targets: tuple[Target, ...]
    warm_ups: int
    rounds: int
    open_subjects: Callable[[Setting], AbstractContextManager[Subjects]]


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one subject, a value per round."""

    values: tuple[float, ...]

    @property
    def lowest(self) -> float:
        return min(self.values)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def highest(self) -> float:
        return max(self.values)

    def ratio_to(self, reference: Series) -> float | None:
        """The median of the rounds' own ratios: what slows a whole round down does not count.

        None when the reference has a zero.
        """
        if not all(reference.values):
            return None
        return statistics.median(
            mine / theirs for mine, theirs in zip(self.values, reference.values, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Result:
    """A benchmark's rounds, in the order in which they ran."""

    benchmark: Benchmark
    rounds: Sequence[Mapping[str, Values]]  # subject → values

    def subjects(self) -> list[str]:
        return list(self.rounds[0])

    def series(self, metric: str, subject: str) -> Series:
        return Series(tuple(one_round[subject][metric] for one_round in self.rounds))

    def ratio(self, metric: str, subject: str, reference: str) -> float | None:
        """None when the reference was not measured."""
        if reference not in self.rounds[0]:
            return None
        return self.series(metric, subject).ratio_to(self.series(metric, reference))

    def against(self, target: Target) -> float | None:
        """What the target's bound is compared with; None when the reference was not measured."""
        if target.reference is None:
            return self.series(target.metric, target.subject).median
        return self.ratio(target.metric, target.subject, target.reference)


def run_rounds(subjects: Subjects, rounds: int, warm_ups: int) -> list[dict[str, Values]]:
    """Measures all subjects in every round, beginning with another one each time.

    So none has a fixed place after another, and a change of the machine's speed falls on all alike.
    """
    names = list(subjects)
    measured: list[dict[str, Values]] = []
    for number in range(warm_ups + rounds):
        first = number % len(names)
        values = {name: subjects[name]() for name in names[first:] + names[:first]}
        if number >= warm_ups:
            measured.append({name: values[name] for name in names})
    return measured
