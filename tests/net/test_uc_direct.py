"""Universal-connectivity's direct messages between hosts: asked and answered, and what a bad peer can and cannot do."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.network.stream.exceptions import StreamError
from net.support import Node, open_node, until
from p2pd_daemon.core.pb import uc_pb2
from p2pd_daemon.core.push import FrameReader, encode_frame
from p2pd_daemon.core.uc_direct import ERROR, OK, PROTOCOL_ID, DirectRequest, DirectResponse, encode_request
from p2pd_daemon.errors import NetworkError
from p2pd_daemon.net import uc_direct
from p2pd_daemon.net.streams import open_stream, read_some, write_all
from p2pd_daemon.net.uc_direct import STREAMS_PER_PEER, Unanswered

HELLO = DirectRequest("hello", 1_700_000_000_000, "test/1")


@pytest.fixture(autouse=True)
async def limit() -> AsyncIterator[None]:
    with trio.fail_after(60):
        yield


@pytest.fixture
async def pair(limit: None) -> AsyncIterator[tuple[Node, Node]]:
    async with open_node() as a, open_node() as b:
        await a.network.connect(b.addr)
        yield a, b


async def test_a_message_is_asked_and_answered(pair: tuple[Node, Node]) -> None:
    a, b = pair
    answer = await a.network.send_direct(b.peer_id, HELLO)
    assert answer == DirectResponse(OK, "", 1, "test")
    assert b.events.direct == [(a.peer_id, HELLO)]
    b.events.answer = replace(b.events.answer, status=ERROR, reason="not now")
    refused = await a.network.send_direct(b.peer_id, HELLO)
    assert (refused.status, refused.reason) == (ERROR, "not now")


async def test_identify_lists_the_protocols(pair: tuple[Node, Node]) -> None:
    a, b = pair
    for one, other in ((a, b), (b, a)):
        spoken = await one.network.protocols(other.peer_id)
        assert {PROTOCOL_ID, "/chat/1.0.0", "/p2pd/push/1.0.0"} <= set(spoken)
        assert one.network.agent(other.peer_id).startswith("p2pd/")


async def test_nothing_is_known_of_who_is_not_connected(pair: tuple[Node, Node]) -> None:
    async with open_node() as stranger:
        assert await pair[0].network.protocols(stranger.peer_id) == ()
        with pytest.raises(NetworkError, match="not connected"):
            await pair[0].network.send_direct(stranger.peer_id, HELLO)


async def test_the_answer_always_has_metadata_and_one_frame(pair: tuple[Node, Node]) -> None:
    a, b = pair
    b.events.answer = replace(b.events.answer, status=ERROR, reason="no")
    async with open_stream(a.opened, b.peer_id, PROTOCOL_ID, 5) as stream:
        # A peer that waits for the answer before it closes, as the JS one does, and without any metadata.
        raw = uc_pb2.DirectMessageRequest(content="hi").SerializeToString()
        await write_all(stream, encode_frame(raw), 5)
        reader, frames = FrameReader(10_000), list[bytes]()
        while chunk := await read_some(stream, 5):
            frames += reader.feed(chunk)
    (answer,) = (uc_pb2.DirectMessageResponse.FromString(frame) for frame in frames)
    assert answer.HasField("metadata")
    assert (answer.metadata.clientVersion, answer.metadata.timestamp) == ("test", 1)
    assert (answer.status, answer.statusText) == (uc_pb2.ERROR, "no")
    assert b.events.direct == [(a.peer_id, DirectRequest("hi", 0))]


# An initiator that misbehaves


async def test_what_is_no_message_costs_its_stream_only(pair: tuple[Node, Node]) -> None:
    a, b = pair
    huge = b"\xff\xff\xff\x7f"
    cut = encode_frame(encode_request(HELLO))[:-1]
    not_utf8 = encode_frame(b"\x12\x01\xff")
    for count, raw in enumerate((b"\x00", huge, b"\xff\xff\xff\xff\x01", cut, not_utf8, b""), 1):
        async with open_stream(a.opened, b.peer_id, PROTOCOL_ID, 5) as stream:
            if raw:
                await write_all(stream, raw, 5)
            await stream.close_write()  # type: ignore[attr-defined]  # of the one kind of stream there is
            with contextlib.suppress(StreamError):
                assert await read_some(stream, 5) == b""
        await until(lambda count=count: b.network.dropped["uc-dm protocol"] == count)  # type: ignore[misc]
    assert b.events.direct == []
    assert (await a.network.send_direct(b.peer_id, HELLO)).status == OK


async def test_a_slow_request_is_not_waited_for(
    pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = pair
    monkeypatch.setattr(uc_direct, "REQUEST_S", 0.05)
    async with open_stream(a.opened, b.peer_id, PROTOCOL_ID, 5) as stream:
        await write_all(stream, b"\x05", 5)
        with contextlib.suppress(StreamError):
            assert await read_some(stream, 5) == b""
    assert b.network.is_connected(a.peer_id)


async def test_streams_of_one_peer_are_limited(pair: tuple[Node, Node]) -> None:
    a, b = pair
    async with trio.open_nursery() as nursery:
        begun, done = [], trio.Event()

        async def hold() -> None:
            async with open_stream(a.opened, b.peer_id, PROTOCOL_ID, 5) as stream:
                await write_all(stream, b"\x05", 5)
                begun.append(stream)
                await done.wait()

        for _ in range(STREAMS_PER_PEER):
            nursery.start_soon(hold)
        await until(lambda: len(begun) == STREAMS_PER_PEER)
        with pytest.raises(NetworkError):
            await a.network.send_direct(b.peer_id, HELLO)
        assert b.network.dropped["uc-dm streams"] == 1
        done.set()


# A responder that misbehaves


@pytest.mark.parametrize("answer", [b"", b"\x00", b"\xff\xff\xff\x7f", b"\x03abc", b"\x02\x1a\xff"])
async def test_a_bad_answer_leaves_it_open_whether_the_message_arrived(
    pair: tuple[Node, Node], answer: bytes
) -> None:
    a, b = pair

    async def handle(stream: INetStream) -> None:
        await read_some(stream, 5)
        if answer:
            await stream.write(answer)
        await stream.close()

    b.opened.host.set_stream_handler(TProtocol(PROTOCOL_ID), handle)
    with pytest.raises(Unanswered):
        await a.network.send_direct(b.peer_id, HELLO)
    assert a.network.is_connected(b.peer_id)


async def test_no_answer_is_not_waited_for_for_ever(
    pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = pair
    monkeypatch.setattr(uc_direct, "ANSWER_S", 0.1)

    async def handle(_: INetStream) -> None:
        await trio.sleep_forever()

    b.opened.host.set_stream_handler(TProtocol(PROTOCOL_ID), handle)
    with pytest.raises(Unanswered):
        await a.network.send_direct(b.peer_id, HELLO)
