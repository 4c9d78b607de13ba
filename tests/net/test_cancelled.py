"""Whoever is cancelled while opening a stream, at whatever step, leaves none open."""

from __future__ import annotations

from typing import cast

import pytest
import trio
from libp2p.custom_types import TProtocol
from libp2p.network.stream.net_stream import NetStream
from net.cancelling import cancelled_at
from net.support import open_nodes
from p2pd_daemon.net.muxer import YamuxConnection
from p2pd_daemon.net.streams import open_stream
from p2pd_daemon.net.tasks import grace
from p2pd_daemon.net.yamux_stream import YamuxStream

PING = "/ipfs/ping/1.0.0"


@pytest.mark.slow
async def test_opening_a_stream_may_be_cancelled_at_any_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """256 streams that nobody closes stop the connection (trap 12)."""
    with trio.fail_after(60):
        async with open_nodes(2) as (alice, bob):
            await alice.network.connect(bob.addr)
            connection = alice.opened.swarm.connections[bob.opened.own_id][0]
            muxer = connection.muxed_conn
            assert isinstance(muxer, YamuxConnection)

            here = trio.lowlevel.current_task()
            opened: list[YamuxStream] = []
            inner = muxer.open_stream

            async def noted() -> YamuxStream:
                stream = await inner()
                if trio.lowlevel.current_task() is here:
                    opened.append(stream)
                return stream

            monkeypatch.setattr(muxer, "open_stream", noted)

            async def by_libp2p() -> None:
                stream = await alice.opened.host.new_stream(bob.opened.own_id, [TProtocol(PING)])
                with grace(1):
                    await stream.reset()

            async def by_us() -> None:
                async with open_stream(alice.opened, bob.peer_id, PING, 5):
                    pass

            for call in (by_libp2p, by_us):
                step = 0
                while await cancelled_at(step := step + 1, call):
                    assert all(stream.closed for stream in opened), step
                    known = [cast(NetStream, stream).muxed_stream for stream in connection.get_streams()]
                    assert not set(opened) & set(known), step
                assert step > 2
            assert opened
