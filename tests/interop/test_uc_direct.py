"""Direct messages of universal-connectivity, with each implementation, each transport, whoever dials."""

from __future__ import annotations

import time

import pytest
from e2e.harness import Daemon, Net, eventually, run_cli
from interop.harness import Foreign, Foreigners, ForeignPeer, connect, texts

OK, ERROR = 200, 500
UC = "universal-connectivity"


@pytest.mark.cell("direct messages of universal-connectivity")
def test_each_writes_to_the_other(daemon: Daemon, neighbour: ForeignPeer) -> None:
    ours, theirs = texts("from p2pd", 5), texts("from the peer", 5)
    before_ms = time.time_ns() // 1_000_000
    for our, their in zip(ours, theirs, strict=True):
        [sent] = daemon.json("msg", neighbour.peer_id, our)
        assert (sent["state"], sent["via"]) == ("delivered", UC)
        answer = neighbour.call("dm", peer_id=daemon.peer_id, text=their)
        assert answer["status"] == OK

    got = [one for one in neighbour.call("dms")["messages"] if one["from"] == daemon.peer_id]
    assert [one["text"] for one in got] == ours
    assert all(before_ms <= int(one["timestamp"]) <= time.time_ns() // 1_000_000 for one in got)
    shown = daemon.history(neighbour.peer_id)
    assert [one["text"] for one in shown] == [
        text for both in zip(ours, theirs, strict=True) for text in both
    ]
    assert {one["via"] for one in shown} == {UC}
    assert [one["from"] for one in shown] == [daemon.peer_id, neighbour.peer_id] * 5


@pytest.mark.cell("direct messages of universal-connectivity")
def test_the_blocked_are_told(net: Net, foreigners: Foreigners, kind: Foreign) -> None:
    ann = net.daemon("ann")
    peer = foreigners.start(kind)
    ann.cli("connect", peer.addr_of("tcp"))
    eventually(lambda: ann.peer_id in peer.peers(), what="the peer knows p2pd")
    ann.cli("block", peer.peer_id)
    answer = peer.call("dm", peer_id=ann.peer_id, text="let me in")
    assert (answer["status"], answer["status_text"]) == (ERROR, "blocked")
    ann.cli("unblock", peer.peer_id)
    long = peer.call("dm", peer_id=ann.peer_id, text="x" * 8193)
    assert long["status"] == ERROR
    assert peer.call("dm", peer_id=ann.peer_id, text="hello")["status"] == OK
    assert ann.texts(peer.peer_id) == ["hello"]


@pytest.mark.cell("direct messages of universal-connectivity")
def test_a_message_waits_for_a_peer_that_is_away(net: Net, foreigners: Foreigners, kind: Foreign) -> None:
    ann = net.daemon("ann")
    key = foreigners.folder / "key"
    peer = foreigners.start(kind, "--key", str(key))
    connect(ann, peer, "tcp", "p2pd")
    foreigners.stop(peer)
    eventually(lambda: not ann.peers(), 40, "its end is noticed")
    done = run_cli("msg", peer.peer_id, "while you were away", home=ann.home)
    assert done.stdout.endswith("queued\n")
    again = foreigners.start(kind, "--key", str(key))
    assert again.peer_id == peer.peer_id
    ann.cli("connect", again.addr_of("tcp"))
    eventually(
        lambda: [one["text"] for one in again.call("dms")["messages"]] == ["while you were away"],
        what="it has come",
    )
    eventually(lambda: ann.history(peer.peer_id)[-1]["state"] == "delivered", what="p2pd knows that")
