"""A stream's state without locks, and a negotiation that does not wait for what it need not know."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from libp2p.custom_types import TProtocol
from libp2p.network.stream.exceptions import StreamClosed, StreamEOF, StreamError, StreamReset
from libp2p.network.stream.net_stream import StreamState
from libp2p.protocol_muxer.exceptions import MultiselectClientError, ProtocolNotSupportedError
from libp2p.protocol_muxer.multiselect import Multiselect
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.stream_muxer.exceptions import (
    MuxedStreamClosed,
    MuxedStreamEOF,
    MuxedStreamError,
    MuxedStreamReset,
)
from net.support import open_nodes
from p2pd_daemon.net.quick_stream import EagerClient, QuickStream

ONE, TWO, THREE = TProtocol("/one/1"), TProtocol("/two/1"), TProtocol("/three/1")


class Muxed:
    """A muxed stream that gives, or raises, what it was told to."""

    muxed_conn = None

    def __init__(self, *outcomes: bytes | Exception) -> None:
        self._outcomes = list(outcomes)

    async def read(self, n: int | None = None) -> bytes:
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def write(self, data: bytes) -> None:
        await self.read()


def stream(*outcomes: bytes | Exception) -> Any:
    made = QuickStream(Muxed(*outcomes), None, None)  # type: ignore[arg-type]  # as much of one as is used
    made._state = StreamState.OPEN
    return made


async def test_what_ends_a_stream_is_told_in_libp2ps_words() -> None:
    ended = stream(MuxedStreamEOF(), b"", MuxedStreamClosed())
    with pytest.raises(StreamEOF):
        await ended.read()
    await ended.write(b"the other half")
    with pytest.raises(StreamClosed):
        await ended.write(b"")
    assert ended.is_closed
    for raised in (stream(MuxedStreamReset()).read(), stream(MuxedStreamError()).write(b"")):
        with pytest.raises(StreamReset):
            await raised
    with pytest.raises(StreamError):
        await stream(MuxedStreamError("stuck")).read()
    was_reset = stream(MuxedStreamReset(), b"")
    for _ in range(2):
        with pytest.raises(StreamReset):
            await was_reset.read()


async def test_reading_what_is_there_takes_no_turn_of_the_scheduler() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        await trio.lowlevel.checkpoint()
        before = turns
        made = stream(*[b"x"] * 50)
        for _ in range(50):
            await made.read(1)
        assert turns - before <= 1
        nursery.cancel_scope.cancel()


class End:
    """One end of a connection in memory, which counts what is written."""

    def __init__(self, half: trio.StapledStream) -> None:
        self._half = half
        self.writes = 0

    async def read(self, n: int | None = None) -> bytes:
        return bytes(await self._half.receive_some(n))

    async def write(self, data: bytes) -> None:
        self.writes += 1
        await self._half.send_all(data)


async def negotiate(offered: list[TProtocol], served: list[TProtocol]) -> tuple[TProtocol, int]:
    """What they agree on, by libp2p's own server, and how many writes the client needed."""
    near, far = (End(half) for half in trio.testing.memory_stream_pair())
    server = Multiselect(dict.fromkeys(served))
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.negotiate, MultiselectCommunicator(far))  # type: ignore[arg-type]
            agreed = await EagerClient().select_one_of(offered, MultiselectCommunicator(near))  # type: ignore[arg-type]
            nursery.cancel_scope.cancel()
    return agreed, near.writes


async def test_the_greeting_and_the_protocol_go_together() -> None:
    assert await negotiate([ONE], [ONE]) == (ONE, 1)
    assert await negotiate([ONE, TWO, THREE], [THREE]) == (THREE, 3)
    with pytest.raises(ExceptionGroup) as raised:  # of the server's nursery
        await negotiate([ONE, TWO], [THREE])
    assert raised.group_contains(ProtocolNotSupportedError)


@pytest.mark.parametrize("answer", [b"", b"\x03hi\n", b"\x13/multistream/1.0.0\n\x03hi\n", b"\xff" * 20])
async def test_other_answers_are_errors(answer: bytes) -> None:
    near, far = trio.testing.memory_stream_pair()
    await far.send_all(answer)
    await far.send_eof()
    with trio.fail_after(60), pytest.raises(MultiselectClientError):
        await EagerClient().select_one_of([ONE], MultiselectCommunicator(End(near)))  # type: ignore[arg-type]


async def test_both_are_what_a_host_uses() -> None:
    with trio.fail_after(60):
        async with open_nodes(2) as (alice, bob):
            await alice.network.connect(bob.addr)
            made = await alice.opened.host.new_stream(bob.opened.own_id, [TProtocol("/ipfs/ping/1.0.0")])
            assert isinstance(made, QuickStream)
            assert isinstance(alice.opened.host.multiselect_client, EagerClient)
            upgrader = alice.opened.swarm.upgrader
            for part in (upgrader.security_multistream, upgrader.muxer_multistream):
                assert isinstance(part.multiselect_client, EagerClient)
            await made.reset()


async def test_nobody_is_told_of_streams_who_would_want_to_know() -> None:
    """GuardedSwarm tells nobody; those who are there now do nothing with it."""
    with trio.fail_after(60):
        async with open_nodes(1) as (node,):
            listeners = {type(listener).__name__ for listener in node.opened.swarm.notifees}
            assert listeners <= {"PubsubNotifee", "TagStoreNotifee", "_IdentifyNotifee", "Presence"}
