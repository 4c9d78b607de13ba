"""Files and stores that are damaged: every fault is named, and everything else gets in."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.exporting import FAULTS, verify
from e2e.harness import Daemon, Net, open_net, run_cli
from exported import START_MS, export_of, file_of, key, line_of, lines_of, manifest_of, said
from p2pd_daemon.core.event import Delete
from p2pd_daemon.core.export import Line

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One for the tests that need no more; each has a room of its own."""
    with open_net(tmp_path_factory.mktemp("shared")) as net:
        yield net.daemon("node")


# Damage


def test_a_damaged_file_is_named_and_everything_else_gets_in(net: Net, tmp_path: Path) -> None:
    good = export_of([said(key(1 + i % 3), f"message {i}", ts_ms=START_MS + i) for i in range(50)])
    lines = good.splitlines(keepends=True)
    broken = list(lines)
    broken[5] = b"this is nothing\n"
    broken[9] = flip_raw(lines[9], 60)  # somewhere in what was signed
    broken[14] = flip_raw(lines[14], -5)  # in the signature
    broken[19] = lines[19].replace(b"message 18", b"message 88")  # only what is shown
    file = tmp_path / "damaged.jsonl"
    file.write_bytes(b"".join(broken))
    told = verify(file, home=tmp_path, code=FAULTS)
    for number in (6, 10, 15, 20):
        assert f"{file}:{number}: " in told
    assert f"{file}:20: the text shown is not what was signed" in told
    assert f"{file}:15: the record's signature is not its author's" in told
    assert " faults in 51 lines" in told.splitlines()[-1]
    assert {line.split(":")[1] for line in told.splitlines()[:-1]} <= {"1", "6", "10", "15", "20"}

    ann = net.daemon("ann")
    done = run_cli("import", str(file), home=ann.home)
    assert done.returncode == FAULTS
    assert "47 new records in the room lobby" in done.stdout
    for number in (6, 10, 15, 20):
        assert f"line {number}: " in done.stderr
    assert "3 records were skipped" in done.stderr
    assert "Everything else is in." in done.stderr
    assert len(ann.history("lobby")) == 47
    whole = tmp_path / "whole.jsonl"
    whole.write_bytes(good)
    assert ann.json("import", str(whole))[0]["new"] == 3
    assert ann.texts("lobby") == [f"message {i}" for i in range(50)]


def flip_raw(line: bytes, at: int) -> bytes:
    fields = json.loads(line)
    raw = bytearray(base64.b64decode(fields["raw"]))
    raw[at] ^= 1
    return json.dumps(fields | {"raw": base64.b64encode(raw).decode()}).encode() + b"\n"


@pytest.mark.parametrize(
    ("what", "new", "first_fault"),
    [("beheaded", 20, 1), ("damaged", 20, 1), ("cut", 11, 13), ("retold", 20, 1)],
)
def test_files_that_are_not_whole(node: Daemon, what: str, new: int, first_fault: int) -> None:
    topic = f"p2pd/1/{what}"
    good = export_of([said(key(1), f"message {i}", ts_ms=START_MS + i, topic=topic) for i in range(20)])
    head, *rest = good.splitlines(keepends=True)
    bad = {
        "beheaded": b"".join(rest),
        "damaged": b"x" + good,
        "cut": b"".join([head, *rest[:12]])[:-30],
        "retold": good.replace(f'"topic":"{topic}"'.encode(), b'"topic":"p2pd/1/other"'),
    }[what]
    done = run_cli("import", "-", home=node.home, stdin=bad.decode())
    assert done.returncode == FAULTS
    assert done.stdout == f"{new} new records in the room {what}; 0 were here already\n"
    assert done.stderr.startswith(f"line {first_fault}: ")
    assert len(node.history(what)) == new


