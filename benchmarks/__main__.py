"""`python -m benchmarks [NAME…] [--json FILE] [--repeat N]`: measures, and prints a table per benchmark."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .catch_up import CATCH_UP
from .commands import START, STATUS
from .foreign import find_node
from .gossip import LATENCY, LAYER, RATE
from .idle import IDLE
from .machine import describe_machine, machine_line
from .memory import MEMORY
from .model import Benchmark, BenchmarkError, Result, Setting, run_rounds
from .report import as_json, table

BENCHMARKS = {
    benchmark.name: benchmark for benchmark in (START, STATUS, MEMORY, *IDLE, RATE, LAYER, LATENCY, CATCH_UP)
}
MOST_ROUNDS = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when all that was asked for was measured, whether the targets are met or not; else 1."""
    asked = parse(arguments)
    node = find_node()
    results: list[Result] = []
    failed = False
    with tempfile.TemporaryDirectory(prefix="p2pd-bench-") as folder:
        setting = Setting(Path(folder), node)
        machine = describe_machine(setting.folder, node)
        print(machine_line(machine), flush=True)
        if node is None:
            print("js-libp2p is skipped: it needs Node 22 and `make interop`", flush=True)
        for name in asked.names or BENCHMARKS:
            try:
                result = measure(BENCHMARKS[name], setting, asked.repeat)
            except BenchmarkError as error:
                print(f"\n{name}: failed: {error}", file=sys.stderr, flush=True)
                failed = True
                continue
            results.append(result)
            print(f"\n{table(result)}", flush=True)
    if asked.json:
        written = {"machine": machine, "benchmarks": [as_json(result) for result in results]}
        asked.json.write_text(json.dumps(written, indent=2) + "\n")
    return int(failed)


def measure(benchmark: Benchmark, setting: Setting, rounds: int | None) -> Result:
    with benchmark.open_subjects(setting) as subjects:
        return Result(benchmark, run_rounds(subjects, rounds or benchmark.rounds, benchmark.warm_ups))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = ", ".join(BENCHMARKS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {known}; all when none is named")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also writes every value to this file")
    parser.add_argument(
        "--repeat", type=rounds_from_text, metavar="N", help="rounds of each, instead of its own number"
    )
    asked = parser.parse_args(arguments)
    for name in asked.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}; there are {known}")
    return asked


def rounds_from_text(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= MOST_ROUNDS:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a number from 1 to {MOST_ROUNDS}, not {text!r}")


if __name__ == "__main__":
    sys.exit(main())
