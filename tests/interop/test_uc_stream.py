"""/chat/1.0.0 with the implementations that have the line form of it (js-libp2p's example speaks another)."""

from __future__ import annotations

import pytest
from e2e.harness import Daemon, eventually
from e2e.test_stream_chat import Chatting
from interop.harness import GO, RUST, Foreign, Foreigners, connect, require, texts


@pytest.fixture(params=(GO, RUST), ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Foreign:
    require(request.param)
    found: Foreign = request.param
    return found


@pytest.mark.cell("chat by lines, /chat/1.0.0")
@pytest.mark.parametrize("caller", ["p2pd", "peer"])
def test_lines_go_both_ways(daemon: Daemon, foreigners: Foreigners, kind: Foreign, caller: str) -> None:
    peer = foreigners.start(kind)
    connect(daemon, peer, "tcp", caller)
    ours, theirs = texts("from p2pd", 5), texts("from the peer", 5)
    arguments = (peer.peer_id,) if caller == "p2pd" else ()
    with Chatting(daemon, *arguments) as chatting:
        if caller == "p2pd":
            assert "Chatting with" in chatting.told()
        else:
            assert "Waiting" in chatting.told()
            peer.call("chat_open", peer_id=daemon.peer_id)
            peer.call("chat_say", peer_id=daemon.peer_id, text="are you there?")
            assert "Chatting with" in chatting.told()
            assert chatting.hear() == "are you there?"
        chatting.say(*ours)
        eventually(
            lambda: [one["line"] for one in peer.call("chat_lines")["lines"]] == ours,
            what="the peer heard p2pd",
        )
        assert {one["from"] for one in peer.call("chat_lines")["lines"]} == {daemon.peer_id}
        for line in theirs:
            peer.call("chat_say", peer_id=daemon.peer_id, text=line)
        assert [chatting.hear() for _ in theirs] == theirs
    assert daemon.history(peer.peer_id) == []