def test_a_deleted_record_is_taken_from_a_whole_file_only(node: Daemon, tmp_path: Path) -> None:
    """Who has the file in hand cannot make a record unknown by saying that it was deleted."""
    topic = "p2pd/1/hidden"
    victim = said(key(1), "you lie", ts_ms=START_MS, topic=topic)
    claim = said(key(2), Delete(victim.id), ts_ms=START_MS + 1, topic=topic)
    lines = [Line(victim.id, START_MS), line_of(claim)]
    true = tmp_path / "true.jsonl"
    true.write_bytes(file_of(manifest_of(lines, topic=topic), lines))
    forged = tmp_path / "forged.jsonl"
    whole = lines_of([victim, claim])
    forged.write_bytes(file_of(manifest_of(whole, topic=topic), lines))
    done = run_cli("import", str(forged), home=node.home)
    assert done.returncode == FAULTS
    assert "line 2: where a deleted record was counts only in a file without damage" in done.stderr
    told = node.json("import", str(true))[0]
    assert (told["new"], told["known"], told["skipped"]) == (1, 1, 0)


def test_damage_in_the_store_is_named_and_nothing_else_is_lost(net: Net, tmp_path: Path) -> None:
    ann = net.daemon("ann")
    ann.join("lobby")
    ids = [ann.send("lobby", f"message {i}")["id"] for i in range(10)]
    ann.stop()
    with sqlite3.connect(ann.home / "store.sqlite3") as conn:
        (raw,) = conn.execute("SELECT raw FROM records WHERE id = ?", (bytes.fromhex(ids[3]),)).fetchone()
        damaged = raw[:70] + bytes((raw[70] ^ 1,)) + raw[71:]
        conn.execute("UPDATE records SET raw = ? WHERE id = ?", (damaged, bytes.fromhex(ids[3])))
    conn.close()
    ann.start()
    done = run_cli("export", "lobby", home=ann.home)
    assert done.returncode == FAULTS
    assert "line 5: " in done.stderr
    assert f"the record {ids[3]} is damaged in the store" in ann.stderr()
    file = tmp_path / "lobby.jsonl"
    file.write_text(done.stdout)
    told = verify(file, home=tmp_path, code=FAULTS)
    assert {line.split(":")[1] for line in told.splitlines()[:-1]} == {"5"}
    bob = net.daemon("bob")
    assert run_cli("import", str(file), home=bob.home).returncode == FAULTS
    assert bob.texts("lobby") == [f"message {i}" for i in range(10) if i != 3]


def test_what_is_no_export(tmp_path: Path) -> None:
    odd = tmp_path / "odd.jsonl"
    odd.write_text('{"p2pd_export": 2}\n{"id": "of the future"}\n')
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    told = verify(odd, empty, home=tmp_path, code=FAULTS)
    assert told.splitlines() == [
        f"{odd}:1: version 2 of the export format; this p2pd reads version 1",
        f"{odd}: 1 fault in 2 lines",
        f"{empty}:1: the file is empty",
        f"{empty}: 1 fault in 0 lines",
    ]
    missing = run_cli("verify", str(tmp_path / "nothing.jsonl"), home=tmp_path)
    assert missing.returncode == FAULTS
    assert "No such file" in missing.stderr
    with_zeros = tmp_path / "zeros"
    with_zeros.write_bytes(b"\0" * 20_000_000)  # one line without an end
    assert "1 fault in 1 lines" in verify(with_zeros, home=tmp_path, code=FAULTS)


def test_faults_are_listed_up_to_a_limit(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    head, *_ = export_of([]).splitlines(keepends=True)
    file.write_bytes(head + b"nothing\n" * 150)
    told = verify(file, home=tmp_path, code=FAULTS).splitlines()
    assert len(told) == 102
    assert told[-2:] == ["… and 51 more faults", f"{file}: 151 faults in 151 lines"]
    done = run_cli("verify", str(file), "--json", home=tmp_path)
    found = json.loads(done.stdout)
    assert (done.returncode, found["ok"], len(found["faults"]), found["more_faults"]) == (
        FAULTS,
        False,
        100,
        51,
    )
    assert found["faults"][0]["line"] == 2
