"""`python -m benchmarks` with tiny numbers: each benchmark runs, prints its table and writes its figures.

The figures mean nothing here, and are not looked at. Other implementations are measured where they are built.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))  # `benchmarks` is a folder of the checkout, not part of what is installed

from benchmarks.__main__ import BENCHMARKS  # noqa: E402

RUN_S = 300.0


@pytest.mark.slow
@pytest.mark.all
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_and_prints_its_table(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks",
            name,
            "--tiny",
            "--no-build",
            "--json",
            tmp_path / "figures.json",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    benchmark = BENCHMARKS[name]
    assert f"\n{name}: {benchmark.title} (1 round)\n" in done.stdout
    assert "| aimed at |" in done.stdout or name == "memory"
    (written,) = json.loads((tmp_path / "figures.json").read_text())["benchmarks"]
    assert {figure["metric"] for figure in written["figures"]} == {metric.key for metric in benchmark.metrics}
    assert {target.subject for target in benchmark.targets} <= {
        figure["subject"] for figure in written["figures"]
    }
    assert f"{name}: {benchmark.title}" in (tmp_path / "figures.md").read_text()
