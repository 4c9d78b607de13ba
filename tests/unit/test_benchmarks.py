"""The benchmarks' own parts: statistics, tables, the lines that peers speak, and that no process is left behind.

Policy: peers are real processes; the stand-ins are a few lines of Python that speak the same lines. Figures are never
asserted, only that they are there.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))  # `benchmarks` is a folder of the checkout, not part of what is installed

from benchmarks import __main__ as program  # noqa: E402
from benchmarks import foreign, gossip, peer, processes, report  # noqa: E402
from benchmarks.model import (  # noqa: E402
    Benchmark,
    BenchmarkError,
    Metric,
    Result,
    Series,
    Setting,
    Subjects,
    Target,
    Values,
    run_rounds,
)

MS = Metric("ms", "milliseconds")


@contextlib.contextmanager
def no_subjects(_setting: Setting) -> Iterator[Subjects]:
    yield {}


def benchmark(*targets: Target) -> Benchmark:
    return Benchmark("race", "who is quicker", (MS,), ("hare", "absent"), targets, 0, 1, no_subjects)


def result(*targets: Target, **values: tuple[float, ...]) -> Result:
    rounds = [
        {name: {"ms": value} for name, value in zip(values, one_round, strict=True)}
        for one_round in zip(*values.values(), strict=True)
    ]
    return Result(benchmark(*targets), rounds)


# Statistics


def test_a_ratio_compares_within_rounds_so_that_a_slow_round_does_not_count() -> None:
    mine, theirs = Series((20, 2000, 20)), Series((10, 1000, 10))
    assert (mine.lowest, mine.median, mine.highest) == (20, 20, 2000)
    assert mine.ratio_to(theirs) == 2
    assert Series((1, 1)).ratio_to(Series((0, 1))) is None


def test_rounds_begin_with_another_subject_each_time_and_warm_ups_are_left_out() -> None:
    order: list[str] = []

    def measure(name: str) -> Values:
        order.append(name)
        return {"ms": len(order)}

    rounds = run_rounds({name: lambda name=name: measure(name) for name in "abc"}, rounds=3, warm_ups=1)
    assert "".join(order) == "abc" + "bca" + "cab" + "abc"
    assert [list(one_round) for one_round in rounds] == [["a", "b", "c"]] * 3
    assert rounds[0] == {"b": {"ms": 4}, "c": {"ms": 5}, "a": {"ms": 6}}


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (50, 5), (90, 9), (99, 10), (100, 10)])
def test_percentiles_are_values_that_were_measured(percent: float, expected: float) -> None:
    assert gossip.percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == expected
    assert gossip.percentile([7], percent) == 7


# Reports


def test_a_table_shows_ratios_to_the_references_that_were_measured() -> None:
    met, missed = Target("ms", "tortoise", "hare", 4), Target("ms", "tortoise", "hare", 2.5)
    unknown = Target("ms", "tortoise", "absent", 1, at_most=False)
    lines = report.table(result(met, missed, unknown, tortoise=(30, 36), hare=(10, 12))).splitlines()
    assert lines == [
        "race: who is quicker (2 rounds)",
        "                           min  median   max  ÷ hare",
        "  milliseconds  tortoise  30.0    33.0  36.0    3.00",
        "                hare      10.0    11.0  12.0    1.00",
        "  target: tortoise, milliseconds ≤ 4 × hare: met (3.00)",
        "  target: tortoise, milliseconds ≤ 2.5 × hare: missed (3.00)",
        "  target: tortoise, milliseconds ≥ 1 × absent: not known, absent was not measured",
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.123, "0.12"), (9.876, "9.88"), (98.76, "98.8"), (1234.5, "1,234")]
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert report.figure(value) == text


def test_json_holds_every_value() -> None:
    shown: dict[str, Any] = report.as_json(
        result(Target("ms", "tortoise", "hare", 4), tortoise=(30, 36), hare=(10, 12))
    )
    assert shown == json.loads(json.dumps(shown))
    assert shown["figures"][0] == {
        "metric": "ms",
        "label": "milliseconds",
        "subject": "tortoise",
        "min": 30,
        "median": 33,
        "max": 36,
        "values": [30, 36],
        "ratios": {"hare": 3.0},
    }
    assert shown["targets"][0] | {"measured": 3.0, "met": True, "at_most": 4} == shown["targets"][0]


# Peers

READY = (
    '{"event": "ready", "implementation": "stand-in", "pid": 1, "addr": "/ip4/127.0.0.1/tcp/1", "acks": 1}'
)


def stand_in(code: str) -> peer.PeerKind:
    """A peer that prints READY and then runs `code`."""
    program = f"import json, os, subprocess, sys, time\nprint({READY!r}, flush=True)\n" + textwrap.dedent(
        code
    )
    return peer.PeerKind("stand-in", lambda _folder: [sys.executable, "-S", "-c", program])


def test_a_call_is_answered(tmp_path: Path) -> None:
    echo = """
        for line in sys.stdin:
            asked = json.loads(line)
            print(json.dumps({"n": asked["n"], "ok": True, "asked": asked}), flush=True)
    """
    with peer.open_peer(stand_in(echo), tmp_path / "a") as one:
        assert one.call("join", room="lobby")["asked"] == {"n": 1, "command": "join", "room": "lobby"}
        assert one.call("seen")["n"] == 2


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("sys.exit('no more ink')", "no more ink"),
        ("print('not json', flush=True); sys.stdin.read()", "not a JSON object"),
        ("print('[]', flush=True); sys.stdin.read()", "not a JSON object"),
        ('print(json.dumps({"n": 9, "ok": True}), flush=True); sys.stdin.read()', "out of turn"),
        (
            'print(json.dumps({"n": 1, "ok": False, "error": "lost"}), flush=True); sys.stdin.read()',
            "join: lost",
        ),
        ("time.sleep(60)", "said nothing for 0.2 s"),
    ],
)
def test_a_peer_that_fails_is_reported_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    if "said nothing" in message:
        monkeypatch.setattr(peer, "ANSWER_S", 0.2)
    with peer.open_peer(stand_in(code), tmp_path / "a") as one, pytest.raises(BenchmarkError, match=message):
        one.call("join", room="lobby")


def test_what_a_peer_started_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_S", 0.2)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    code = f"""
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-S", "-c", {deaf!r}], stdout=subprocess.PIPE)
        child.stdout.readline()
        print(json.dumps({{"n": 1, "ok": True, "child": child.pid}}), flush=True)
        time.sleep(60)
    """
    with peer.open_peer(stand_in(code), tmp_path / "a") as one:
        child = one.call("start")["child"]
        assert is_running(child)
    deadline = time.monotonic() + 30  # SIGKILL was sent, and init has its own pace
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(child)


def is_running(pid: int) -> bool:
    """False for one that has ended and only waits to be reaped, too."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_ones_own_settings_do_not_reach_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P2PD_LIMITS_AUTHOR_RATE", "1")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert not {"P2PD_LIMITS_AUTHOR_RATE", "PYTHONDONTWRITEBYTECODE"} & set(processes.clean_environment())


