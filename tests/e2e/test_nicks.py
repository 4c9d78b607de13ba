"""Nicknames: announced to those who are there and to who comes later, told apart where two people use one."""

from __future__ import annotations

import re

import pytest
from e2e.harness import Daemon, Net, eventually, run_cli

pytestmark = pytest.mark.slow


def nicks(node: Daemon) -> dict[str, str]:
    """peer ID → nickname, as `p2pd contacts` knows them."""
    return {contact["peer_id"]: contact["nick"] for contact in node.api("GET", "/v1/contacts")}


def knows(node: Daemon, other: Daemon, nick: str) -> None:
    eventually(lambda: nicks(node).get(other.peer_id) == nick, what=f"{nick!r} is known")


def enter(room: str, *nodes: Daemon) -> None:
    for node in nodes:
        node.join(room)
    eventually(lambda: all(node.members(room) == len(nodes) for node in nodes), what="all are in the room")


def test_a_nick_reaches_who_is_there_and_who_comes_later(net: Net) -> None:
    ann, bob = net.daemons("ann", "bob")
    cleo = net.daemon("cleo", "--nick", "cleo", start=False)
    ann.connect(bob)
    enter("lobby", ann, bob)
    ann.send("lobby", "nobody has a name yet")
    eventually(lambda: bob.texts("lobby") != [], what="the message is there")
    shown = bob.cli("history", "lobby")
    assert f" {ann.peer_id[-6:]}: nobody has a name yet" in shown

    # A change reaches those who are there, and is shown with what was said before it, too.
    for nick in ("annie", "Ann  of 2 houses 漢字"):
        ann.cli("nick", nick)
        knows(bob, ann, nick)
        assert [message["nick"] for message in bob.history("lobby")] == [nick]
        eventually(lambda nick=nick: bob.json("peers")[0]["nick"] == nick, what="`peers` shows it")
    assert "Ann  of 2 houses 漢字: nobody has a name yet" in bob.cli("history", "lobby")

    # Who comes later knows it before anybody says a word, and is known.
    cleo.start()
    cleo.connect(ann)
    cleo.join("lobby")
    knows(cleo, ann, "Ann  of 2 houses 漢字")
    knows(ann, cleo, "cleo")

    # It survives a restart on both sides, and is said in a room that is joined only then.
    for node in (ann, cleo):
        node.kill()
        node.launch()
    for node in (ann, cleo):
        node.wait_ready()
    assert ann.json("nick") == [{"nick": "Ann  of 2 houses 漢字"}]
    assert cleo.json("nick") == [{"nick": "cleo"}]
    assert nicks(cleo)[ann.peer_id] == "Ann  of 2 houses 漢字"
    ann.cli("nick", "--clear")
    bob.cli("block", cleo.peer_id)  # a name that is blocked is not forgotten
    knows(bob, ann, "")
    assert bob.json("peers")[0]["nick"] == ""


def test_two_people_with_one_nick_are_told_apart(net: Net) -> None:
    ann, eve, bob = net.daemons("ann", "eve", "bob")
    for node in (ann, eve):
        node.connect(bob)
    enter("lobby", bob, ann)
    ann.cli("nick", "ann")
    knows(bob, ann, "ann")
    ann.send("lobby", "it is me")
    eventually(lambda: bob.texts("lobby") == ["it is me"], what="the message is there")
    assert re.fullmatch(r"\S+ ann: it is me\n", bob.cli("history", "lobby"))

    eve.join("lobby")
    eve.cli("nick", "Ann")  # the same to a human eye
    knows(bob, eve, "Ann")
    eve.send("lobby", "no, me")
    eventually(lambda: len(bob.texts("lobby")) == 2, what="both messages are there")
    one, other = bob.cli("history", "lobby").splitlines()
    assert re.fullmatch(rf"\S+ ann~{ann.peer_id[-6:]}: it is me", one)
    assert re.fullmatch(rf"\S+ Ann~{eve.peer_id[-6:]}: no, me", other)
    names = [contact["name"] for contact in bob.json("contacts")]
    assert sorted(names) == sorted([f"ann~{ann.peer_id[-6:]}", f"Ann~{eve.peer_id[-6:]}"])

    # As a name to write to it is ambiguous, and says which ones there are; what is shown works.
    for line in (["msg", "ann", "hello"], ["block", "ann"]):
        done = run_cli(*line, home=bob.home)
        assert done.returncode == 4, done.stderr
        assert f"~{ann.peer_id[-6:]}" in done.stderr
        assert f"~{eve.peer_id[-6:]}" in done.stderr
    assert bob.json("msg", f"ann~{ann.peer_id[-6:]}", "hello")[0]["to"] == ann.peer_id

    eve.cli("nick", "eve")
    knows(bob, eve, "eve")
    assert bob.cli("history", "lobby").splitlines()[0].endswith(" ann: it is me")
    bob.cli("contacts", "name", eve.peer_id, "ann")  # a petname counts, too
    assert bob.cli("history", "lobby").splitlines()[0].endswith(f" ann~{ann.peer_id[-6:]}: it is me")


def test_the_nick_of_the_settings_counts_until_another_is_chosen(net: Net) -> None:
    node = net.daemon("node", "--nick", "first")
    assert node.json("nick") == [{"nick": "first"}]
    node.cli("nick", "second")
    node.kill()
    node.start()  # with --nick first, as a service manager would
    assert node.json("nick") == [{"nick": "second"}]
    node.options = tuple("third" if option == "first" else option for option in node.options)
    node.kill()
    node.start()
    assert node.json("nick") == [{"nick": "third"}]
    done = run_cli("start", "--nick", "\x1b[31m", "--no-mdns", home=node.home / "other")
    assert done.returncode == 2, done
    assert "hint: " in done.stderr
    assert "\x1b" not in done.stderr
