"""Rooms of other people's formats, between two p2pd nodes: said, kept, caught up on, exported, imported."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from e2e.harness import Daemon, Net, eventually, run_cli

UC = "universal-connectivity"
SOME = [f"text {number}" for number in range(10)]


def join(node: Daemon, room: str, wire: str) -> dict[str, Any]:
    return dict(node.api("POST", "/v1/join", {"room": room, "wire": wire}))


def heard(node: Daemon, text: str) -> bool:
    return node.texts(UC, 1) == [text]


def all_sent(node: Daemon) -> bool:
    return all(line["state"] != "stored" for line in node.history(UC))


def meet(one: Daemon, other: Daemon, room: str = UC) -> None:
    one.connect(other)
    eventually(lambda: one.members(room) == other.members(room) == 2, what="both are in the room")


@pytest.mark.slow
def test_two_nodes_talk_in_a_text_room_and_remember_it(net: Net) -> None:
    ann, bob = net.daemons("ann", "bob")
    for node in (ann, bob):
        assert join(node, UC, "text") == {"room": UC, "topic": UC, "wire": "text", "announce": True}
    meet(ann, bob)
    for text in SOME:
        ann.send(UC, text)
    eventually(lambda: bob.texts(UC) == SOME, what="in the order in which they were said")
    [room] = bob.json("rooms")
    assert (room["room"], room["topic"], room["wire"], room["unread"]) == (UC, UC, "text", len(SOME))
    assert [(line["from"], line["state"], line["sender"]) for line in bob.history(UC, 1)] == [
        (ann.peer_id, "received", None)
    ]
    bob.stop()
    bob.start()
    assert bob.texts(UC) == SOME
    assert bob.json("rooms")[0]["wire"] == "text"
    bob.send(UC, "back again")
    assert bob.texts(UC) == [*SOME, "back again"]
    bob.connect(ann)
    eventually(lambda: ann.texts(UC) == [*SOME, "back again"], what="what was said alone arrives")


@pytest.mark.slow
def test_who_comes_late_gets_what_was_said_in_the_order_the_others_have(net: Net) -> None:
    ann, bob, late = net.daemons("ann", "bob", "late")
    for node in (ann, bob):
        join(node, UC, "text")
    meet(ann, bob)
    said = [f"{'ann' if turn % 2 else 'bob'} {turn}" for turn in range(60)]
    for turn, text in enumerate(said):
        author, other = (ann, bob) if turn % 2 else (bob, ann)
        author.send(UC, text)
        eventually(partial(heard, other, text), what="heard")
    assert ann.texts(UC) == bob.texts(UC) == said
    for node in (ann, bob):  # what is noted as sent is not said again to who comes next
        eventually(partial(all_sent, node), what="noted")
    for node in (ann, bob):
        node.stop()  # gossip forgets; what was said is on the disk
    ann.start()
    join(late, UC, "text")
    late.connect(ann)
    eventually(lambda: len(late.history(UC)) == len(said), what="all of it is here")
    assert late.texts(UC) == said
    history = late.history(UC)
    assert history == sorted(history, key=lambda line: line["ts_ms"])
    assert all(line["caught_up"] for line in history)
    assert late.json("rooms")[0]["unread"] == 0
    middle = history[30]["id"]
    page = late.api("GET", f"/v1/history?room={UC}&before={middle}&limit=10")
    assert [line["text"] for line in page] == said[20:30]
    found = late.api("GET", f"/v1/history?room={UC}&search=bob&limit=5")
    assert [line["text"] for line in found] == [text for text in said if "bob" in text][-5:]
    before = late.texts(UC)
    late.stop()
    late.start()
    assert late.texts(UC) == before


@pytest.mark.slow
def test_a_text_room_is_exported_verified_and_imported(net: Net, tmp_path: Path) -> None:
    ann, bob = net.daemons("ann", "bob")
    join(ann, UC, "text")
    join(ann, "lobby", "chat-room")
    for text in SOME:
        ann.send(UC, text)
    ann.api("POST", "/v1/nick", {"nick": "ann"})
    ann.send("lobby", "hello")
    for room in (UC, "lobby"):
        file = tmp_path / f"{room}.jsonl"
        file.write_text(ann.cli("export", room))
        bob.cli("verify", str(file))
        bob.cli("import", str(file))
        assert bob.texts(room) == ann.texts(room)
    assert [line["ts_ms"] for line in bob.history(UC)] == [line["ts_ms"] for line in ann.history(UC)]
    [line] = bob.history("lobby")
    assert (line["nick"], line["name"], line["sender"]["claims"]) == ("ann", f"ann~{ann.peer_id[-6:]}", None)
    assert bob.api("POST", "/v1/join", {"room": UC})["wire"] == "text", "the room that is known by this name"
    lines = file.read_text().splitlines()
    fields = json.loads(lines[1])
    file.write_text("\n".join([lines[0], json.dumps(fields | {"text": "hullo"})]) + "\n")
    done = run_cli("verify", str(file), home=bob.home)
    assert done.returncode == 1
    assert "the text shown is not what was signed" in done.stdout + done.stderr


@pytest.mark.slow
def test_what_such_rooms_cannot_carry_is_refused_with_the_reason(net: Net) -> None:
    ann = net.daemon("ann", "--nick", "ann")
    for room, wire in (("plaza", "text"), ("awesome", "chat-room")):
        join(ann, room, wire)
        said = ann.send(room, "hello")["id"]
        for command in (
            ("edit", said, "hullo"),
            ("delete", said),
            ("react", said, "+1"),
            ("reply", said, "yes"),
            ("send", room, "waves", "--action"),
        ):
            done = run_cli(*command, home=ann.home)
            assert done.returncode == 6, command
            assert f"a room of the {wire} wire cannot carry" in done.stderr
        assert ann.texts(room) == ["hello"]
    done = run_cli("join", f"{UC}-browser-peer-discovery", "--wire", "text", home=ann.home)
    assert done.returncode == 2
    assert "addresses of peers" in done.stderr


@pytest.mark.slow
def test_a_name_means_one_room_on_a_node(net: Net) -> None:
    ann = net.daemon("ann")
    ann.join("lobby")
    assert ann.cli("join", "lobby", "--wire", "text") == "joined text:lobby (text, topic lobby)\n"
    assert ann.cli("join", "lobby", "--wire", "chat-room").startswith("joined chat-room:lobby (chat-room,")
    ann.send("lobby", "ours")
    ann.send("text:lobby", "theirs")
    assert (ann.texts("lobby"), ann.texts("text:lobby")) == (["ours"], ["theirs"])
    assert [room["room"] for room in ann.json("rooms")] == ["chat-room:lobby", "lobby", "text:lobby"]
    ann.cli("leave", "text:lobby")
    again = ann.json("join", "text:lobby")[0]
    assert (again["room"], again["topic"], again["wire"]) == ("text:lobby", "lobby", "text")
    ann.stop()
    ann.start()
    assert [room["wire"] for room in ann.json("rooms")] == ["chat-room", "p2pd", "text"]
    join(ann, "plaza", "text")
    assert join(ann, "plaza", "p2pd")["room"] == "p2pd:plaza"


@pytest.mark.slow
def test_a_store_node_keeps_text_rooms_with_their_order(net: Net) -> None:
    keeper = net.daemon("keeper", "--store")
    ann, bob = net.daemons("ann", "bob", options=("--bootstrap", keeper.addr))
    join(ann, UC, "text")
    for text in SOME:
        ann.send(UC, text)
    eventually(lambda: all(line["state"] == "sent" for line in ann.history(UC)), what="kept")
    ann.stop()
    join(bob, UC, "text")
    eventually(lambda: bob.texts(UC) == SOME, 30, what="fetched from the store node, in order")


@pytest.mark.slow
def test_what_a_node_does_not_keep_any_more_is_not_brought_again(net: Net) -> None:
    ann, bob = net.daemons("ann", "bob")
    for node in (ann, bob):
        join(node, UC, "text")
    meet(ann, bob)
    for text in SOME:
        ann.send(UC, text)
    eventually(lambda: bob.texts(UC) == SOME, what="heard")
    bob.stop()
    bob.options = (*bob.options, "--keep", "3")
    bob.start()
    eventually(lambda: bob.texts(UC) == SOME[-3:], what="the older ones are given up")
    bob.connect(ann)
    ann.send(UC, "more")
    eventually(lambda: bob.texts(UC)[-1:] == ["more"], what="heard")
    eventually(lambda: ann.history(UC, 1)[0]["delivery"]["held_by"] == 1, 30, what="compared")
    assert bob.texts(UC) == [*SOME[-3:], "more"]
    assert ann.texts(UC) == [*SOME, "more"]
    file = bob.home / "uc.jsonl"
    file.write_text(bob.cli("export", UC))
    bob.cli("verify", str(file))
