"""What verifying, exporting and importing need: no daemon, no network library, little memory."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from e2e.harness import P2PD, Daemon, Net, clean_environment
from exported import START_MS, export_of, key, said

pytestmark = pytest.mark.slow


def test_verify_needs_no_daemon_and_no_network_library(tmp_path: Path) -> None:
    file = tmp_path / "room.jsonl"
    file.write_bytes(export_of([said(key(1), "hello")]))
    code = (
        "import sys; from p2pd_cli.app import run; code = run(['verify', sys.argv[1]]);"
        "print(code, sorted({'libp2p', 'trio', 'sqlite3', 'anyio', 'starlette'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)],
        capture_output=True,
        text=True,
        check=True,
        env=clean_environment() | {"P2PD_HOME": str(tmp_path / "none")},
    )
    assert done.stdout.endswith("\n0 []\n"), done.stdout


@pytest.mark.all
def test_a_large_room_needs_little_memory(net: Net, tmp_path: Path) -> None:
    """20,000 records of 10 MB: neither side may hold them all."""
    made = tmp_path / "made.jsonl"
    many = [
        said(key(1 + i % 5), f"message {i} " + "x" * 40, ts_ms=START_MS + i, seqno=i) for i in range(20_000)
    ]
    made.write_bytes(export_of(many))
    ann = net.daemon("ann")
    peak = measured("verify", str(made), home=ann.home)[1]
    assert peak < 60_000, peak
    before = resident_kb(ann)
    output, peak = measured("import", str(made), home=ann.home)
    assert "20000 new records" in output
    assert peak < 60_000, peak
    assert resident_kb(ann) - before < 40_000
    file = tmp_path / "out.jsonl"
    before = resident_kb(ann)
    output, peak = measured("export", "lobby", home=ann.home)
    file.write_text(output)
    assert peak < 60_000, peak
    assert resident_kb(ann) - before < 25_000
    assert file.read_text().splitlines()[1:] == made.read_text().splitlines()[1:]


def resident_kb(node: Daemon) -> int:
    status = Path(f"/proc/{node.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def measured(*args: str, home: Path) -> tuple[str, int]:
    """The output of a command, and the most memory it ever had in kB."""
    process = subprocess.Popen(
        [P2PD, *args],
        env=clean_environment() | {"P2PD_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    peak = 0
    output: list[str] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: output.append(process.stdout.read()))  # type: ignore[union-attr]
    reader.start()
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status")
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                peak = int(line.split()[1])
        threading.Event().wait(0.02)
    reader.join()
    process.stdout.close()
    assert process.returncode == 0
    return output[0], peak
