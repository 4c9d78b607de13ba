"""Ending all connections together: libp2p ends one after the other and sleeps 0.2 s for each, a minute for 300."""

from __future__ import annotations

import logging

import trio
from libp2p.abc import INetConn
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID

from p2pd_daemon.net.muxer import YamuxConnection, abort

log = logging.getLogger(__name__)

PATIENCE_S = 2.0  # for saying good-bye; a peer that takes no more bytes is left without


async def close_connections(swarm: Swarm, peer: ID | None = None) -> None:
    """Closes all connections, or all of one peer, also when cancelled, within about PATIENCE_S."""
    with trio.CancelScope(shield=True):
        async with trio.open_nursery() as nursery:
            for connection in swarm.get_connections(peer):
                nursery.start_soon(_close, connection)


async def _close(connection: INetConn) -> None:
    with trio.move_on_after(PATIENCE_S) as waiting:
        try:
            await connection.close()
        except Exception as error:  # it broke first; libp2p raises whatever it met
            log.debug("closing a connection: %r", error)
    if waiting.cancelled_caught and isinstance(connection.muxed_conn, YamuxConnection):
        await abort(connection.muxed_conn)
