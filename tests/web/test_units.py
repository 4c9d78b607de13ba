"""The pure parts of the page, tested by Node's own test runner: see unit/*.test.mjs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parent / "unit"
NODE = shutil.which("node")
OLDEST_NODE = 20  # its runner, and Array.prototype.with


def node_version() -> int:
    if NODE is None:
        return 0
    said = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    found = re.match(r"v(\d+)\.", said)
    return int(found[1]) if found else 0


@pytest.mark.slow
def test_units_of_the_page() -> None:
    if node_version() < OLDEST_NODE:
        pytest.skip(f"needs Node {OLDEST_NODE} or newer")
    assert NODE is not None
    files = sorted(str(path) for path in UNITS.glob("*.test.mjs"))
    done = subprocess.run(
        [NODE, "--test", *files], capture_output=True, text=True, check=False, timeout=120, cwd=UNITS
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = re.search(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed is not None, done.stdout[-4000:]
    assert int(passed[1]) >= len(files), "a file without tests"
