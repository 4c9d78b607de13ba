"""What one daemon exports is verified without any, and imported by another: nothing added, nothing lost."""

from __future__ import annotations

import base64
import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import p2pd_client.sync
import pytest
from e2e.harness import BIN, P2PD, Daemon, Net, clean_environment, eventually, open_net, run_cli
from exported import START_MS, export_of, file_of, key, line_of, lines_of, manifest_of, said
from p2pd_client import quick
from p2pd_daemon.core.event import Delete
from p2pd_daemon.core.export import Line, encode_base64

pytestmark = pytest.mark.slow

FAULTS, NO_SUCH, REFUSED = 1, 4, 6


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One for the tests that need no more; each has a room of its own."""
    with open_net(tmp_path_factory.mktemp("shared")) as net:
        yield net.daemon("node")


@pytest.fixture(scope="module")
def long_room(node: Daemon) -> str:
    """A room of 600 messages: more than a page."""
    node.join("long")
    for i in range(600):
        node.send("long", f"message {i} " + "x" * 300)
    return "long"


def export(node: Daemon, target: str, to: Path, *options: str) -> Path:
    to.write_text(node.cli("export", target, *options, timeout=120))
    return to


def verify(*files: Path, home: Path, code: int = 0) -> str:
    """With a home in which no daemon ever was, unless it is a node's."""
    done = run_cli("verify", *map(str, files), home=home, timeout=120)
    assert (done.returncode, done.stderr) == (code, ""), done
    return done.stdout


def shown(node: Daemon, target: str) -> list[dict[str, Any]]:
    """The history without what depends on who looks."""
    fields = ("id", "from", "ts_ms", "kind", "text", "edited", "deleted", "reply_to", "nick")
    reactions = [
        {(one["symbol"], one["count"]) for one in message["reactions"]} for message in node.history(target)
    ]
    return [
        {field: message[field] for field in fields} | {"reactions": found}
        for message, found in zip(node.history(target), reactions, strict=True)
    ]


def a_talk(ann: Daemon, bob: Daemon) -> None:
    """Texts, edits, reactions, replies and deletes of two people in a room that both are in."""
    for node in (ann, bob):
        node.join("a b/é")
    bob.connect(ann)
    eventually(lambda: ann.members("a b/é") == 2, what="both are in the room")
    said = [ann.send("a b/é", f"message {i} \x1b[31m é\n\U0001f44d")["id"] for i in range(6)]
    eventually(lambda: len(bob.texts("a b/é")) == 6, what="bob has them")
    ann.api("POST", "/v1/edit", {"id": said[1], "text": "edited"})
    ann.api("POST", "/v1/edit", {"id": said[2], "text": "edited and then deleted"})
    ann.api("POST", "/v1/delete", {"id": said[2]})
    bob.api("POST", "/v1/react", {"id": said[3], "symbol": "\U0001f44d"})
    bob.api("POST", "/v1/reply", {"id": said[0], "text": "yes"})
    ann.cli("nick", "ann")
    ann.cli("send", "a b/é", "--action", "waves")
    eventually(lambda: shown(ann, "a b/é") == shown(bob, "a b/é") and len(shown(ann, "a b/é")) == 8)


def test_export_on_one_verify_with_none_import_on_another(net: Net, tmp_path: Path) -> None:
    ann, bob = net.daemons("ann", "bob")
    a_talk(ann, bob)
    file = export(ann, "a b/é", tmp_path / "room.jsonl")
    history = shown(ann, "a b/é")
    ann.stop()
    assert f"{file}: ok: room a b/é: 11 records of 2 authors, 2 deleted, " in verify(file, home=tmp_path)

    cleo = net.daemon("cleo")
    told = cleo.json("import", str(file))[0]
    assert told == {
        "file": str(file),
        "room": "a b/é",
        "peer": None,
        "joined": False,
        "new": 13,
        "known": 0,
        "skipped": 0,
    }
    assert shown(cleo, "a b/é") == history
    assert cleo.api("GET", "/v1/rooms") == []  # known, and not joined
    events = [event["kind"] for event in events_of(cleo)]
    assert "imported" in events
    assert "message" not in events  # it is history, nothing new

    again = cleo.json("import", str(file))[0]
    assert (again["new"], again["known"]) == (0, 13)
    file2 = export(cleo, "a b/é", tmp_path / "again.jsonl")
    assert file2.read_text().splitlines()[1:] == file.read_text().splitlines()[1:]
    verify(file2, file, home=tmp_path)


