"""Edits, deletes, reactions and replies between two daemons, in a room and in a conversation."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.harness import Daemon, eventually, open_net, run_cli

pytestmark = pytest.mark.slow

NOT_FOUND, REFUSED = 4, 6


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Daemon]]:
    """Ann and Bob, connected, both in the room `lobby`."""
    with open_net(tmp_path_factory.mktemp("changes")) as net:
        ann, bob = net.daemons("ann", "bob")
        for node, name in ((ann, "ann"), (bob, "bob")):
            node.cli("nick", name)
            node.keep_port()
        meet(ann, bob)
        yield ann, bob


def meet(ann: Daemon, bob: Daemon) -> None:
    ann.connect(bob)
    for node in (ann, bob):
        node.join("lobby")
    eventually(lambda: ann.members("lobby") == bob.members("lobby") == 2, what="both are in the room")


def shown(node: Daemon, target: str, message_id: str) -> dict[str, Any]:
    return next((one for one in node.history(target) if one["id"] == message_id), {})


def everywhere_in_the_file(node: Daemon, text: str) -> set[str]:
    """The tables of the store in which the word is; `search` is its index."""
    with sqlite3.connect(f"file:{node.home / 'store.sqlite3'}?mode=ro", uri=True) as conn:
        conn.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, search, instance)")
        tables = [row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {
            table
            for table in tables
            if not table.startswith("search")
            for row in conn.execute(f"SELECT * FROM {table}")
            if any(text.encode() in (v if isinstance(v, bytes) else str(v).encode()) for v in row)
        }
        if conn.execute("SELECT 1 FROM temp.words WHERE term = ?", (text.lower(),)).fetchone():
            found.add("search")
    conn.close()
    return found


def say(pair: tuple[Daemon, Daemon], place: str, text: str) -> tuple[str, str, str]:
    """Ann says something to Bob; its id, and what each calls the place. Returns when Bob has it."""
    ann, bob = pair
    to, at_bobs = ("lobby", "lobby") if place == "room" else (bob.peer_id, ann.peer_id)
    [sent] = ann.json("send" if place == "room" else "msg", bob.addr if place == "direct" else to, text)
    eventually(lambda: shown(bob, at_bobs, sent["id"]), what="it arrived")
    return sent["id"], to, at_bobs


@pytest.mark.parametrize("place", ["room", "direct"])
def test_an_edit_replaces_the_text(pair: tuple[Daemon, Daemon], place: str) -> None:
    ann, bob = pair
    message, here, there = say(pair, place, f"frist {place}")
    [edited] = ann.json("edit", message[:12], f"first {place}")
    assert edited.keys() == {"id", "room" if place == "room" else "to", "ts_ms", "state"}
    for node, target in ((ann, here), (bob, there)):
        eventually(lambda n=node, t=target: shown(n, t, message)["text"] == f"first {place}")
        assert shown(node, target, message)["edited"] is True
        assert not node.json("history", target, "--search", "frist")
        assert [one["id"] for one in node.json("history", target, "--search", f"first {place}")] == [message]
        assert "(edited)" in node.cli("history", target)
        [told] = node.json("show", message[:12])
        assert [version["text"] for version in told["versions"]] == [f"frist {place}", f"first {place}"]
    refused = run_cli("edit", message, "mine now", home=bob.home)
    assert (refused.returncode, "only ann" in refused.stderr) == (REFUSED, True)


@pytest.mark.parametrize("place", ["room", "direct"])
def test_reactions_come_and_go(pair: tuple[Daemon, Daemon], place: str) -> None:
    ann, bob = pair
    message, here, there = say(pair, place, "what do you think?")
    bob.cli("react", message[:10], "👍")
    ann.cli("react", message[:10], "👍")
    bob.cli("react", message[:10], "fine")
    for node, target in ((ann, here), (bob, there)):
        eventually(lambda n=node, t=target: [r["count"] for r in shown(n, t, message)["reactions"]] == [2, 1])
        thumbs, fine = shown(node, target, message)["reactions"]
        assert thumbs == {
            "symbol": "👍",
            "count": 2,
            "mine": True,
            "by": sorted([ann.peer_id, bob.peer_id]),
        }
        assert (fine["symbol"], fine["count"], fine["mine"]) == ("fine", 1, node is bob)
        assert "what do you think?  👍 2  fine 1" in node.cli("history", target)
    bob.cli("react", message[:10], "👍", "--remove")
    for node, target in ((ann, here), (bob, there)):
        eventually(lambda n=node, t=target: [r["count"] for r in shown(n, t, message)["reactions"]] == [1, 1])
    again = run_cli("react", message, "👍", "--remove", home=bob.home)
    assert again.returncode == REFUSED


@pytest.mark.parametrize("place", ["room", "direct"])
def test_a_reply_shows_what_it_answers(pair: tuple[Daemon, Daemon], place: str) -> None:
    ann, bob = pair
    message, here, there = say(pair, place, "does it work?")
    [answer] = bob.json("reply", message[:8], "it does")
    for node, target in ((ann, here), (bob, there)):
        eventually(lambda n=node, t=target: shown(n, t, answer["id"]), what="the reply is there")
        reply = shown(node, target, answer["id"])
        assert (reply["reply_to"], reply["text"]) == (message, "it does")
        assert (reply["quote"]["name"], reply["quote"]["text"]) == ("ann", "does it work?")
        assert "bob: ↩ ann: “does it work?” it does" in node.cli("history", target)


@pytest.mark.parametrize("place", ["room", "direct"])
def test_a_delete_leaves_nothing_and_that_lasts(pair: tuple[Daemon, Daemon], place: str) -> None:
    ann, bob = pair
    secret, second = f"swordfish{place}", f"marlin{place}"
    message, here, there = say(pair, place, secret)
    ann.cli("edit", message, second)
    bob.cli("react", message, "👍")
    eventually(lambda: shown(bob, there, message)["text"] == second)
    eventually(lambda: shown(ann, here, message)["reactions"])
    for node in pair:
        assert everywhere_in_the_file(node, second) >= {"records", "search"}
    [sent] = ann.json("delete", message[:9])
    for node, target in ((ann, here), (bob, there)):
        eventually(lambda n=node, t=target: shown(n, t, message)["deleted"], what="deleted")
        eventually(lambda n=node: n.running)
        gone = shown(node, target, message)
        assert (gone["text"], gone["edited"], gone["reactions"]) == ("", False, [])
        assert "(deleted)" in node.cli("history", target)
        for word in (secret, second):
            assert not node.json("history", target, "--search", word)
        assert node.json("show", message)[0]["versions"] == []
        for command in (("edit", message, "x"), ("react", message, "x"), ("reply", message, "x")):
            assert run_cli(*command, home=node.home).returncode == REFUSED
    assert sent["id"] != message
    for node in pair:
        assert node.stop() == 0
        assert not everywhere_in_the_file(node, secret) | everywhere_in_the_file(node, second)
    for node in pair:
        node.start()
    meet(ann, bob)
    for node, target in ((ann, here), (bob, there)):
        assert shown(node, target, message)["deleted"] is True


def test_ids_are_looked_up(pair: tuple[Daemon, Daemon]) -> None:
    ann, _ = pair
    message, *_ = say(pair, "room", "look me up")
    assert f"{message[:8]} " in ann.cli("history", "lobby", "--ids")
    [edit] = ann.json("edit", message.upper()[:20], "look me up again")
    for wrong, code, word in (
        ("ffffffffffff", NOT_FOUND, "no message"),
        ("nothex", NOT_FOUND, "no message's id"),
        ("abc", 2, "too short"),
        (edit["id"], NOT_FOUND, message),
    ):
        done = run_cli("react", wrong, "x", home=ann.home)
        assert done.returncode == code, done.stderr
        assert word in done.stderr
    assert run_cli("react", message, "two words", home=ann.home).returncode == 2


def test_the_event_stream_tells_what_changed(pair: tuple[Daemon, Daemon]) -> None:
    ann, bob = pair
    message, *_ = say(pair, "room", "watch me")
    after = newest(bob)
    ann.cli("edit", message, "watch me now")
    eventually(lambda: shown(bob, "lobby", message)["edited"])
    bob.cli("react", message, "👀")
    ann.cli("delete", message)
    eventually(lambda: shown(bob, "lobby", message)["deleted"])
    told = [
        event for event in events(bob, after) if event["kind"] in {"edit", "reaction", "delete", "message"}
    ]
    assert [(event["kind"], event["data"]["id"]) for event in told] == [
        ("edit", message),
        ("reaction", message),
        ("delete", message),
    ]
    edit, reaction, delete = (event["data"] for event in told)
    assert (edit["by"], edit["by_name"], edit["room"]) == (ann.peer_id, "ann", "lobby")
    assert (reaction["by"], reaction["symbol"], reaction["remove"]) == (bob.peer_id, "👀", False)
    assert (delete["deleted"], delete["text"]) == (True, "")
    assert "watch me" not in json.dumps(told)  # as it is now, also in what is replayed


def newest(node: Daemon) -> int:
    from p2pd_client import sync

    with sync.connect(node.home) as client:
        return int(next(client.events(after=2**62)).data["oldest"]) - 1


def events(node: Daemon, after: int) -> list[dict[str, Any]]:
    """Those kept now."""
    import msgspec
    from p2pd_client import sync

    node.api("POST", "/v1/join", {"room": "the-end"})
    found: list[dict[str, Any]] = []
    with sync.connect(node.home) as client:
        for event in client.events(after=after):
            if event.kind == "room" and event.data["room"] == "the-end":
                return found
            found.append(msgspec.to_builtins(event))
    raise AssertionError("the stream ended")


def test_who_comes_later_sees_the_same(tmp_path: Path) -> None:
    """What was edited, deleted, reacted to and answered before, all of it by reconciliation."""
    with open_net(tmp_path) as net:
        ann, bob, carol = net.daemons("ann", "bob", "carol")
        meet(ann, bob)
        first = ann.send("lobby", "frist")["id"]
        secret = ann.send("lobby", "swordfish")["id"]
        eventually(lambda: len(bob.texts("lobby")) == 2)
        ann.cli("edit", first, "first")
        ann.cli("edit", secret, "marlin")
        bob.cli("react", first, "👍")
        bob.cli("reply", secret, "a fish?")
        eventually(lambda: shown(bob, "lobby", secret)["edited"])
        ann.cli("delete", secret)
        expected = [(first, "first", True, False, 1), (secret, "", False, True, 0)]
        eventually(lambda: picture(bob)[:2] == expected)
        for node in (ann, bob):
            carol.connect(node)
        carol.join("lobby")
        eventually(lambda: picture(carol) == picture(ann) == picture(bob), 30, "carol has caught up")
        assert len(picture(carol)) == 3
        assert [one["from"] for one in carol.history("lobby")] == [
            one["from"] for one in ann.history("lobby")
        ]
        assert carol.history("lobby")[2]["quote"]["deleted"]
        assert not everywhere_in_the_file(carol, "swordfish") | everywhere_in_the_file(carol, "marlin")


def picture(node: Daemon) -> list[tuple[str, str, bool, bool, int]]:
    return [
        (one["id"], one["text"], one["edited"], one["deleted"], len(one["reactions"]))
        for one in node.history("lobby")
    ]
