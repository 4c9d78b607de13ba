"""What one daemon exports is verified without any, and imported by another: nothing added, nothing lost."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import p2pd_client.sync
import pytest
from e2e.exporting import FAULTS, NO_SUCH, REFUSED, export, shown, verify
from e2e.harness import BIN, Daemon, Net, clean_environment, eventually, open_net, run_cli
from exported import START_MS, export_of, file_of, key, manifest_of, said
from p2pd_client import quick
from p2pd_daemon.core.export import encode_base64

pytestmark = pytest.mark.slow


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
