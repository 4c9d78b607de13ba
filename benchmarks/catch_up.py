"""A late joiner and a room of 100,000 messages: how soon the end of it is on screen, and all of it is in.

Beside it the same machine, in the same round, checks every signature and inserts every record in batches,
in one process and with no network: less than that cannot be done by one processor.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import trio
from p2pd_client import quick

from . import big_room
from .model import Benchmark, BenchmarkError, Metric, Setting, Subjects, Target, Values
from .peer import P2PD_COMMAND, ROOT, START_OPTIONS
from .processes import READY_S, clean_environment, memory_mib, open_line_process, peak_memory_mib

RECORDS = 100_000
LONGEST_S = 600.0
LOOK_AGAIN_S = 0.05
SETTLE_S = 1.0

SECONDS = Metric("seconds", "seconds until all is in")
NEWEST = Metric("newest", "ms until the newest is there")
MEMORY = Metric("memory", "memory's growth, MiB")
JOINER = "late joiner"
PLAIN = "verify and insert"


class Daemon:
    """A running `p2pd start`, asked by its socket."""

    def __init__(self, pid: int, ready: dict[str, Any]) -> None:
        self.pid = pid
        self.addr: str = next(addr for addr in ready["addrs"] if "/ws" not in addr)
        self._socket: str = ready["socket"]

    def ask(self, method: str, path: str, body: object = None) -> Any:
        status, answer = quick.request(self._socket, method, path, body)
        if status != 200:
            raise BenchmarkError(f"{method} {path}: {answer}")
        return answer

    def newest(self) -> str:
        """The text of the newest message, "" without one."""
        history = self.ask("GET", f"/v1/history?room={big_room.ROOM}&limit=1")
        return str(history[-1]["text"]) if history else ""


@contextlib.contextmanager
def open_daemon(home: Path) -> Iterator[Daemon]:
    command = [str(P2PD_COMMAND), *START_OPTIONS]
    with open_line_process(command, home.with_suffix(".log"), {"P2PD_HOME": str(home)}) as process:
        yield Daemon(process.pid, process.read(READY_S))


def await_all(joiner: Daemon, home: Path, count: int, start: float) -> tuple[float, float]:
    """(seconds until the newest message could be read, seconds until all was there)"""
    newest = big_room.TEXT.format(count - 1)
    on_screen = None
    begun = False  # a short session may be over between two looks
    while time.perf_counter() - start < LONGEST_S:
        if on_screen is None:
            if joiner.newest() == newest:
                on_screen = time.perf_counter() - start
        else:
            syncing = joiner.ask("GET", "/v1/status")["syncing"]
            begun = begun or bool(syncing)
            if not syncing and (begun or records_in(home) == count):
                return on_screen, time.perf_counter() - start
        time.sleep(LOOK_AGAIN_S)
    raise BenchmarkError(f"not caught up within {LONGEST_S:g} s")


def records_in(home: Path) -> int:
    with contextlib.closing(sqlite3.connect(home / big_room.STORE)) as conn:
        return int(conn.execute("SELECT count(*) FROM records").fetchone()[0])


def catch_up(member: Daemon, home: Path, count: int) -> Values:
    """A new node joins the room and connects to the member."""
    with open_daemon(home) as joiner:
        joiner.ask("POST", "/v1/join", {"room": big_room.ROOM})
        time.sleep(SETTLE_S)
        memory, _ = memory_mib(joiner.pid)
        start = time.perf_counter()
        joiner.ask("POST", "/v1/connect", {"addr": member.addr})
        on_screen, took = await_all(joiner, home, count, start)
        grown = peak_memory_mib(joiner.pid) - memory
    if (found := records_in(home)) != count:
        raise BenchmarkError(f"{found} of {count} records were there when it had caught up")
    shutil.rmtree(home)
    return {SECONDS.key: took, NEWEST.key: on_screen * 1e3, MEMORY.key: grown}


def plainly(home: Path, count: int) -> Values:
    """In a process of its own, as the joiner is."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.big_room", home, str(count)],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"verifying and inserting: {done.stderr[-500:]}")
    shutil.rmtree(home)
    values: dict[str, float] = json.loads(done.stdout)
    return values


@contextlib.contextmanager
def open_catch_up(setting: Setting) -> Iterator[Subjects]:
    """The member that has the room answers every round."""
    count = min(RECORDS, setting.effort.records)
    folder = setting.folder / "catch-up"
    folder.mkdir()
    (folder / "member").mkdir()
    trio.run(big_room.fill, folder / "member", big_room.say_all(count))
    numbers = itertools.count()
    with open_daemon(folder / "member") as member:
        yield {
            JOINER: lambda: catch_up(member, folder / f"joiner-{next(numbers)}", count),
            PLAIN: lambda: plainly(folder / f"plain-{next(numbers)}", count),
        }


CATCH_UP = Benchmark(
    name="catch-up",
    title=f"a late joiner and a room of {RECORDS:,} messages",
    metrics=(SECONDS, NEWEST, MEMORY),
    references=(PLAIN,),
    targets=(Target(SECONDS.key, JOINER, PLAIN, 1.5),),
    warm_ups=0,
    rounds=1,
    open_subjects=open_catch_up,
)
