"""What the page asks beyond what the command does: who is where, what was said last, and where to go on."""

from __future__ import annotations

from typing import Any

import pytest
from e2e.harness import Daemon, Net, eventually
from p2pd_client import sync

pytestmark = pytest.mark.slow


def by_peer(node: Daemon) -> dict[str, dict[str, Any]]:
    return {peer["peer_id"]: peer for peer in node.api("GET", "/v1/peers")}


def test_who_is_where(net: Net) -> None:
    bootstrap = net.bootstrap("both", "--store")
    ann, bob = [net.daemon(name, "--bootstrap", bootstrap.addr, "--nick", name) for name in ("ann", "bob")]
    for room in ("lobby", "attic"):
        ann.cli("join", room)
    bob.cli("join", "lobby")
    eventually(lambda: ann.members("lobby") == 2, what="they meet")
    eventually(lambda: set(by_peer(ann)[bootstrap.peer_id]["kinds"]) == {"bootstrap", "store"}, what="kinds")
    seen = by_peer(ann)
    assert seen[bootstrap.peer_id]["rooms"] == []
    assert (seen[bob.peer_id]["rooms"], seen[bob.peer_id]["kinds"]) == (["lobby"], [])
    assert not seen[bob.peer_id]["relayed"]

    eventually(lambda: ann.api("GET", "/v1/members?room=lobby")[-1]["name"] == "bob", what="the name")
    me, other = ann.api("GET", "/v1/members?room=lobby")
    assert (me["peer_id"], me["me"], me["connected"]) == (ann.peer_id, True, True)
    assert other == {"peer_id": bob.peer_id, "nick": "bob", "name": "bob", "connected": True, "me": False}
    assert [one["me"] for one in ann.api("GET", "/v1/members?room=attic")] == [True]
    assert ann.json("send", "lobby", "remember me")
    bob.stop()
    eventually(lambda: not ann.api("GET", "/v1/members?room=lobby")[1]["connected"], what="he is gone")


def test_what_was_said_last_and_what_follows(net: Net) -> None:
    ann, bob = net.daemons("ann", "bob")
    ann.connect(bob)
    for node in (ann, bob):
        node.cli("join", "lobby")
    eventually(lambda: ann.members("lobby") == bob.members("lobby") == 2, what="they meet")
    assert ann.api("GET", "/v1/rooms")[0]["last"] is None
    ids = [ann.json("send", "lobby", f"line {n}")[0]["id"] for n in range(5)]
    newest = ann.api("GET", "/v1/status")["newest_event"]
    bob.send("lobby", "first\n  second \t" + "x" * 200)
    ann.json("msg", bob.peer_id, "psst")

    last = eventually(
        lambda: (found := ann.api("GET", "/v1/rooms")[0]["last"])["from"] == bob.peer_id and found
    )
    assert last["text"].startswith("first second xxx")
    assert (len(last["text"]), last["kind"], last["deleted"]) == (100, "text", False)
    [dm] = ann.api("GET", "/v1/conversations")
    assert (dm["last"]["from"], dm["last"]["text"], dm["blocked"]) == (ann.peer_id, "psst", False)
    after = ann.api("GET", f"/v1/history?room=lobby&after={ids[1]}&limit=2")
    assert [message["id"] for message in after] == ids[2:4]
    with sync.connect(ann.home) as client:
        event = next(iter(client.events(newest, kinds=["message"])))
    assert event.data["from"] == bob.peer_id  # nothing from before comes again

    ann.cli("block", bob.peer_id)
    assert ann.api("GET", "/v1/rooms")[0]["last"]["text"] == "line 4"
    assert ann.api("GET", "/v1/conversations")[0]["blocked"]
    ann.cli("delete", ids[4])
    gone = ann.api("GET", "/v1/rooms")[0]["last"]
    assert (gone["text"], gone["deleted"]) == ("", True)
