"""libp2p's swarm, hardened: connections end when they end, half-open ones lock nobody out, only we decide to dial."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, cast

import trio
from libp2p.abc import IMuxedConn, INetStream, IRawConnection
from libp2p.io.abc import ReadWriteCloser
from libp2p.network.auto_connector import AutoConnector
from libp2p.network.config import ConnectionConfig
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.exceptions import SwarmException
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.tools.anyio_service.api import InternalManagerAPI
from multiaddr import Multiaddr

from p2pd_daemon.net.buffered import BufferedConnection, buffered
from p2pd_daemon.net.half_open import HANDSHAKE_S, HalfOpen
from p2pd_daemon.net.tasks import GuardedTasks, grace

log = logging.getLogger(__name__)


class _NoAutoConnector(AutoConnector):
    """libp2p dials whomever it has heard of until it has 100 connections; our dialler decides instead."""

    async def maybe_connect(self) -> None:
        return

    async def run_background_task(self, nursery: trio.Nursery) -> None:
        return


class GuardedSwarm(Swarm):
    def __init__(self, half_open: HalfOpen, *args: Any, **kwargs: Any) -> None:
        self.half_open = half_open
        self.refuses: Callable[[ID], bool] = lambda _peer: False  # whose connections are closed at once
        self.meets: Callable[[ID], None] = lambda _peer: None  # before the only connection with a peer
        super().__init__(*args, **kwargs)
        self.auto_connector = _NoAutoConnector(swarm=self)

    @property
    def manager(self) -> InternalManagerAPI:
        return cast(InternalManagerAPI, GuardedTasks(super().manager))  # same calls, see there

    async def _handle_inbound_connection(self, read_write_closer: ReadWriteCloser, maddr: Multiaddr) -> None:
        """libp2p keeps the slot of each inbound connection until the host closes (swarm.py:1990, `wait_finished`), so
        that after 250 connections in a lifetime nobody gets in. Here the slot ends with the handshake, the task with
        the connection.
        """
        opened: IMuxedConn | None = None
        remote = read_write_closer.get_remote_address()
        with self.half_open.slot(remote[0] if remote else ""):
            try:
                opened = await self.upgrade_inbound_raw_conn(
                    BufferedConnection(read_write_closer, False), maddr
                )
            except Exception as error:  # whatever a stranger can cause in a handshake
                log.debug("inbound handshake on %s failed: %r", maddr, error)
        if opened is None:
            with grace(1):
                await read_write_closer.close()
            return
        # The event is set on every way that a yamux connection ends.
        await cast(Any, opened).event_closed.wait()

    async def upgrade_outbound_raw_conn(
        self, raw_conn: IRawConnection, peer_id: ID, pre_scope: Any = None
    ) -> SwarmConn:
        connection = buffered(raw_conn)
        try:
            return await super().upgrade_outbound_raw_conn(connection, peer_id, pre_scope)
        except (
            BaseException
        ):  # libp2p closes it too, but is cancelled at that, and so leaves a WebSocket's socket open
            with grace(0):
                await connection.close()
            raise

    async def notify_opened_stream(self, stream: INetStream) -> None:
        """Of all who listen nobody cares for streams. libp2p starts a task for each of them nevertheless; and whoever
        is cancelled meanwhile leaves open a stream that nobody has yet (trap 12).
        """

    async def notify_closed_stream(self, stream: INetStream) -> None:
        """Likewise."""

    async def new_stream(self, peer_id: ID) -> INetStream:
        """libp2p dials whom a stream is for: its services would bring back who has just hung up, again and again."""
        if not self.get_connections(peer_id):
            raise SwarmException(f"{peer_id} is not connected")
        return await super().new_stream(peer_id)

    async def add_conn(self, muxed_conn: IMuxedConn, direction: str = "unknown") -> SwarmConn:
        self.half_open.leave()
        if direction == "inbound" and self.refuses(muxed_conn.peer_id):
            with grace(1):
                await muxed_conn.close()
            raise SwarmException("a person disconnected this peer a short while ago")
        if all(connection.is_closed for connection in self.get_connections(muxed_conn.peer_id)):
            self.meets(muxed_conn.peer_id)
        return await super().add_conn(muxed_conn, direction)


def connection_config(max_connections: int) -> ConnectionConfig:
    """`max_connections` 0 is no limit. One connection per peer makes a dial take 14 ms instead of 250."""
    most = max_connections or 100_000
    return ConnectionConfig(
        max_connections=most,
        high_watermark=most,
        low_watermark=0,
        min_connections=0,
        max_connections_per_peer=1,
        inbound_upgrade_timeout=HANDSHAKE_S,
        outbound_upgrade_timeout=HANDSHAKE_S,
    )
