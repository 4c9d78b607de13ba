"""Rooms of go-libp2p's chat example: JSON with a nickname, which each implementation writes and reads itself."""

from __future__ import annotations

import pytest
from e2e.harness import Daemon, eventually
from interop.harness import Foreign, Foreigners, Wire, connect, meet, said_by, texts

CHAT_ROOM = Wire("chat-room", lambda room: f"chat-room:{room}", str.encode, bytes.decode)


@pytest.mark.cell("rooms of go-libp2p's chat example")
def test_lines_each_way(daemon: Daemon, foreigners: Foreigners, kind: Foreign, room: str) -> None:
    peer = foreigners.start(kind)
    connect(daemon, peer, "tcp", "p2pd")
    meet(room, CHAT_ROOM, daemon, peer)
    daemon.api("POST", "/v1/nick", {"nick": "änn"})
    ours, theirs = texts('"ours" <&> \u2028'), texts('"theirs" <&> \u2028')
    for our, their in zip(ours, theirs, strict=True):
        daemon.send(room, our)
        peer.call("chat_room_say", room=room, nick="bøb", text=their)
    eventually(lambda: said_by(daemon, room, peer.peer_id) == theirs, what="p2pd heard the peer, in order")
    senders = [one["sender"] for one in daemon.history(room) if one["from"] == peer.peer_id]
    assert senders == [{"nick": "bøb", "claims": None}] * len(theirs)

    def from_us() -> list[dict[str, str]]:
        lines = peer.call("chat_room_lines", room=room)["lines"]
        return [line for line in lines if line["from"] == daemon.peer_id]

    eventually(lambda: len(from_us()) >= len(ours), what="the peer heard p2pd")
    assert {line["message"] for line in from_us()} == set(ours)
    assert len(from_us()) == len(ours)
    assert {(line["sender_id"], line["nick"]) for line in from_us()} == {(daemon.peer_id, "änn")}
