"""Nodes and bootstraps that die, move, freeze and come back: noticed within 10 s, together again within 10 s."""

from __future__ import annotations

import pytest
from e2e.harness import Daemon, Net, Process, eventually, within

pytestmark = pytest.mark.slow

NOTICE_S = 10.0
RETURN_S = 10.0


def both_connected(one: Daemon, other: Daemon) -> bool:
    return other.peer_id in one.peers() and one.peer_id in other.peers()


def heard(sender: Daemon, receiver: Daemon, text: str) -> None:
    """What one says now arrives at the other."""
    sender.send("lobby", text)
    eventually(lambda: text in receiver.texts("lobby"), what=f"{text!r} is heard")


def meet(ann: Daemon, bob: Daemon) -> None:
    """Connected, introduced to each other, and in the room together."""
    ann.connect(bob)
    for node in (ann, bob):
        eventually(
            lambda node=node: all(peer["agent"] for peer in node.api("GET", "/v1/peers")), what="introduced"
        )
        eventually(lambda node=node: node.members("lobby") == 2, what="together in the room")
    heard(ann, bob, "how do you do")
    heard(bob, ann, "and how do you do")


def pair(net: Net, *options: str) -> tuple[Daemon, Daemon]:
    ann, bob = net.daemons("ann", "bob", options=options)
    for node in (ann, bob):
        node.join("lobby")
    return ann, bob


def test_a_peer_that_restarts_or_moves_comes_back(net: Net) -> None:
    ann, bob = pair(net)
    meet(ann, bob)
    for _ in range(2):  # bob moves to another port each time, and remembers ann
        bob.kill()
        within(NOTICE_S, lambda: bob.peer_id not in ann.peers(), "the death is noticed")
        bob.start()
        within(RETURN_S, lambda: both_connected(ann, bob), "together again")
        eventually(lambda: ann.members("lobby") == bob.members("lobby") == 2, what="in the room again")
        heard(ann, bob, f"to port {bob.addr}")
        heard(bob, ann, f"from port {bob.addr}")


def test_a_frozen_peer_is_noticed_and_comes_back(net: Net) -> None:
    ann, bob = pair(net)
    meet(ann, bob)
    bob.freeze()
    within(NOTICE_S, lambda: bob.peer_id not in ann.peers(), "the frozen peer is noticed")
    bob.thaw()
    within(RETURN_S, lambda: both_connected(ann, bob), "together again")
    eventually(lambda: ann.members("lobby") == bob.members("lobby") == 2, what="in the room again")
    heard(ann, bob, "good morning")


def test_the_bootstrap_dies_mid_chat_and_returns(net: Net) -> None:
    bootstrap: Process = net.bootstrap()
    bootstrap.keep_port()
    ann, bob = pair(net, "--bootstrap", bootstrap.addr)
    eventually(lambda: ann.members("lobby") == bob.members("lobby") == 2, 20, "they met")
    bootstrap.kill()
    heard(ann, bob, "it is dead")
    heard(bob, ann, "and we are not")

    cleo = net.daemon("cleo", "--bootstrap", bootstrap.addr)
    cleo.join("lobby")
    assert cleo.peers() == set()
    bootstrap.start()
    eventually(
        lambda: cleo.members("lobby") == 3, 20, "a newcomer finds the old ones, who were not restarted"
    )
    heard(cleo, ann, "hello, old ones")
    heard(ann, cleo, "hello, newcomer")
