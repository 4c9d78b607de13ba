"""Writes results.json, from which the README's table is made, when all tests with other implementations have run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from interop.harness import TRANSPORTS, Foreign

FILE = Path(__file__).parent / "results.json"
CELL = "interop_cell"  # in a report: what the test shows, of whom, over which transports
VERSIONS = "interop_versions"  # in a report: the version that each implementation's peer said it has


class Results:
    """What a session's tests with a `cell` mark showed."""

    def __init__(self) -> None:
        self.partial = False
        # Files without a test that runs, and tests that have not run yet. None before the tests are known, as they
        # never are to the process that leads several.
        self._missing: set[object] | None = None
        self._outcomes: dict[str, tuple[Mapping[str, Any], bool]] = {}
        self._versions: dict[str, str] = {}

    def expect(self, items: Sequence[pytest.Item]) -> None:
        """`items` are those chosen to run: with a file of ours that has none, the table would not be whole."""
        self._missing = {*FILE.parent.glob("test_*.py")} - {item.path for item in items}
        for item in items:
            if item.get_closest_marker("cell"):
                item.user_properties.append((CELL, cell(item)))
                self._missing.add(item.nodeid)

    def note(self, report: pytest.TestReport) -> None:
        properties = dict(report.user_properties)
        self._versions |= properties.get(VERSIONS, {})
        if CELL not in properties:
            return
        if report.skipped:
            self.partial = True
        elif report.when == "call" or report.failed:
            if self._missing is not None:
                self._missing.discard(report.nodeid)
            before = self._outcomes.get(report.nodeid, (None, True))[1]
            self._outcomes[report.nodeid] = properties[CELL], before and report.passed

    def write(self) -> None:
        if self.partial or self._missing != set() or not self._outcomes:
            return
        rows: dict[str, dict[str, Any]] = {}
        for found, passed in self._outcomes.values():
            row = rows.setdefault(found["what"], {"over": [], "run": {}, "passed": {}})
            row["over"] = [way for way in TRANSPORTS if way in {*row["over"], *found["transports"]}]
            for name in found["implementations"]:
                row["run"][name] = row["run"].get(name, 0) + 1
                row["passed"][name] = row["passed"].get(name, 0) + passed
        written = {"versions": dict(sorted(self._versions.items())), "rows": rows}
        FILE.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def cell(item: pytest.Item) -> dict[str, Any]:
    """What a test shows. Without a parameter `transport` it uses TCP, unless its mark names `transports`."""
    mark = item.get_closest_marker("cell")
    assert mark is not None
    params = item.callspec.params.values() if hasattr(item, "callspec") else ()
    told = [one for value in params for one in (value if isinstance(value, tuple) else [value])]
    return {
        "what": mark.args[0],
        "implementations": sorted({one.name for one in told if isinstance(one, Foreign)}),
        "transports": [way for way in TRANSPORTS if way in told]
        or list(mark.kwargs.get("transports", ["tcp"])),
    }
