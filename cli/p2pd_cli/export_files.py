"""Export files: reading them line by line, asking the daemon for one, and telling what was found in one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode

from p2pd_daemon.core.export_check import Checked, ExportCheck, Fault, Summary
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.errors import IdentityError
from p2pd_daemon.identity import load_identity

from p2pd_cli.call import ask
from p2pd_cli.output import local_time, note, one_line, print_json
from p2pd_cli.params import current_home
from p2pd_cli.since import Since

LONGEST_LINE = 4 * 1024 * 1024  # bytes; the largest record that any node can take has 1 MiB, in base64 1.4
LISTED_FAULTS = 100  # of one file; the rest is counted


class FaultList:
    """Counts faults, and shows or keeps the first of them."""

    def __init__(self, show: Callable[[Fault], None] | None) -> None:
        self.count = 0
        self.listed: list[Fault] = []
        self._show = show

    def add(self, faults: Iterable[Fault]) -> None:
        for fault in faults:
            self.count += 1
            if len(self.listed) < LISTED_FAULTS:
                self.listed.append(fault)
                if self._show:
                    self._show(fault)

    @property
    def more(self) -> int:
        return self.count - len(self.listed)


# Reading


@contextmanager
def open_export(file: str) -> Iterator[Iterator[bytes]]:
    """The file's lines; `-` is standard input. Raises OSError."""
    if file == "-":
        yield read_lines(sys.stdin.buffer)
        return
    with Path(file).open("rb") as stream:
        yield read_lines(stream)


def read_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Line by line; of one that is longer than any can be, the beginning."""
    while line := stream.readline(LONGEST_LINE):
        yield line
        while len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            line = stream.readline(LONGEST_LINE)


def checked_lines(check: ExportCheck, lines: Iterable[bytes], faults: FaultList) -> Iterator[Checked]:
    """Feeds them to the check and notes its faults, those of the end too."""
    for line in lines:
        checked = check.feed(line)
        faults.add(checked.faults)
        yield checked
    faults.add(check.finish())


def own_key() -> SigningKey | None:
    """The identity of this command line's home, if there is one: it opens its own conversations."""
    try:
        return load_identity(current_home().identity)
    except FileNotFoundError:
        return None
    except IdentityError as error:
        note(f"Without this node's key, as {error.message}")
        return None


# Asking


def export_lines(target: str, since: Since | None) -> Iterator[dict[str, Any]]:
    """The manifest and every record, page by page."""
    query: dict[str, Any] = {"target": target}
    if since is not None:
        query |= {"since_ms": max(since.ts_ms, 1)} if since.ts_ms is not None else {"after": since.id}
    while True:
        page = ask("GET", f"/v1/export?{urlencode(query)}")
        if page["manifest"] is not None:
            yield page["manifest"]
        yield from page["lines"]
        if page["next"] is None:
            return
        query = {"cursor": page["next"]}


# Telling


def tell_summary(file: str, summary: Summary, faults: FaultList, *, as_json: bool) -> None:
    if as_json:
        print_json({"file": file, **summary_object(summary, faults)})
        return
    if faults.more:
        print(f"… and {faults.more} more faults")
    if faults.count:
        many = "1 fault" if faults.count == 1 else f"{faults.count} faults"
        print(one_line(f"{file}: {many} in {summary.lines} lines"))
    else:
        print(one_line(f"{file}: ok: {_contents(summary)}"))


def summary_object(summary: Summary, faults: FaultList) -> dict[str, Any]:
    manifest = summary.manifest
    return {
        "ok": not faults.count,
        "room": manifest.room if manifest else None,
        "peer": manifest.peer if manifest else None,
        "by": manifest.by if manifest else None,
        "exported_ms": manifest.exported_ms if manifest else None,
        "lines": summary.lines,
        "records": summary.records,
        "gone": summary.gone,
        "unopened": summary.unopened,
        "authors": len(summary.authors),
        "first_ts_ms": summary.first_ts_ms,
        "last_ts_ms": summary.last_ts_ms,
        "faults": [{"line": fault.line, "what": fault.what} for fault in faults.listed],
        "more_faults": faults.more,
    }


def _contents(summary: Summary) -> str:
    manifest = summary.manifest
    if manifest is None:
        return "nothing"
    where = f"room {manifest.room}" if manifest.room is not None else f"conversation with {manifest.peer}"
    parts = [f"{where}: {summary.records} records of {len(summary.authors)} authors"]
    if summary.gone:
        parts.append(f"{summary.gone} deleted")
    if summary.first_ts_ms is not None:
        parts.append(f"{local_time(summary.first_ts_ms)} to {local_time(summary.last_ts_ms)}")
    if summary.unopened:
        parts.append(f"{summary.unopened} texts that only the two can check")
    return ", ".join(parts) + f"; exported {local_time(manifest.exported_ms)} by {manifest.by}"
