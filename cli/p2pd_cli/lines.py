"""Standard input's lines as messages, and what became of each."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections import deque
from concurrent.futures import CancelledError

from p2pd_client import Client, ConnectionLost, DaemonNotRunning, Receipt, Receipts, connect
from p2pd_client.errors import EXIT_CODES, ApiError
from p2pd_client.ndjson import LineReader
from p2pd_daemon.errors import BadText

from p2pd_cli.call import ask
from p2pd_cli.failures import CliError, report
from p2pd_cli.output import note
from p2pd_cli.params import given_home
from p2pd_cli.sent import sent_line

READ_BYTES = 64 * 1024
DYING_S = 2.0
DYING_LOOKS = 40
LINE_BYTES = 1024 * 1024  # far above any message; a longer line is not kept to find out


class Outcome:
    """What is told to the person: receipts on stdout, errors on stderr with the line's number."""

    def __init__(self, room: str, *, as_json: bool) -> None:
        self.stored = 0
        self.failed = 0
        self.exit_code = 0
        self._room = room
        self._as_json = as_json
        self._hints: set[str] = set()

    def show(self, numbered: list[tuple[int, Receipt]]) -> None:
        good = [receipt for _, receipt in numbered if receipt.error is None]
        shown = [
            sent_line(
                {"id": one.id, "room": self._room, "ts_ms": one.ts_ms, "state": one.state}, self._as_json
            )
            for one in good
        ]
        if shown:
            self.stored += len(shown)
            print("\n".join(shown))
        for line, receipt in numbered:
            if receipt.error is not None:
                error = receipt.error
                self.refuse(line, error.message, error.hint, EXIT_CODES.get(error.code, 1))

    def refuse(self, line: int, message: str, hint: str, exit_code: int) -> None:
        self.failed += 1
        self.exit_code = self.exit_code or exit_code
        report(f"line {line}: {message}", "" if hint in self._hints else hint)
        self._hints.add(hint)

    def finish(self) -> None:
        """Raises CliError when a line failed."""
        if self.failed:
            counts = f"{self.failed} of {self.stored + self.failed} messages were not sent"
            raise CliError(counts, exit_code=self.exit_code)


class InputLines:
    """The texts, one at a time; empty lines are skipped. `numbers` are the lines of those that have no receipt yet."""

    def __init__(self, outcome: Outcome) -> None:
        self.numbers: deque[int] = deque()
        self._outcome = outcome
        self._reader = LineReader(LINE_BYTES)
        self._count = 0
        self._found: deque[tuple[int, str]] = deque()
        self._ahead: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        self._ended = False
        # A thread, because a file cannot be waited for; a daemon thread, because Ctrl-C does not end its read.
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read_ahead, args=(loop,), name="stdin", daemon=True).start()

    def __aiter__(self) -> InputLines:
        return self

    async def __anext__(self) -> str:
        if not await self.more():
            raise StopAsyncIteration
        number, text = self._found.popleft()
        self.numbers.append(number)
        return text

    async def more(self) -> bool:
        """Waits for a text, and leaves it for `anext`; False at the end."""
        while not self._found and not self._ended:
            part = await self._ahead.get()
            self._ended = not part
            for line in self._reader.feed(part) if part else self._reader.finish():
                self._count += 1
                self._add(line)
        return bool(self._found)

    @property
    def next_number(self) -> int | None:
        """The line that `anext` has at hand, if it has one."""
        return self._found[0][0] if self._found else None

    def _add(self, line: bytes | None) -> None:
        if line is None:
            self._outcome.refuse(
                self._count, f"it has more than {LINE_BYTES} bytes", "Split it.", EXIT_CODES["too_large"]
            )
            return
        try:
            text = line.decode()
        except UnicodeDecodeError:
            hint = "Convert it first, for example with iconv."
            self._outcome.refuse(self._count, "it is not UTF-8", hint, BadText.exit_code)
            return
        if text.strip():
            self._found.append((self._count, text))

    def _read_ahead(self, loop: asyncio.AbstractEventLoop) -> None:
        stdin = sys.stdin.fileno()
        while True:
            try:
                part = os.read(stdin, READ_BYTES)
            except OSError:  # a terminal that has gone
                part = b""
            try:
                asyncio.run_coroutine_threadsafe(self._ahead.put(part), loop).result()
            except (RuntimeError, CancelledError):  # the loop has ended
                return
            if not part:
                return


async def send_lines(room: str, kind: str, *, as_json: bool) -> None:
    """Sends each line of standard input. Raises ApiError, and CliError when a line was not sent."""
    outcome = Outcome(room, as_json=as_json)
    lines = InputLines(outcome)
    try:
        async with connect(given_home()) as client:
            await _send_all(client, room, kind, lines, outcome)
    except asyncio.CancelledError:  # Ctrl-C
        if outcome.stored or lines.numbers:
            under_way = f" {len(lines.numbers)} more were under way and may follow." if lines.numbers else ""
            note(f"{outcome.stored} messages were stored.{under_way}")
        raise
    outcome.finish()


async def _send_all(client: Client, room: str, kind: str, lines: InputLines, outcome: Outcome) -> None:
    """One request for all. When the daemon restarts while nothing is under way the next line begins another."""
    while True:
        try:
            async with client.send_many(room, lines, kind) as receipts:
                await _show(receipts, lines, outcome)
            return
        except ConnectionLost as error:
            if lines.numbers:
                raise _cut_off(lines.numbers[0], outcome, error) from error
        except ApiError as error:
            if (line := lines.next_number) is None:
                raise
            raise CliError(
                f"line {line}: {error.message}", hint=error.hint, exit_code=error.exit_code
            ) from error
        if not await lines.more():
            return


async def _show(receipts: Receipts, lines: InputLines, outcome: Outcome) -> None:
    while batch := await receipts.batch():
        outcome.show([(lines.numbers.popleft(), receipt) for receipt in batch])


def _cut_off(line: int, outcome: Outcome, error: ApiError) -> CliError:
    return CliError(
        f"line {line}: {error.message}; {outcome.stored} messages before it were stored",
        hint=f"Whether line {line} and those after it were stored `p2pd history` shows.",
        exit_code=3 if _is_gone() else error.exit_code,
    )


def _is_gone() -> bool:
    """Whether the daemon has ended. One that was killed a moment ago still takes connections, and drops them."""
    for _ in range(DYING_LOOKS):
        try:
            ask("GET", "/health")
        except DaemonNotRunning:
            return True
        except ConnectionLost:
            time.sleep(DYING_S / DYING_LOOKS)
            continue
        return False
    return False
