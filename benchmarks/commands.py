"""How long a person or a script waits: for a node to be ready, and for `p2pd status`."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from .foreign import IMPLEMENTATIONS, TITLES
from .model import Benchmark, BenchmarkError, Measure, Metric, Setting, Subjects, Target, Values
from .peer import P2PD_COMMAND, START_OPTIONS
from .processes import READY_S, open_line_process, run_once

PYTHON = "python -c pass"
BARE_PYTHON = (sys.executable, "-c", "pass")
TIME = Metric("ms", "milliseconds")


def time_to_ready(command: Sequence[str | Path], folder: Path, home: Path) -> float:
    """Milliseconds from starting a node to its ready line. The node is ended before this returns."""
    environment = {"P2PD_HOME": str(home)}
    before = time.perf_counter()
    with open_line_process([str(part) for part in command], folder / "start.log", environment) as node:
        ready = node.read(READY_S)
        after = time.perf_counter()
    if ready.get("event") != "ready":
        raise BenchmarkError(f"not a ready line: {ready}")
    return (after - before) * 1e3


@contextlib.contextmanager
def open_start(setting: Setting) -> Iterator[Subjects]:
    """A new home is made at the start, with an identity and a database; the same home has both already."""
    folder = setting.folder / "start"
    folder.mkdir()
    numbers = itertools.count()

    def p2pd_anew() -> Values:
        return {
            TIME.key: time_to_ready([P2PD_COMMAND, *START_OPTIONS], folder, folder / f"new-{next(numbers)}")
        }

    def p2pd_again() -> Values:
        return {TIME.key: time_to_ready([P2PD_COMMAND, *START_OPTIONS], folder, folder / "same")}

    subjects: dict[str, Measure] = {
        "p2pd start, new home": p2pd_anew,
        "p2pd start, same home": p2pd_again,
    }
    for foreign in IMPLEMENTATIONS:
        if command := foreign.command:
            subjects[foreign.title] = partial(_foreign_start, command, folder)
    subjects[PYTHON] = lambda: {TIME.key: run_once(BARE_PYTHON)}
    yield subjects


def _foreign_start(command: Sequence[str], folder: Path) -> Values:
    return {TIME.key: time_to_ready(command, folder, folder)}


@contextlib.contextmanager
def open_status(setting: Setting) -> Iterator[Subjects]:
    """One daemon answers all rounds. Its home is short-lived, and short: a socket's path has to be."""
    folder = setting.folder / "status"
    folder.mkdir()
    environment = {"P2PD_HOME": os.fspath(folder / "home")}
    status = [str(P2PD_COMMAND), "status"]
    with open_line_process([str(P2PD_COMMAND), *START_OPTIONS], folder / "start.log", environment) as daemon:
        daemon.read(READY_S)
        yield {
            "p2pd status": lambda: {TIME.key: run_once(status, environment)},
            PYTHON: lambda: {TIME.key: run_once(BARE_PYTHON)},
        }


START = Benchmark(
    name="start",
    title="from starting a node until it is ready",
    metrics=(TIME,),
    references=(PYTHON, *TITLES),
    targets=(Target(TIME.key, "p2pd start, new home", "js-libp2p", 1.5),),
    warm_ups=1,
    rounds=5,
    open_subjects=open_start,
)

STATUS = Benchmark(
    name="status",
    title="a command that asks the running daemon",
    metrics=(TIME,),
    references=(PYTHON,),
    targets=(Target(TIME.key, "p2pd status", PYTHON, 4),),
    warm_ups=1,
    rounds=20,
    open_subjects=open_status,
)