def events_of(node: Daemon) -> list[dict[str, Any]]:
    with p2pd_client.sync.connect(node.home) as client:
        found = []
        for event in client.events(after=0):
            found.append({"kind": event.kind, **event.data})
            if event.kind == "imported":
                return found
    return found


def test_a_room_that_is_imported_and_then_joined_goes_on(net: Net, tmp_path: Path) -> None:
    ann = net.daemon("ann")
    ann.join("lobby")
    for i in range(5):
        ann.send("lobby", f"before {i}")
    file = export(ann, "lobby", tmp_path / "lobby.jsonl")
    for i in range(5):
        ann.send("lobby", f"since {i}")

    bob = net.daemon("bob")
    bob.cli("import", str(file))
    bob.join("lobby")
    bob.connect(ann)
    eventually(lambda: bob.texts("lobby") == ann.texts("lobby"), what="the rest came by reconciliation")
    bob.send("lobby", "hello")
    eventually(lambda: ann.texts("lobby")[-1] == "hello", what="and it is alive")
    told = ann.json("import", str(file))[0]
    assert (told["joined"], told["new"], told["known"]) == (True, 0, 5)


def test_into_a_joined_room(net: Net, tmp_path: Path) -> None:
    file = tmp_path / "made.jsonl"
    file.write_bytes(export_of([said(key(1 + i % 3), f"{i}", ts_ms=START_MS + i) for i in range(700)]))
    ann, bob = net.daemons("ann", "bob")
    for node in (ann, bob):
        node.join("lobby")
    bob.connect(ann)
    eventually(lambda: ann.members("lobby") == 2, what="both are in the room")
    ann.send("lobby", "before the import")
    assert ann.json("import", str(file))[0] == {
        "file": str(file),
        "room": "lobby",
        "peer": None,
        "joined": True,
        "new": 700,
        "known": 0,
        "skipped": 0,
    }
    ann.send("lobby", "after it")
    texts = ann.texts("lobby")
    assert texts == [*map(str, range(700)), "before the import", "after it"]
    bob.stop()
    bob.start()
    bob.connect(ann)
    eventually(lambda: bob.texts("lobby") == texts, what="and the others get it, too")


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


# Parts of it


def test_since(node: Daemon, tmp_path: Path) -> None:
    node.join("parts")
    sent = [node.send("parts", f"message {i}") for i in range(6)]
    part = export(node, "parts", tmp_path / "part.jsonl", "--since", sent[2]["id"])
    head, *lines = map(json.loads, part.read_text().splitlines())
    assert (head["after"], head["since_ms"], head["count"]) == (sent[2]["id"], None, 3)
    assert [line["text"] for line in lines] == ["message 3", "message 4", "message 5"]
    part2 = export(node, "parts", tmp_path / "part2.jsonl", "--since", "1h")
    assert json.loads(part2.read_text().splitlines()[0])["count"] == 6
    none = export(node, "parts", tmp_path / "none.jsonl", "--since", "2999-01-01")
    assert json.loads(none.read_text())["count"] == 0
    assert ": ok: room parts: 0 records" in verify(part, part2, none, home=tmp_path)
    elsewhere = run_cli("export", "parts", "--since", "ab" * 32, home=node.home)
    assert (elsewhere.returncode, elsewhere.stdout) == (NO_SUCH, "")


