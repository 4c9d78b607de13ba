"""/chat/1.0.0 between hosts: lines both ways, who is answered, and what a bad peer can and cannot do."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing
from libp2p.network.stream.exceptions import StreamError
from net.support import Node, open_node, until
from p2pd_daemon.core.stream_chat import PROTOCOL_ID
from p2pd_daemon.errors import NetworkError, RemoteProtocolError
from p2pd_daemon.net.stream_chat import LINE_BYTES, STREAMS_PER_PEER, LineChat
from p2pd_daemon.net.streams import open_stream, read_some, write_all


@pytest.fixture(autouse=True)
async def limit() -> AsyncIterator[None]:
    with trio.fail_after(60):
        yield


@pytest.fixture
async def pair(limit: None) -> AsyncIterator[tuple[Node, Node]]:
    async with open_node() as a, open_node() as b:
        await a.network.connect(b.addr)
        yield a, b


class Listening:
    """`node` waits for one conversation and keeps it open until `done`."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.chat: LineChat
        self.begun = trio.Event()
        self.done = trio.Event()

    async def run(self) -> None:
        async with self._node.network.accept_line_chat() as self.chat:
            self.begun.set()
            await self.done.wait()


async def collect(chat: LineChat, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count and (lines := await chat.receive()):
        found += lines
    return found


async def refused(a: Node, b: Node) -> None:
    """The reset may come while the stream is still being opened."""
    with pytest.raises(NetworkError):
        async with a.network.open_line_chat(b.peer_id) as chat:
            await chat.receive()


async def test_lines_go_both_ways_until_each_has_finished(pair: tuple[Node, Node]) -> None:
    a, b = pair
    listening = Listening(b)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listening.run)
        await trio.testing.wait_all_tasks_blocked()
        async with a.network.open_line_chat(b.peer_id) as chat:
            await listening.begun.wait()
            theirs = listening.chat
            assert (chat.peer, theirs.peer) == (b.peer_id, a.peer_id)
            await chat.say("hello\n\nhow are you?")
            await theirs.say("good evening ☕")
            assert await collect(theirs, 2) == ["hello", "how are you?"]
            assert await collect(chat, 1) == ["good evening ☕"]
            await chat.finish()
            assert await theirs.receive() == []
            await theirs.say("one more thing")
            assert await collect(chat, 1) == ["one more thing"]
            listening.done.set()
            assert await chat.receive() == []
            assert await chat.receive() == []


async def test_goes_example_is_understood(pair: tuple[Node, Node]) -> None:
    """It writes an empty line after each, and the last one may have no end."""
    a, b = pair
    listening = Listening(b)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listening.run)
        async with open_stream(a.opened, b.peer_id, PROTOCOL_ID, 5) as stream:
            await write_all(stream, b"one\n\ntwo\n\nthr", 5)
            await listening.begun.wait()
            assert await collect(listening.chat, 2) == ["one", "two"]
            await write_all(stream, "ée".encode(), 5)
            await stream.close_write()  # type: ignore[attr-defined]  # of the one kind of stream there is
            assert await collect(listening.chat, 1) == ["thrée"]
            listening.done.set()


async def test_with_nobody_waiting_the_stream_is_reset_and_told_of(pair: tuple[Node, Node]) -> None:
    a, b = pair
    await refused(a, b)
    assert b.events.missed == [a.peer_id]
    assert b.network.dropped["chat missed"] == 1
    assert b.network.is_connected(a.peer_id)


async def test_who_is_not_wanted_is_neither_answered_nor_told_of(pair: tuple[Node, Node]) -> None:
    a, b = pair
    b.events.unwanted.add(a.peer_id)
    listening = Listening(b)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listening.run)
        await trio.testing.wait_all_tasks_blocked()
        await refused(a, b)
        assert not listening.begun.is_set()
        nursery.cancel_scope.cancel()
    assert b.events.missed == []
    assert b.network.dropped["blocked"] == 1


async def test_who_waited_longest_is_called_first_and_who_gave_up_is_not(pair: tuple[Node, Node]) -> None:
    a, b = pair
    gave_up, first, second = Listening(b), Listening(b), Listening(b)
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(0):
            await gave_up.run()
        for listening in (first, second):
            nursery.start_soon(listening.run)
            await trio.testing.wait_all_tasks_blocked()
        async with a.network.open_line_chat(b.peer_id) as one:
            await one.say("for the first")
            await first.begun.wait()
            assert await first.chat.receive() == ["for the first"]
            async with a.network.open_line_chat(b.peer_id) as other:
                await other.say("for the second")
                await second.begun.wait()
                assert await second.chat.receive() == ["for the second"]
                for listening in (first, second):
                    listening.done.set()
    assert not gave_up.begun.is_set()
    assert STREAMS_PER_PEER == 2


@pytest.mark.parametrize("raw", [b"\xff\xfe\n", b"x" * (LINE_BYTES + 1)])
async def test_what_is_no_line_costs_its_stream_only(pair: tuple[Node, Node], raw: bytes) -> None:
    a, b = pair

    async def listen() -> None:
        with pytest.raises(RemoteProtocolError):
            async with b.network.accept_line_chat() as chat:
                await chat.receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await trio.testing.wait_all_tasks_blocked()
        async with open_stream(a.opened, b.peer_id, PROTOCOL_ID, 5) as stream:
            await write_all(stream, raw, 5)
            with contextlib.suppress(StreamError):
                assert await read_some(stream, 5) == b""
    assert await a.network.ping(b.peer_id, 1)


async def test_a_peer_that_is_not_connected_or_does_not_chat_says_so(pair: tuple[Node, Node]) -> None:
    a, _ = pair
    async with open_node() as stranger:
        with pytest.raises(NetworkError, match="not connected"):
            async with a.network.open_line_chat(stranger.peer_id):
                pass


async def test_a_lost_connection_ends_it(pair: tuple[Node, Node]) -> None:
    a, b = pair
    listening = Listening(b)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listening.run)
        await trio.testing.wait_all_tasks_blocked()
        async with a.network.open_line_chat(b.peer_id) as chat:
            await listening.begun.wait()
            await a.network.disconnect(b.peer_id)
            with pytest.raises(NetworkError):
                await chat.say("gone")
            with pytest.raises(NetworkError):
                await listening.chat.receive()
        await until(lambda: not b.network.is_connected(a.peer_id))
        listening.done.set()
