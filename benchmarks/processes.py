"""Processes that the benchmarks start: each a group of its own, ended with all that it started; and what /proc says.

Linux only, like the figures that are taken from /proc.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .model import BenchmarkError

READY_S = 30.0
ANSWER_S = 30.0
STOP_S = 10.0
READ_BYTES = 65536
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class LineProcess:
    """A process that prints one JSON object a line. `log` takes its standard error."""

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str], folder: Path | None = None
    ) -> None:
        self._name = Path(command[0]).name
        self._log = log
        self._received = b""
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def write(self, line: Mapping[str, object]) -> None:
        """Raises BenchmarkError when the process does not listen any more."""
        pipe = self._process.stdin
        assert pipe is not None
        try:
            pipe.write(json.dumps(line).encode() + b"\n")
            pipe.flush()
        except OSError as error:
            raise BenchmarkError(f"{self._name} ended: {self._last_words()}") from error

    def read(self, timeout: float) -> dict[str, Any]:
        """The next line. Raises BenchmarkError when it ends, talks nonsense, or takes longer than `timeout`."""
        pipe = self._process.stdout
        assert pipe is not None
        deadline = time.monotonic() + timeout
        while b"\n" not in self._received:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([pipe], [], [], left)[0]:
                raise BenchmarkError(f"{self._name} said nothing for {timeout:g} s: {self._last_words()}")
            received = os.read(pipe.fileno(), READ_BYTES)
            if not received:
                raise BenchmarkError(f"{self._name} ended: {self._last_words()}")
            self._received += received
        line, _, self._received = self._received.partition(b"\n")
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise BenchmarkError(f"{self._name} printed what is not a JSON object: {line[:200]!r}")
        return answer

    def hang_up(self) -> None:
        """Closes its standard input, which ends it; `close` waits for that."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def close(self) -> None:
        """Closes its standard input, asks it to end, and kills its group, if anything is left, after STOP_S."""
        assert self._process.stdout is not None
        self.hang_up()
        if self._process.returncode is None:
            os.kill(self.pid, signal.SIGTERM)  # terminate() would reap it
        # Waited for without being reaped, so that the group's number cannot be another's by now.
        deadline = time.monotonic() + STOP_S
        while not _has_ended(self.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace").strip()[-1500:] or "no error output"


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


@contextlib.contextmanager
def open_line_process(
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str] | None = None,
    *,
    folder: Path | None = None,
) -> Iterator[LineProcess]:
    """`environment` is added to ours, which loses every setting of p2pd's."""
    process = LineProcess(command, log, clean_environment() | dict(environment or {}), folder)
    try:
        yield process
    finally:
        process.close()


def clean_environment() -> dict[str, str]:
    """Ours without what would change a node's settings, or how Python runs.

    PYTHONDONTWRITEBYTECODE above all: where it is set, each start compiles a thousand modules anew, for seconds.
    """
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("P2PD_", "PYTHON", "NODE_"))
    }


def run_once(command: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """Milliseconds from starting the command to its end. Raises BenchmarkError when it fails or takes long."""
    before = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            env=clean_environment() | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWER_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"{command[0]} did not end within {ANSWER_S:g} s") from error
    after = time.perf_counter()
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.decode()[-500:]}")
    return (after - before) * 1e3


def cpu_seconds(pid: int) -> float:
    """Processor time that the process has used, in user and system mode (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def memory_mib(pid: int | str) -> tuple[float, float]:
    """(RSS, PSS): all its resident pages, and those with shared pages divided among who shares them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return kib["Rss"] / 1024, kib["Pss"] / 1024


def peak_memory_mib(pid: int | str) -> float:
    """The most resident memory that it ever had (proc(5), VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024
