"""libp2p's WebSocket with its holes closed: a stranger's handshake is bounded, and cannot end the process."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import MethodType
from typing import Any, cast

import trio
import trio_websocket
from libp2p.abc import IListener
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.transport.upgrader import TransportUpgrader
from libp2p.transport.websocket import listener as libp2p_listener
from libp2p.transport.websocket.connection import P2PWebSocketConnection
from libp2p.transport.websocket.transport import WebsocketTransport
from multiaddr import Multiaddr
from trio_websocket import WebSocketConnection, WebSocketServer, wrap_client_stream

from p2pd_daemon.net.half_open import HANDSHAKE_S, HalfOpen

log = logging.getLogger(__name__)


class GuardedWebsocket(WebsocketTransport):
    def __init__(self, upgrader: TransportUpgrader, tls: ssl.SSLContext | None, half_open: HalfOpen) -> None:
        super().__init__(upgrader, tls_server_config=tls)
        self._half_open = half_open

    async def dial(self, maddr: Multiaddr) -> RawConnection:
        """libp2p does not keep where a WebSocket leads to, so that a peer would be shown without an address."""
        connection = await super().dial(maddr)
        vars(connection)["_actual_addresses"] = [Multiaddr(str(maddr).partition("/p2p/")[0])]
        return connection

    async def _track_connection(self, conn: P2PWebSocketConnection) -> None:
        """libp2p counts the connections that it dials, and never one that ends: after 1000 it dials no more. A dial
        that is cancelled while it counts leaves its socket open.
        """

    def create_listener(self, handler: Any) -> IListener:
        listener = super().create_listener(handler)
        vars(listener)["half_open"] = self._half_open  # for _serve, which libp2p calls without it
        return listener


class _Server(WebSocketServer):
    """trio-websocket waits 60 s for a handshake, of any number of strangers. It runs in a system task of libp2p's: an
    error that left it would end the process, so none leaves.
    """

    half_open: HalfOpen

    async def _handle_connection(self, stream: trio.abc.Stream) -> None:
        try:
            with self.half_open.slot(_remote_ip(stream)):
                await super()._handle_connection(stream)
        except Exception as error:  # whatever a stranger can cause
            log.debug("WebSocket connection failed: %r", error)


def _remote_ip(stream: trio.abc.Stream) -> str:
    socket = getattr(getattr(stream, "transport_stream", stream), "socket", None)
    try:
        return str(socket.getpeername()[0]) if socket is not None else ""
    except OSError:
        return ""


async def _serve(
    handler: Callable[[Any], Awaitable[None]],
    host: str,
    port: int,
    ssl_context: ssl.SSLContext | None,
    *,
    task_status: Any = trio.TASK_STATUS_IGNORED,
) -> None:
    """In place of trio_websocket.serve_websocket, as libp2p's listener calls it."""
    listeners: list[Any] = []
    if ssl_context is None:
        listeners.extend(await trio.open_tcp_listeners(port, host=host))
    else:
        listeners.extend(
            await trio.open_ssl_over_tcp_listeners(port, ssl_context, host=host, https_compatible=True)
        )
    server = _Server(handler, listeners, connect_timeout=HANDSHAKE_S)
    owner = cast(MethodType, handler).__self__  # the listener that create_listener made
    server.half_open = vars(owner)["half_open"]
    await server.run(task_status=task_status)


@dataclass(frozen=True, slots=True)
class _Starter:
    """Stands in for a nursery: what it starts costs its connection only, and `ended` is called when that ends."""

    nursery: trio.Nursery
    stream: trio.abc.AsyncResource
    ended: Callable[[], None]

    def start_soon(self, read: Callable[[], Awaitable[None]]) -> None:
        self.nursery.start_soon(self._run, read)

    async def _run(self, read: Callable[[], Awaitable[None]]) -> None:
        try:
            await read()
        except Exception as error:  # whatever a stranger can cause
            log.debug("WebSocket connection failed: %r", error)
        finally:
            self.ended()
            await trio.aclose_forcefully(self.stream)


async def _wrap_client_stream(
    nursery: trio.Nursery, stream: Any, host: str, resource: str, **options: Any
) -> WebSocketConnection:
    """In place of trio_websocket's, as libp2p calls it with the swarm's nursery: there a web server that says no would
    end the process, and one that hangs up would leave us waiting.
    """
    with trio.CancelScope() as waiting:
        starter = cast(trio.Nursery, _Starter(nursery, stream, waiting.cancel))
        return await wrap_client_stream(starter, stream, host, resource, **options)
    raise trio.BrokenResourceError("it ended the WebSocket handshake")


def install() -> None:
    vars(libp2p_listener)["serve_websocket"] = _serve
    vars(trio_websocket)["wrap_client_stream"] = _wrap_client_stream
