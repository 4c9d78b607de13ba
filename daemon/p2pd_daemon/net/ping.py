"""Round-trip times over /ipfs/ping/1.0.0 (https://github.com/libp2p/specs/blob/master/ping/ping.md).

libp2p's own client rounds to whole milliseconds; on a LAN that is always 0.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable

import trio

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.errors import NetworkError, RemoteProtocolError
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.net.streams import open_stream, read_some, write_all

log = logging.getLogger(__name__)

PROTOCOL_ID = "/ipfs/ping/1.0.0"
PAYLOAD = 32  # bytes, by the specification
ANSWER_S = 5.0
EVERY_S = 30.0  # between two measurements of one peer for `peers`; the health monitor has its own pings


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


class RttWatch:
    """Keeps a recent round-trip time of each connected peer."""

    def __init__(self, opened: OpenHost, peers: Callable[[], list[PeerId]], every: float = EVERY_S) -> None:
        self._opened = opened
        self._peers = peers
        self._every = every
        self._rtt: dict[PeerId, float] = {}
        self._measured: dict[PeerId, float] = {}
        self._news = trio.Event()

    def rtt_ms(self, peer: PeerId) -> float | None:
        """The last measurement, None when there was none yet."""
        return self._rtt.get(peer)

    def connected(self, peer: PeerId) -> None:
        """A new connection: measured at once."""
        self._measured.pop(peer, None)
        self._news.set()

    async def run(self) -> None:
        """Measures peer after peer until cancelled."""
        while True:
            self._news = trio.Event()
            current = self._peers()
            for gone in self._rtt.keys() - current:
                del self._rtt[gone]
            for gone in self._measured.keys() - current:
                del self._measured[gone]
            for peer in current:
                if trio.current_time() - self._measured.get(peer, float("-inf")) >= self._every:
                    await self._measure(peer)
            with trio.move_on_after(self._every / 4):
                await self._news.wait()

    async def _measure(self, peer: PeerId) -> None:
        self._measured[peer] = trio.current_time()
        try:
            # The first answer of a stream comes with the protocol negotiation: take the second.
            self._rtt[peer] = (await ping(self._opened, peer, 2, timeout=2.0))[-1]
        except (NetworkError, RemoteProtocolError) as error:
            log.debug("no round-trip time of %s: %s", peer, error)
