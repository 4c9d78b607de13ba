"""Round-trip times over /ipfs/ping/1.0.0 (https://github.com/libp2p/specs/blob/master/ping/ping.md).

libp2p's own client rounds to whole milliseconds; on a LAN that is always 0.
"""

from __future__ import annotations

import secrets

import trio

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.errors import NetworkError, RemoteProtocolError
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.net.streams import open_stream, read_some, write_all

PROTOCOL_ID = "/ipfs/ping/1.0.0"
PAYLOAD = 32  # bytes, by the specification
ANSWER_S = 5.0


async def ping(opened: OpenHost, peer: PeerId, count: int, timeout: float = ANSWER_S) -> list[float]:
    """`count` round trips on one stream, in milliseconds. NetworkError when one takes longer than `timeout` seconds."""
    times: list[float] = []
    async with open_stream(opened, peer, PROTOCOL_ID, timeout) as stream:
        for _ in range(count):
            payload = secrets.token_bytes(PAYLOAD)
            start = trio.current_time()
            await write_all(stream, payload, timeout)
            answer = b""
            while len(answer) < PAYLOAD:
                chunk = await read_some(stream, timeout)
                if not chunk:
                    raise NetworkError(f"{peer} closed the ping stream", hint="Try again.")
                answer += chunk
            times.append((trio.current_time() - start) * 1000)
            if answer != payload:
                raise RemoteProtocolError(
                    f"{peer} answered a ping with other bytes", hint="Its software is faulty."
                )
    return times
