"""Direct delivery: in order, acknowledged, several on one stream; and what a peer that misbehaves can and cannot do."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.network.stream.exceptions import StreamError
from net.support import Node, open_node, until
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.push import (
    PROTOCOL_ID,
    Ack,
    AckStatus,
    FrameReader,
    decode_ack,
    encode_ack,
    encode_frame,
)
from p2pd_daemon.errors import NetworkError
from p2pd_daemon.net.direct import STREAMS_PER_PEER, WINDOW, PushBroken, push
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


def raws(node: Node, count: int, size: int = 20) -> list[bytes]:
    return [node.record(f"{index:0{size}}", "p2pd/1/dm/x").raw for index in range(count)]


async def test_records_arrive_in_order_and_each_is_acknowledged(pair: tuple[Node, Node]) -> None:
    a, b = pair
    sent = raws(a, 3 * WINDOW + 1)
    acks = await a.network.push(b.peer_id, sent)
    assert [one.raw for one in b.events.pushed] == sent
    assert [ack.id for ack in acks] == [one.id for one in b.events.pushed]
    assert {ack.status for ack in acks} == {AckStatus.STORED}
    assert await a.network.push(b.peer_id, []) == []


@pytest.mark.slow
async def test_large_records_do_not_fill_a_window_for_good(pair: tuple[Node, Node]) -> None:
    """200 records of 16 KiB are 13 yamux windows."""
    a, b = pair
    sent = raws(a, 200, 16_000)
    assert len(await a.network.push(b.peer_id, sent)) == 200
    assert [one.raw for one in b.events.pushed] == sent


@pytest.mark.slow
async def test_hundreds_of_streams_one_after_the_other(pair: tuple[Node, Node]) -> None:
    """Trap 12: 256 leaked yamux streams block the next for ever."""
    a, b = pair
    for raw in raws(a, 260):
        assert len(await a.network.push(b.peer_id, [raw])) == 1
    muxed = b.opened.swarm.get_connections(a.opened.own_id)[0].muxed_conn
    await until(lambda: len(getattr(muxed, "streams")) < 10)  # noqa: B009 - yamux's own table


async def test_both_ways_at_once(pair: tuple[Node, Node]) -> None:
    a, b = pair
    async with trio.open_nursery() as nursery:
        nursery.start_soon(a.network.push, b.peer_id, raws(a, 50))
        nursery.start_soon(b.network.push, a.peer_id, raws(b, 50))
    assert len(a.events.pushed) == len(b.events.pushed) == 50


async def test_to_a_peer_that_is_not_connected(pair: tuple[Node, Node]) -> None:
    async with open_node() as stranger:
        with pytest.raises(PushBroken, match="not connected"):
            await pair[0].network.push(stranger.peer_id, [b"x"])


async def test_a_connection_that_breaks_tells_what_was_acknowledged(pair: tuple[Node, Node]) -> None:
    a, b = pair
    seen = 0
    inner = b.events.on_push

    async def on_push(raw: bytes, source: object) -> Ack:
        nonlocal seen
        seen += 1
        if seen == 5:
            await b.network.disconnect(a.peer_id)
        return await inner(raw, a.peer_id)

    replace_on_push(b, on_push)
    with pytest.raises(PushBroken) as caught:
        await a.network.push(b.peer_id, raws(a, 20))
    assert len(caught.value.acks) <= 5
    assert isinstance(caught.value, NetworkError)


def replace_on_push(node: Node, on_push: Callable[[bytes, object], Awaitable[Ack]]) -> None:
    handlers = node.opened.host.get_mux().handlers
    inbound = getattr(handlers[TProtocol(PROTOCOL_ID)], "__self__")  # noqa: B009 - the bound method's owner
    inbound._serve.__self__._on_push = on_push


# A responder that misbehaves


async def answer_with(node: Node, answer: bytes) -> None:
    async def handle(stream: INetStream) -> None:
        await read_some(stream, 5)
        await stream.write(answer)
        await stream.close()

    node.opened.host.set_stream_handler(TProtocol(PROTOCOL_ID), handle)


@pytest.mark.slow
async def test_a_hostile_responder_is_a_network_error(pair: tuple[Node, Node]) -> None:
    a, b = pair
    too_many = encode_frame(encode_ack(Ack(bytes(32), AckStatus.STORED))) * 3
    for answer in (b"\x03abc", b"\xff\xff\xff\x7f", b"\x00", too_many, b""):
        await answer_with(b, answer)
        with pytest.raises(PushBroken) as caught:
            await push(a.opened, b.peer_id, raws(a, 2))
        assert len(caught.value.acks) <= 2
        assert a.network.is_connected(b.peer_id)


# An initiator that misbehaves


@pytest.mark.slow
async def test_frames_that_are_none_reset_the_stream(pair: tuple[Node, Node]) -> None:
    a, b = pair
    empty, long_prefix, not_minimal, huge = b"\x00", b"\xff\xff\xff\xff\x01", b"\x80\x00", b"\xff\xff\xff\x7f"
    for count, raw in enumerate((empty, long_prefix, not_minimal, huge, encode_frame(b"cut short")[:-1]), 1):
        async with open_stream(a.opened, b.peer_id, PROTOCOL_ID, 5) as stream:
            await write_all(stream, raw, 5)
            await stream.close_write()
            with contextlib.suppress(StreamError):
                assert await read_some(stream, 5) == b""
        await until(lambda count=count: b.network.dropped["push protocol"] == count)  # type: ignore[misc]  # bound here
    assert len(await a.network.push(b.peer_id, raws(a, 1))) == 1


async def test_slightly_too_large_is_refused_by_name_and_the_stream_goes_on(pair: tuple[Node, Node]) -> None:
    """The frame limit leaves room, so that the node can say TOO_LARGE."""
    a, b = pair
    inner = b.events.on_push

    async def on_push(raw: bytes, source: object) -> Ack:
        if len(raw) > Limits().record_bytes:
            return Ack(b"", AckStatus.TOO_LARGE, "too large")
        return await inner(raw, a.peer_id)

    replace_on_push(b, on_push)
    acks = await a.network.push(b.peer_id, [b"x" * 20_000, *raws(a, 1)])
    assert [ack.status for ack in acks] == [AckStatus.TOO_LARGE, AckStatus.STORED]


async def test_streams_of_one_peer_are_limited(pair: tuple[Node, Node]) -> None:
    a, b = pair
    async with trio.open_nursery() as nursery:
        opened, done = [], trio.Event()

        async def hold() -> None:
            async with open_stream(a.opened, b.peer_id, PROTOCOL_ID, 5) as stream:
                await write_all(stream, encode_frame(raws(a, 1)[0]), 5)
                reader = FrameReader(1000)
                opened.append(decode_ack(reader.feed(await read_some(stream, 5))[0]))
                await done.wait()

        for _ in range(STREAMS_PER_PEER):
            nursery.start_soon(hold)
        await until(lambda: len(opened) == STREAMS_PER_PEER)
        with pytest.raises(PushBroken):
            await a.network.push(b.peer_id, raws(a, 1))
        assert b.network.dropped["push streams"] == 1
        done.set()
    assert len(await a.network.push(b.peer_id, raws(a, 1))) == 1


async def test_a_fault_in_the_node_costs_one_stream(
    pair: tuple[Node, Node], caplog: pytest.LogCaptureFixture
) -> None:
    a, b = pair

    async def on_push(raw: bytes, source: object) -> Ack:
        raise ZeroDivisionError

    replace_on_push(b, on_push)
    with pytest.raises(PushBroken):
        await a.network.push(b.peer_id, raws(a, 1))
    assert "ZeroDivisionError" in caplog.text
    assert b.network.is_connected(a.peer_id)
