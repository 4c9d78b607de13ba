"""Every command line that needs no daemon: help, errors, exit codes, completion, settings."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from p2pd_cli.app import COMMANDS, cli, run
from p2pd_cli.since import Since, SinceType

ROOT = Path(__file__).parents[2]


def all_commands() -> list[tuple[str, click.Command]]:
    context = click.Context(cli)
    found = []
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {inner}", sub) for inner, sub in command.commands.items()]
    return found


@pytest.mark.parametrize(
    ("name", "command"), all_commands(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_has_a_home_option_and_help_with_an_example(name: str, command: click.Command) -> None:
    assert "Example:\n" in (command.help or "")
    assert f"p2pd {name}" in (command.help or "").split("Example:")[1]
    options = {option for param in command.params for option in param.opts}
    assert "--home" in options
    assert "--json" in options or name in {"chat", "completion"}
    assert not (command.get_short_help_str(limit=64).endswith("...")), "the first sentence is cut in --help"


@pytest.mark.slow
def test_the_documentation_is_what_the_commands_say() -> None:
    subprocess.run([sys.executable, str(ROOT / "scripts/gen_commands_doc.py"), "--check"], check=True)


@pytest.mark.parametrize(
    "line",
    [
        "status",
        "status --json",
        "stop",
        "connect /ip4/127.0.0.1/tcp/1",
        "disconnect x",
        "peers",
        "addrs",
        "ping x",
        "join lobby",
        "leave lobby",
        "rooms",
        "send lobby hello",
        "msg x hello",
        "tail",
        "tail lobby --since 10m",
        "history lobby",
        "export lobby",
        "show 3fa9c1",
        "edit 3fa9c1 hello",
        "delete 3fa9c1",
        "react 3fa9c1 x",
        "reply 3fa9c1 hello",
        "nick",
        "nick ana",
        "contacts",
        "contacts list",
        "contacts name x y",
        "contacts remove x",
        "block",
        "block x",
        "unblock x",
    ],
)
def test_without_a_daemon_the_exit_code_is_3(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--home", str(tmp_path), *line.split()]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: no daemon is running")
    assert "hint: start it: p2pd start" in said.err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("snd lobby x", "Did you mean `p2pd send`?"),
        ("zzzz", "`p2pd --help` lists them all"),
        ("send", "Missing argument 'ROOM'"),
        ("rooms --jsn", "--json"),
        ("history lobby --limit 0", "0 is not in the range"),
        ("tail --since yesterday", "is no time"),
        ("nick ana --clear", "not both"),
        ("ping x --count 101", "101 is not in the range"),
        ("completion tcsh", "tcsh"),
        ("chat lobby", "needs a terminal"),
        ("chat --wire text", "needs the name of a room"),
        ("join lobby --wire irc", "'irc' is not one of"),
        ("start --http nowhere", "--http: 'nowhere' is not right"),
        ("start --lisen x", "--listen"),
    ],
)
def test_usage_errors_have_exit_code_2(
    line: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--home", str(tmp_path), *line.split()]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert said in shown.err
    assert "hint: " in shown.err


@pytest.mark.parametrize("line", [["send", "lobby", ""], ["msg", "ana", ""]])
def test_an_empty_text_is_refused_in_words(
    line: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["--home", str(tmp_path), *line])
    assert (code, "the text is empty" in capsys.readouterr().err) == (2, True)


def test_help_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Commands:" in capsys.readouterr().out
    assert run(["--help"]) == 0


def test_id_makes_the_key_and_needs_no_daemon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "new"
    assert run(["id", "--json", "--home", str(home)]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["addrs"] == []
    assert (home / "identity.key").exists()
    assert run(["--home", str(home), "id"]) == 0
    assert capsys.readouterr().out.strip() == first["peer_id"]


def test_a_damaged_key_is_an_error_with_a_hint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "identity.key").write_bytes(b"junk")
    (tmp_path / "identity.key").chmod(0o600)
    assert run(["--home", str(tmp_path), "id"]) == 1
    shown = capsys.readouterr()
    assert "identity.key" in shown.err
    assert "hint: " in shown.err
    assert (tmp_path / "identity.key").read_bytes() == b"junk"


def test_config_shows_values_and_sources_without_a_daemon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text('nick = "ana"\n')
    monkeypatch.setenv("P2PD_LIMITS_ROOMS", "7")
    assert run(["--home", str(tmp_path), "config", "--json"]) == 0
    shown = {line["key"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert shown["nick"] == {"key": "nick", "value": "ana", "source": "file"}
    assert shown["limits.rooms"] == {"key": "limits.rooms", "value": 7, "source": "environment"}
    assert shown["mdns"]["source"] == "default"
    (tmp_path / "config.toml").write_text("nik = 1\n")
    assert run(["--home", str(tmp_path), "config"]) == 2
    assert "Did you mean nick?" in capsys.readouterr().err


def test_config_paths(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--home", str(tmp_path), "config", "--paths", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["config"] == str(tmp_path / "config.toml")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["version", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"version", "python"}
    assert run(["version"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("p2pd ")
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == said


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_P2PD_COMPLETE" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_completing_commands_and_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_P2PD_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "p2pd ro")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert run([]) == 0
    assert capsys.readouterr().out == "plain,rooms\n"


@pytest.mark.parametrize(
    ("text", "ago_s"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86_400), ("1w", 604_800)]
)
def test_since_a_span(text: str, ago_s: int) -> None:
    found = SinceType().convert(text, None, None)
    assert found.ts_ms is not None
    assert abs(found.ts_ms - (time.time() - ago_s) * 1000) < 5000


def test_since_a_date_or_a_message() -> None:
    assert SinceType().convert("2026-11-23T14:00:00+00:00", None, None) == Since(ts_ms=1_795_442_400_000)
    assert SinceType().convert("2026-11-23", None, None).ts_ms is not None
    assert SinceType().convert("AB" * 32, None, None) == Since(id="ab" * 32)
    for wrong in ("", "m", "2026-13-01", "ab" * 31, "9999999999m"):
        with pytest.raises(click.BadParameter):
            SinceType().convert(wrong, None, None)


def test_standard_input_that_is_no_text(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "p2pd_cli", "--home", str(tmp_path), "msg", "ana", "-"],
        input=b"\xff\xfe\n",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"line 1 is not UTF-8" in done.stderr


def test_status_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from p2pd_cli.quick_status import quick_status;"
        "print(quick_status(['--home', sys.argv[1]]));"
        "print(sorted(sys.modules.keys() & {'click', 'dataclasses', 'msgspec', 'anyio', 'pathlib', 'asyncio'}))"
    )
    path = f"{ROOT / 'cli'}:{ROOT / 'daemon'}"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": path},
    )
    assert done.stdout == "None\n[]\n", done.stderr
