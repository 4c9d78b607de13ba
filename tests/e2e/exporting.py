"""Exporting, verifying and looking, for the tests of exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from e2e.harness import Daemon, run_cli

FAULTS, NO_SUCH, REFUSED = 1, 4, 6


def export(node: Daemon, target: str, to: Path, *options: str) -> Path:
    to.write_text(node.cli("export", target, *options, timeout=120))
    return to


def verify(*files: Path, home: Path, code: int = 0) -> str:
    """With a home in which no daemon ever was, unless it is a node's."""
    done = run_cli("verify", *map(str, files), home=home, timeout=120)
    assert (done.returncode, done.stderr) == (code, ""), done
    return done.stdout


def shown(node: Daemon, target: str) -> list[dict[str, Any]]:
    """The history without what depends on who looks."""
    fields = ("id", "from", "ts_ms", "kind", "text", "edited", "deleted", "reply_to", "nick")
    reactions = [
        {(one["symbol"], one["count"]) for one in message["reactions"]} for message in node.history(target)
    ]
    return [
        {field: message[field] for field in fields} | {"reactions": found}
        for message, found in zip(node.history(target), reactions, strict=True)
    ]
