"""A daemon whose processor time is sampled by part: `python -m benchmarks.sampled FILE OPTION…`, as of `p2pd start`.

SIGUSR1 begins to sample, SIGUSR2 ends it and writes FILE: {"part": seconds, …} under "parts", and the functions under
"places". A timer that runs while the process computes interrupts it every millisecond; what each thread has computed
since then counts for the innermost frame of p2pd's that it is in, or for trio where it is in none.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from p2pd_daemon.__main__ import main as run_daemon

EVERY_S = 0.001
THREADS = {
    "store-writer": "SQLite, writing",
    "store-reader": "SQLite, reading for event streams",
    "store-flusher": "bringing commits to the disk",
}
OTHER_THREADS = "other threads"
OUTSIDE = "trio: tasks, waiting, scheduling"
# The first that a module's path begins with says which part it is.
SIGNATURES = "Ed25519"
PARTS = (
    (("core/public_key", "core/keys", "core/other_keys"), SIGNATURES),
    (("store/",), "the store, outside SQLite"),
    (("api/stream",), "the event stream"),
    (("api/",), "the HTTP API"),
    (("net/gossip", "core/gossip", "core/record", "core/wire"), "gossip"),
    (("net/muxer", "net/yamux", "net/noise", "net/outbox", "net/buffered"), "yamux, noise, TCP"),
    (("net/quick_stream", "net/streams"), "yamux, noise, TCP"),
    (("net/",), "the rest of net/"),
    (("node/", "core/"), "node/: admission, order, events"),
)
PACKAGE = "/p2pd_daemon/"


class Sampler:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._used: dict[int, float] = {}
        self._parts: Counter[str] = Counter()
        self._places: Counter[str] = Counter()

    def begin(self, _signal: int, _frame: FrameType | None) -> None:
        self._used = {ident: clock(ident) for ident in sys._current_frames()}
        self._parts.clear()
        self._places.clear()
        signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)

    def take(self, _signal: int, interrupted: FrameType | None) -> None:
        main = threading.main_thread().ident
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for ident, frame in sys._current_frames().items():
            used = clock(ident)
            spent = used - self._used.get(ident, 0.0)
            self._used[ident] = used
            part, place = where(interrupted if ident == main else frame)
            here = ident == main or part == SIGNATURES
            self._parts[part if here else _thread_part(names.get(ident, ""))] += spent
            self._places[place] += spent

    def end(self, _signal: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        written = self._file.with_suffix(".part")
        written.write_text(json.dumps({"parts": self._parts, "places": dict(self._places.most_common(60))}))
        written.replace(self._file)


def clock(ident: int) -> float:
    """The processor time of a thread."""
    return time.clock_gettime(time.pthread_getcpuclockid(ident))


def _thread_part(name: str) -> str:
    return next((part for start, part in THREADS.items() if name.startswith(start)), OTHER_THREADS)


def where(frame: FrameType | None) -> tuple[str, str]:
    """(part, place in the code)"""
    innermost = frame
    while frame is not None:
        _, inside, module = frame.f_code.co_filename.rpartition(PACKAGE)
        if inside and module != "__main__.py":
            part = next((name for starts, name in PARTS if module.startswith(starts)), "the rest")
            return part, f"{module}:{frame.f_code.co_qualname}"
        frame = frame.f_back
    code = innermost and innermost.f_code
    return OUTSIDE, f"{Path(code.co_filename).stem}:{code.co_qualname}" if code else ""


def main() -> int:
    sampler = Sampler(Path(sys.argv[1]))
    signal.signal(signal.SIGUSR1, sampler.begin)
    signal.signal(signal.SIGUSR2, sampler.end)
    signal.signal(signal.SIGPROF, sampler.take)
    return run_daemon(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