def test_a_command_that_fails_is_not_taken_for_a_quick_one() -> None:
    with pytest.raises(BenchmarkError, match=r"exit 3: .*oops"):
        processes.run_once([sys.executable, "-S", "-c", "import sys; sys.stderr.write('oops'); sys.exit(3)"])


def test_memory_is_read_from_proc() -> None:
    rss, pss = processes.memory_mib(os.getpid())
    assert 0 < pss <= rss


def test_without_node_or_packages_the_reference_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "PEERS", tmp_path)
    monkeypatch.setattr(foreign, "JS_FOLDER", tmp_path)
    assert foreign.find_node() is None
    assert [kind.name for kind in peer.peer_kinds()] == ["p2pd"]
    (tmp_path / "node_modules" / "libp2p").mkdir(parents=True)
    old = tmp_path / "node"
    old.write_text("#!/bin/sh\necho v20.1.0\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert foreign.find_node() is None
    old.write_text("#!/bin/sh\necho v22.1.0\n")
    assert foreign.find_node() == old


def test_the_js_lock_names_exact_versions_with_hashes_and_no_addresses() -> None:
    folder = foreign.JS_FOLDER
    asked = json.loads((folder / "package.json").read_text())
    locked = json.loads((folder / "package-lock.json").read_text())["packages"]
    for name, version in {**asked["dependencies"], **asked["devDependencies"]}.items():
        assert locked[f"node_modules/{name}"]["version"] == version
    assert all("integrity" in package for path, package in locked.items() if path)
    assert not [path for path, package in locked.items() if "resolved" in package]


# The program


def test_an_unknown_name_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["speed"], ["status", "--repeat", "0"], ["status", "--repeat", "many"]):
        with pytest.raises(SystemExit, match="2"):
            program.main(arguments)
    assert "there is no benchmark 'speed'" in capsys.readouterr().err


def test_every_benchmark_is_described_and_its_targets_can_be_measured() -> None:
    described = (ROOT / "benchmarks" / "README.md").read_text()
    for name, known in program.BENCHMARKS.items():
        assert name == known.name
        assert f"| `{name}` |" in described
        assert {target.metric for target in known.targets} <= {metric.key for metric in known.metrics}
        assert {target.reference for target in known.targets} <= {*known.references, None}


@pytest.mark.slow
def test_status_is_measured_beside_python(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "status", "--repeat", "2", "--json", tmp_path / "figures.json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "p2pd status" in done.stdout
    written = json.loads((tmp_path / "figures.json").read_text())
    assert written["machine"]["cores"] >= 1
    assert [figure["subject"] for figure in written["benchmarks"][0]["figures"]] == [
        "p2pd status",
        "python -c pass",
    ]


@pytest.mark.slow
def test_two_daemons_pass_every_message_of_a_short_flood(tmp_path: Path) -> None:
    with peer.open_peer(peer.P2PD, tmp_path / "a") as ann, peer.open_peer(peer.P2PD, tmp_path / "b") as ben:
        peer.meet(ann, ben, gossip.ROOM)
        for many in (False, True):
            seen = gossip.flood((ann, ben), senders=4, seconds=0.3, many=many)
            assert seen["count"] == len(seen["latencies_ms"]) > 0
        assert processes.cpu_seconds(ann.pid) > 0
    assert not is_running(ann.pid)
    assert not is_running(ben.pid)