def test_an_empty_export_makes_its_room_known(node: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "none.jsonl"
    file.write_bytes(file_of(manifest_of([], topic="p2pd/1/bare"), []))
    assert node.json("import", str(file))[0]["room"] == "bare"
    assert node.history("bare") == []
    assert json.loads(node.cli("export", "bare"))["count"] == 0


def test_records_that_arrive_meanwhile_are_left_out(node: Daemon, long_room: str) -> None:
    first = node.api("GET", f"/v1/export?target={long_room}")
    texts = node.texts(long_room)
    assert (len(first["lines"]), first["manifest"]["count"]) == (500, len(texts))
    node.send(long_room, "meanwhile")
    second = node.api("GET", f"/v1/export?cursor={first['next']}")
    last = node.api("GET", f"/v1/export?cursor={second['next']}")
    exported = [line["text"] for page in (first, second, last) for line in page["lines"]]
    assert exported == texts
    assert (second["manifest"], last["next"]) == (None, None)


def test_a_pipe_that_is_closed_ends_an_export(node: Daemon, long_room: str) -> None:
    environment = clean_environment() | {"P2PD_HOME": str(node.home), "PATH": f"{BIN}:/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; p2pd export {long_room} | head -n 1"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (141, "")


def test_rooms_and_people_that_are_not_known(node: Daemon) -> None:
    for target in ("nowhere", key(7).peer_id):
        done = run_cli("export", target, home=node.home)
        assert (done.returncode, done.stdout) == (NO_SUCH, "")
    for cursor in ("x", "1.1.zz.t", "-1.1.00.t", "1.1..p2pd/1/nowhere"):
        query = urlencode({"cursor": cursor})
        status, answer = quick.request(node.ready["socket"], "GET", f"/v1/export?{query}")
        assert (status, answer["error"]["code"]) in {(400, "bad_request"), (404, "no_such_room")}
    for query in ("", "?room=a&target=b", "?target=a&cursor=b", "?cursor=b&since_ms=1"):
        assert quick.request(node.ready["socket"], "GET", f"/v1/export{query}")[0] == 400


def test_the_sdk_exports_what_the_command_does(node: Daemon, tmp_path: Path) -> None:
    node.join("sdk")
    node.send("sdk", "hello")
    file = tmp_path / "sdk.jsonl"
    new = said(key(5), "new", ts_ms=START_MS, topic="p2pd/1/sdk")
    with p2pd_client.sync.connect(node.home) as client:
        lines = list(client.export("sdk"))
        manifest, record = lines
        assert isinstance(manifest, p2pd_client.ExportManifest)
        assert isinstance(record, p2pd_client.ExportLine)
        assert record.raw is not None
        batch = [record.raw, "AAAA", encode_base64(new.raw)]
        done = client.import_records(manifest.topic, batch)
        assert (done.new, done.known, [one.index for one in done.skipped]) == (1, 1, [1])
    file.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    verify(file, home=tmp_path)


# Direct conversations


def test_a_conversation_goes_back_to_one_of_the_two(net: Net, tmp_path: Path) -> None:
    ann, bob = net.daemons("ann", "bob")
    ann.cli("msg", bob.addr, "first")
    for i in range(3):
        bob.cli("msg", ann.peer_id, f"answer {i}")
    eventually(lambda: len(ann.texts(bob.peer_id)) == 4, what="all is here")
    file = export(ann, bob.peer_id, tmp_path / "bob.jsonl")
    history = shown(ann, bob.peer_id)
    assert "4 texts that only the two can check" in verify(file, home=tmp_path)
    assert "only the two" not in verify(file, home=ann.home)

    forged = tmp_path / "forged.jsonl"
    forged.write_text(file.read_text().replace('"text":"first"', '"text":"worst"'))
    assert "the kind or text shown was changed" in verify(forged, home=tmp_path, code=FAULTS)
    assert "the text shown is not what was signed" in verify(forged, home=bob.home, code=FAULTS)

    stranger = net.daemon("cleo")
    refused = run_cli("import", str(file), home=stranger.home)
    assert refused.returncode == REFUSED
    assert "conversation of two others" in refused.stderr
    assert bob.json("import", str(file))[0]["known"] == 4

    ann.stop()
    for left in ann.home.glob("store.sqlite3*"):
        left.unlink()
    ann.start()  # the same identity with an empty store
    assert ann.api("GET", "/v1/conversations") == []
    told = ann.json("import", str(file))[0]
    assert (told["room"], told["peer"], told["new"]) == (None, bob.peer_id, 4)
    assert [one["text"] for one in ann.history(bob.peer_id)] == [one["text"] for one in history]
    assert ann.json("status")[0]["outbox"] == {"queued": 0, "sent": 0}  # nothing is sent a second time
    assert ann.json("status")[0]["peer_id"] == ann.peer_id


# Size, and what it needs


def test_verify_needs_no_daemon_and_no_network_library(tmp_path: Path) -> None:
    file = tmp_path / "room.jsonl"
    file.write_bytes(export_of([said(key(1), "hello")]))
    code = (
        "import sys; from p2pd_cli.app import run; code = run(['verify', sys.argv[1]]);"
        "print(code, sorted({'libp2p', 'trio', 'sqlite3', 'anyio', 'msgspec'} & sys.modules.keys()))"
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
