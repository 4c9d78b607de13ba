"""A fuzzer that reads openapi.json finds nothing wrong with a running daemon."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from e2e.harness import Net

CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.slow
def test_a_fuzzer_finds_nothing(net: Net, tmp_path: Path) -> None:
    fuzz(net, tmp_path, "--phases", "coverage")


@pytest.mark.all
def test_a_patient_fuzzer_finds_nothing(net: Net, tmp_path: Path) -> None:
    fuzz(net, tmp_path, "--max-examples", "100")


def fuzz(net: Net, folder: Path, *how: str) -> None:
    daemon = net.daemon("fuzzed", "--http", "127.0.0.1:0", "--no-bootstrap")
    url = daemon.api("GET", "/v1/status")["http"]
    token = (daemon.home / "token").read_text().strip()
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(CONFIG)),
        *("run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {token}"),
        *how,
        *("--seed", "1", "--no-color"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout[-6000:]
    assert daemon.running
    assert daemon.api("GET", "/v1/status")["peer_id"] == daemon.peer_id
    assert "Traceback" not in daemon.stderr()
