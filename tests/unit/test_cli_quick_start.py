"""`p2pd start` by its short way: it hands the daemon exactly what click would have, or leaves the line to click."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from p2pd_cli import app
from p2pd_cli.quick_start import FLAGS, WITH_VALUE, plain_options, quick_start
from p2pd_daemon import options as daemon_options
from p2pd_daemon.options import StartOptions, parse_start_options

LOOPBACK = "/ip4/127.0.0.1/tcp/0"
PLAIN = [
    "",
    "--json",
    f"--json --listen {LOOPBACK} --http off --no-mdns",
    f"--listen={LOOPBACK} --listen {LOOPBACK}/ws --announce /ip4/192.0.2.1/tcp/1 --mdns",
    "--store --keep 90d --nick ana --nick bob --log-level=debug",
    "--no-bootstrap",
    "--key some/file",
    "--http 127.0.0.1:0 --home there",
]
UNUSUAL = [
    "--help",
    "-h",
    "stray",
    "--list x",
    "--json=yes",
    "--nick",
    "--nick=",
    "--nick --json",
    "--mdns --no-mdns",
    "--nonsense 3",
    "--",
]


class Replaced(Exception):
    pass


def by_click(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> StartOptions:
    """What the full command line gives to the process that it becomes."""
    seen: list[str] = []

    def execv(_program: str, command: list[str]) -> None:
        seen.extend(command)
        raise Replaced

    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr("p2pd_cli.commands.start.hold_interrupts", lambda: None)
    with pytest.raises(Replaced):
        app.run(["start", *arguments])
    assert seen[:3] == [sys.executable, "-m", "p2pd_daemon"]
    return parse_start_options(seen[3:])


@pytest.mark.parametrize("line", PLAIN)
def test_a_plain_line_means_what_it_means_to_click(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("P2PD_HOME", str(tmp_path / "home"))
    given: list[StartOptions] = []

    def daemon(arguments: list[str]) -> int:
        given.append(parse_start_options(arguments))
        return 7

    monkeypatch.setattr("p2pd_daemon.__main__.main", daemon)
    assert quick_start(line.split()) == 7
    assert given == [by_click(line.split(), monkeypatch)]


@pytest.mark.parametrize("line", UNUSUAL)
def test_what_is_not_plain_is_left_to_click(line: str) -> None:
    assert plain_options(line.split()) is None


def test_a_wrong_setting_is_left_to_click_with_nothing_done(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert quick_start(["--home", str(home), "--keep", "nonsense"]) is None
    assert not home.exists()
    file = tmp_path / "file"
    file.write_text("")
    assert quick_start(["--home", str(file)]) is None


def test_every_option_of_the_daemon_has_its_short_way() -> None:
    source = Path(daemon_options.__file__).read_text()
    assert set(FLAGS + WITH_VALUE) == {word for word in source.split('"') if word.startswith("--")}
