"""Direct messages with a peer that speaks universal-connectivity's protocol and not ours."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator

import pytest
import trio
from e2e.harness import Daemon, Net, run_cli
from e2e.raw_peer import CHAT, RawPeer, away, open_raw_peer, soon
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.pb import uc_pb2

pytestmark = pytest.mark.slow

REFUSED = 6
UC = "universal-connectivity"


@pytest.fixture
async def peer() -> AsyncIterator[RawPeer]:
    with trio.fail_after(180):
        async with open_raw_peer() as found:
            found.serve_direct()
            yield found


@pytest.fixture
def ann(net: Net) -> Daemon:
    return net.daemon("ann", "--nick", "ann")


async def test_a_message_goes_by_the_protocol_that_the_peer_lists(ann: Daemon, peer: RawPeer) -> None:
    before_ms = time.time_ns() // 1_000_000
    done = await away(run_cli, "msg", peer.addr, "good evening ☕", "--json", home=ann.home)
    assert done.returncode == 0
    assert f'"state":"delivered","to":"{peer.peer_id}","via":"{UC}"' in done.stdout
    assert "without your signature" in done.stderr
    (request,) = peer.messages
    assert (request.content, request.type) == ("good evening ☕", "text/plain")
    assert request.metadata.clientVersion.startswith("p2pd/")
    assert before_ms <= request.metadata.timestamp <= time.time_ns() // 1_000_000
    (shown,) = await away(ann.history, peer.peer_id)
    assert (shown["via"], shown["state"], shown["delivery"]["held_by"]) == (UC, "delivered", 1)

    await away(ann.cli, "msg", peer.peer_id, "--action", "waves")
    assert peer.messages[-1].content == "* waves"


async def test_what_a_peer_says_is_a_message_like_any_other_and_marked(ann: Daemon, peer: RawPeer) -> None:
    await peer.connect(ann)
    for number, text in enumerate(("hello", "are you there?"), start=5):
        answer = await peer.say(ann, text, number)
        assert (answer.status, answer.HasField("metadata")) == (uc_pb2.OK, True)
        assert answer.metadata.clientVersion.startswith("p2pd/")
    again = await peer.say(ann, "hello", 5)  # the same one, sent again because its answer was lost
    assert again.status == uc_pb2.OK
    assert await away(ann.texts, peer.peer_id) == ["hello", "are you there?"]
    shown = await away(ann.cli, "history", peer.peer_id)
    assert shown.splitlines()[0].endswith("hello (not signed)")
    (talk,) = await away(ann.api, "GET", "/v1/conversations")
    assert (talk["peer_id"], talk["unread"]) == (peer.peer_id, 2)
    export = await away(ann.cli, "export", peer.peer_id)
    assert "are you there" not in export

    await away(ann.cli, "msg", peer.peer_id, "here I am")
    assert peer.messages[-1].content == "here I am"
    assert await away(ann.texts, peer.peer_id) == ["hello", "are you there?", "here I am"]
    await away(ann.stop)
    await away(ann.start)
    assert await away(ann.texts, peer.peer_id) == ["hello", "are you there?", "here I am"]


async def test_messages_wait_while_the_peer_is_away(ann: Daemon) -> None:
    key = SigningKey.from_seed(os.urandom(32))
    with trio.fail_after(180):
        async with open_raw_peer(key=key) as peer:
            peer.serve_direct()
            await away(ann.cli, "msg", peer.addr, "first")
            here = peer.addr.rpartition("/p2p/")[0]
        await soon(lambda: not ann.peers(), "it is noticed")
        for text in ("one", "two"):
            (waiting,) = await away(ann.json, "msg", peer.peer_id, text)
            assert (waiting["state"], "via" in waiting) == ("queued", False)
        async with open_raw_peer(listen=here, key=key) as peer:
            peer.serve_direct()
            await soon(lambda: len(peer.messages) == 2, "they went out")
            assert [message.content for message in peer.messages] == ["one", "two"]
            delivered = ("delivered", UC)
            await soon(
                lambda: [(m["state"], m["via"]) for m in ann.history(peer.peer_id)] == [delivered] * 3,
                "it is noted",
            )


async def test_a_refusal_is_told_with_its_reason(ann: Daemon, peer: RawPeer) -> None:
    peer.answer, peer.why = uc_pb2.ERROR, "mailbox full"
    done = await away(run_cli, "msg", peer.addr, "hello", home=ann.home)
    assert done.returncode == REFUSED
    assert "mailbox full" in done.stderr
    assert (await away(ann.history, peer.peer_id))[-1]["state"] == "refused"


async def test_a_peer_that_does_not_answer_is_not_asked_for_ever(ann: Daemon, peer: RawPeer) -> None:
    """It may have taken each of them, and cannot tell that they are one."""
    peer.answer = None
    await away(run_cli, "msg", peer.addr, "hello", home=ann.home)
    await soon(lambda: ann.history(peer.peer_id)[-1]["state"] == "refused", "it is given up")
    assert [message.content for message in peer.messages] == ["hello"] * 3
    assert len({message.metadata.timestamp for message in peer.messages}) == 1
    peer.answer = uc_pb2.OK
    assert (await away(ann.json, "msg", peer.peer_id, "next"))[0]["state"] == "delivered"


async def test_what_the_other_program_cannot_be_told_is_refused(ann: Daemon, peer: RawPeer) -> None:
    await away(ann.cli, "msg", peer.addr, "hello")
    await peer.say(ann, "hi")
    own, theirs = await away(ann.history, peer.peer_id)
    for command in (("edit", own["id"], "x"), ("delete", own["id"]), ("react", theirs["id"], "👍")):
        done = await away(run_cli, *command, home=ann.home)
        assert done.returncode == REFUSED, command
        assert UC in done.stderr
    await away(ann.cli, "reply", theirs["id"], "an answer")
    assert [message.content for message in peer.messages] == ["hello", "an answer"]


async def test_the_blocked_and_the_malformed_get_an_error(ann: Daemon, peer: RawPeer) -> None:
    await peer.connect(ann)
    for content, kind, why in (
        ("x" * 8193, "text/plain", "limit"),
        (" ", "text/plain", "empty"),
        ("<b>x</b>", "text/html", "text/plain"),
    ):
        raw = uc_pb2.DirectMessageRequest(content=content, type=kind).SerializeToString()
        answer = await peer.dm(ann, raw)
        assert answer.status == uc_pb2.ERROR
        assert why in answer.statusText
        assert answer.HasField("metadata")
    await away(ann.cli, "block", peer.peer_id)
    assert (await peer.say(ann, "let me in")).status == uc_pb2.ERROR
    assert await away(ann.history, peer.peer_id) == []
    done = await away(run_cli, "msg", peer.peer_id, "no", home=ann.home)
    assert done.returncode == REFUSED
    await away(ann.cli, "unblock", peer.peer_id)
    assert (await peer.say(ann, "again")).status == uc_pb2.OK


async def test_who_speaks_neither_is_told_of_with_what_they_speak(ann: Daemon) -> None:
    async def chat(_: INetStream) -> None: ...

    with trio.fail_after(180):
        async with open_raw_peer("chat-with-mdns/0.1") as other:
            other.opened.host.set_stream_handler(TProtocol(CHAT), chat)
            done = await away(run_cli, "msg", other.addr, "hello", home=ann.home)
            assert done.returncode == REFUSED
            assert "chat-with-mdns/0.1 speaks /chat/1.0.0" in done.stderr
            assert f"p2pd chat --stream {other.peer_id}" in done.stderr
            assert await away(ann.history, other.peer_id) == []


async def test_p2pd_prefers_its_own_protocol(net: Net) -> None:
    ann, bob = net.daemons("ann", "bob")
    (sent,) = await away(ann.json, "msg", bob.addr, "hello")
    assert (sent["state"], "via" in sent) == ("delivered", False)
    assert (await away(bob.history, ann.peer_id))[-1]["via"] == ""
