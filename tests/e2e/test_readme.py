"""The README's console blocks, run as written, print what is shown; `…` stands for anything."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from e2e.harness import BIN, clean_environment, eventually

pytestmark = pytest.mark.slow

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.M | re.S)


@dataclass
class Shown:
    command: str
    output: list[str] = field(default_factory=list)


def shown_commands() -> Iterator[Shown]:
    for block in BLOCK.findall(README.read_text(encoding="utf-8")):
        shown: Shown | None = None
        for line in block.splitlines():
            if line.startswith("$ "):
                if shown:
                    yield shown
                shown = Shown(line[2:])
            elif shown:
                shown.output.append(line)
        if shown:
            yield shown


def matches(expected: list[str], text: str) -> bool:
    """A line that is `…` alone stands for any number of lines."""
    parts = [
        r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in expected
    ]
    return re.fullmatch("".join(parts), text) is not None


def test_the_commands_of_the_readme(tmp_path: Path) -> None:
    """On loopback and with free ports, by settings from the environment; otherwise as a newcomer would."""
    environment = clean_environment() | {
        "HOME": str(tmp_path),
        "P2PD_HOME": str(tmp_path / "ann"),
        "PATH": f"{BIN}:{clean_environment()['PATH']}",
        "P2PD_LISTEN": "/ip4/127.0.0.1/tcp/0",
        "P2PD_HTTP": "127.0.0.1:0",
        "P2PD_NO_MDNS": "1",
    }

    def run(command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    found = list(shown_commands())
    assert len(found) > 8
    try:
        for shown in found:
            once = "history" not in shown.command  # what another node said arrives in its own time
            if once:
                text = run(shown.command)
                assert matches(shown.output, text), (shown.command, text)
            else:
                eventually(lambda shown=shown: matches(shown.output, run(shown.command)), what=shown.command)
    finally:
        for home in ("ann", "bob"):
            subprocess.run(
                ["bash", "-c", f"P2PD_HOME=~/{home} p2pd stop"],
                env=environment,
                capture_output=True,
                check=False,
            )
