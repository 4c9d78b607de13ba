"""`python -m benchmarks [NAME…]`: builds the other implementations' peers, measures, and prints a table per benchmark.

Without a NAME all are run, and benchmarks/results/ gets the figures (JSON) and the tables (Markdown).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .catch_up import CATCH_UP
from .commands import START, STATUS
from .foreign import IMPLEMENTATIONS, TITLES, build_missing, find_node
from .gossip import LATENCY, LAYER, RATE
from .idle import IDLE
from .machine import describe_machine, machine_line
from .memory import MEMORY
from .mesh import MESHES
from .model import FULL, QUICK, TINY, Benchmark, BenchmarkError, Result, Setting, run_rounds
from .report import as_json, table
from .star import STAR
from .streams import CONNECT, STREAMS
from .summary import FIGURES, as_markdown, summary, write_readme

BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        *(START, STATUS, CONNECT, MEMORY, *IDLE),
        *(RATE, LAYER, LATENCY, STAR, *MESHES, STREAMS, CATCH_UP),
    )
}
EFFORTS = {effort.name: effort for effort in (FULL, QUICK, TINY)}
MOST_ROUNDS = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when all that was asked for was measured, whether the targets are met or not; else 1."""
    asked = parse(arguments)
    names = asked.names or list(BENCHMARKS)
    if any(title in BENCHMARKS[name].references for name in names for title in TITLES):
        find_others(build=asked.build)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="p2pd-bench-") as folder:
        setting = Setting(Path(folder), EFFORTS[asked.effort])
        machine = describe_machine(setting.folder, find_node())
        print(machine_line(machine), flush=True)
        for name in names:
            try:
                results.append(measure(BENCHMARKS[name], setting, asked.repeat))
            except BenchmarkError as error:
                print(f"\n{name}: failed: {error}", file=sys.stderr, flush=True)
                continue
            print(f"\n{table(results[-1])}", flush=True)
    figures = {
        "measured_on": machine_line(machine),
        "machine": machine,
        "effort": asked.effort,
        "benchmarks": [as_json(result) for result in results],
    }
    print(f"\n{summary(figures['benchmarks'])}", flush=True)
    write(asked, figures, [table(result) for result in results])
    return int(len(results) < len(names))


def find_others(*, build: bool) -> None:
    """Builds the others' peers where they are missing, and says which are left out."""
    if build:
        build_missing()
    for foreign in IMPLEMENTATIONS:
        if foreign.command is None:
            print(f"{foreign.title} is not built, and left out: see `make interop`", flush=True)


def measure(benchmark: Benchmark, setting: Setting, rounds: int | None) -> Result:
    effort = setting.effort
    warm_ups = min(benchmark.warm_ups, effort.rounds_of(benchmark.rounds) - 1)
    with benchmark.open_subjects(setting) as subjects:
        return Result(benchmark, run_rounds(subjects, rounds or effort.rounds_of(benchmark.rounds), warm_ups))


def write(asked: argparse.Namespace, figures: dict[str, Any], tables: list[str]) -> None:
    """Where it was asked for; a complete run also where the README's figures come from."""
    paths = [asked.json] if asked.json else []
    if not asked.names and asked.effort == FULL.name:
        paths.append(FIGURES)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        markdown = as_markdown(figures["measured_on"], figures["benchmarks"], tables)
        path.with_suffix(".md").write_text(markdown, encoding="utf-8")
        print(f"written: {path} and {path.with_suffix('.md').name}", flush=True)
    if asked.readme:
        write_readme(figures)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = ", ".join(BENCHMARKS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {known}; all when none is named")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also writes every value there, and the tables beside it"
    )
    parser.add_argument("--readme", action="store_true", help="also writes the README's table")
    parser.add_argument(
        "--repeat", type=rounds_from_text, metavar="N", help="rounds of each, instead of its own number"
    )
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument(
        "--quick",
        dest="effort",
        action="store_const",
        const=QUICK.name,
        help="one round of most, and shorter",
    )
    effort.add_argument(
        "--tiny",
        dest="effort",
        action="store_const",
        const=TINY.name,
        help="with fewer nodes and messages than the titles say: shows that all runs, the figures mean nothing",
    )
    parser.add_argument(
        "--no-build", dest="build", action="store_false", help="builds no peers of other implementations"
    )
    parser.set_defaults(effort=FULL.name)
    asked = parser.parse_args(arguments)
    for name in asked.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}; there are {known}")
    if asked.readme and (asked.names or asked.effort != FULL.name):
        parser.error("--readme needs a complete run")
    return asked


def rounds_from_text(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= MOST_ROUNDS:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a number from 1 to {MOST_ROUNDS}, not {text!r}")


if __name__ == "__main__":
    sys.exit(main())
