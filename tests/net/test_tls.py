"""TLS: made when the first peer asks for it, and then as good as Noise."""

from __future__ import annotations

import pytest
import trio
from net.support import Recorder, new_key
from p2pd_daemon.net.network import NetworkConfig, open_network
from p2pd_daemon.net.tls import PROTOCOL_ID

LOOPBACK = NetworkConfig(listen=("/ip4/127.0.0.1/tcp/0",), mdns=False)


@pytest.mark.slow
async def test_peers_that_have_nothing_but_tls_connect() -> None:
    with trio.fail_after(60):
        async with (
            open_network(new_key(), LOOPBACK, Recorder(), []) as one,
            open_network(new_key(), LOOPBACK, Recorder(), []) as two,
        ):
            offered = one._opened.swarm.upgrader.security_multistream.transports
            for protocol in [name for name in offered if name != PROTOCOL_ID]:
                del offered[protocol]
            tls = offered[PROTOCOL_ID]
            assert "_transport" not in vars(tls)
            connected = await one.connect(two.addrs()[0])
            assert connected.peer_id == two.peer_id
            assert await one.ping(two.peer_id, 1)
            assert "_transport" in vars(tls)
