"""Writes the README's table of other implementations from tests/interop/results.json; `--check` only compares.

The tests write the results when all of them have run. `--check` also fails when a version is not the one that the peer's
lock file names, or when a test shows something that the results do not have.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
TESTS = ROOT / "tests" / "interop"
PEERS = TESTS / "peers"
BEGIN = "<!-- From the tests' results, by scripts/gen_interop_table.py -->\n"
END = "<!-- The end of what is generated -->\n"
TITLES = {"go": "go-libp2p", "rust": "rust-libp2p", "js": "js-libp2p"}
TRANSPORTS = {"tcp": "TCP", "ws": "WebSocket"}
CELL = re.compile(r'mark\.cell\(\s*"([^"]+)"')


def table(results: dict[str, Any]) -> str:
    versions = results["versions"]
    heads = [f"{title} {versions[name]}" for name, title in TITLES.items()]
    lines = ["| what the tests do | over | " + " | ".join(heads) + " |", "|---|---|" + "---|" * len(heads)]
    for what, row in results["rows"].items():
        over = ", ".join(TRANSPORTS[way] for way in row["over"]) or "–"
        lines.append(f"| {what} | {over} | " + " | ".join(outcome(row, name) for name in TITLES) + " |")
    return "\n".join(lines) + "\n"


def outcome(row: dict[str, Any], name: str) -> str:
    run, passed = row["run"].get(name, 0), row["passed"].get(name, 0)
    if not run:
        return "–"
    return f"{run} passed" if passed == run else f"**{run - passed} of {run} failed**"


def stale(results: dict[str, Any]) -> Iterator[str]:
    for name, version in locked_versions().items():
        if results["versions"].get(name) != version:
            tested = results["versions"].get(name, "nothing")
            yield f"{TITLES[name]} {version} is locked, {tested} was tested"
    shown = {what for file in TESTS.glob("test_*.py") for what in CELL.findall(file.read_text("utf-8"))}
    for what in sorted(shown.symmetric_difference(results["rows"])):
        yield f"only the tests or only their results know of “{what}”"


def locked_versions() -> dict[str, str]:
    """What the lock files name. Raises TypeError when one does not name the implementation."""
    go = re.search(r"^\tgithub\.com/libp2p/go-libp2p v(\S+)", read("go/go.mod"), re.M)
    rust = re.search(r'^name = "libp2p"\nversion = "([^"]+)"', read("rust/Cargo.lock"), re.M)
    if go is None or rust is None:
        raise TypeError("a lock file does not name libp2p")
    js = json.loads(read("js/package-lock.json"))["packages"]["node_modules/libp2p"]["version"]
    return {"go": go[1], "rust": rust[1], "js": js}


def read(path: str) -> str:
    return (PEERS / path).read_text(encoding="utf-8")


def main() -> int:
    results = json.loads((TESTS / "results.json").read_text(encoding="utf-8"))
    before = README.read_text(encoding="utf-8")
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        print(f"README.md lacks the lines {BEGIN.strip()} and {END.strip()}", file=sys.stderr)
        return 1
    after = head + begin + table(results) + end + tail
    if "--check" not in sys.argv[1:]:
        README.write_text(after, encoding="utf-8")
        return 0
    faults = list(stale(results))
    if after != before:
        faults.append("the README's table is not that of results.json")
    for fault in faults:
        print(f"{fault}: run `make interop-table`", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
