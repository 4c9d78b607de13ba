"""`p2pd status` without click: it answers within a few times the interpreter's own start (see benchmarks/)."""

# ruff: noqa: PLC0415 - each import is paid only where it is needed

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

WRONG_CLOCK_MS = 60_000  # below it nobody notices; at 5 minutes others hold one's messages back


def quick_status(arguments: Sequence[str]) -> int | None:
    """Runs `p2pd status` and returns its exit code; None leaves it to the full command line.

    It knows `--json` and `--home FOLDER`. Whatever is not plain (an error, help, another option, text that a
    terminal might obey) is left to the full one, which does the same at leisure.
    """
    home: str | None = None
    as_json = False
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--json":
            as_json = True
        elif argument == "--home" and rest:
            home = rest.pop(0)
        else:
            return None
    from p2pd_client import quick
    from p2pd_client.errors import ApiError

    try:
        status = quick.ask("GET", "/v1/status", home=home)
    except ApiError:
        return None
    text = _as_json(status) if as_json else _as_text(status)
    if not text.isascii():
        return None
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        from p2pd_cli.failures import leave_closed_pipe

        return leave_closed_pipe()
    return 0


def _as_json(status: object) -> str:
    import json

    return json.dumps(status, separators=(",", ":"), ensure_ascii=False).replace("\x7f", "\\u007f") + "\n"


def _as_text(status: dict[str, Any]) -> str:
    """As `output.print_fields`; a control character makes it non-ASCII, so that the full command shows it."""
    lines = []
    fields = status_fields(status)
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        shown = value if value.isprintable() else "\N{REPLACEMENT CHARACTER}"
        lines.append(f"{name:<{width}}  {shown}".rstrip() + "\n")
    return "".join(lines)


def status_fields(status: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, value) for each line that a person sees."""
    outbox = status["outbox"]
    running = f"{duration(status['uptime_ms'])}, process {status['pid']}, version {status['version']}"
    fields = [
        ("peer ID", status["peer_id"]),
        ("nickname", status["nick"] or "-"),
        ("running", running),
        ("peers", str(status["peers"])),
        ("rooms", str(status["rooms"])),
        ("outbox", f"{outbox['queued']} queued, {outbox['sent']} sent"),
        ("page", status["http"] or "off"),
        ("home", status["home"]),
    ]
    fields += [("address" if not n else "", addr) for n, addr in enumerate(status["addrs"])]
    fields += [("bootstrap" if not n else "", addr) for n, addr in enumerate(status["bootstrap"])]
    for one in status.get("syncing", ()):
        fields.append(("catching up", f"{one['room']}: {one['got']} new, the peer has {one['total']}"))
    skew = status.get("clock_skew_ms")
    if skew is not None and abs(skew) > WRONG_CLOCK_MS:
        way = "behind" if skew > 0 else "ahead of"
        fields.append(("clock", f"{duration(abs(skew))} {way} the others: set this machine's clock"))
    kept = status.get("store")
    if kept:
        what = f"{kept['records']} records, {kept['bytes']} bytes"
        fields.append(("store", f"{kept['rooms']} rooms, {kept['mailboxes']} mailboxes, {what}"))
    dropped = ", ".join(f"{count} {reason}" for reason, count in status["dropped"].items() if count)
    return fields + ([("dropped", dropped)] if dropped else [])


def duration(ms: int) -> str:
    """`42 s`, `3 min`, `2 h 5 min`, `9 d 4 h`. Here and not in `output`, which costs more to import."""
    seconds = max(0, ms) // 1000
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes // 60 % 24} h"
