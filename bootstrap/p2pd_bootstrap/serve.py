"""The bootstrap node from start to stop: a libp2p host without pubsub, the rendezvous service, a small HTTP server."""

from __future__ import annotations

import errno
import logging
import re
import secrets
import signal
import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import trio
from libp2p.abc import INetConn, INetStream, INetwork, INotifee
from libp2p.custom_types import TProtocol
from multiaddr import Multiaddr
from p2pd_daemon.api.serve import Server
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.store_frames import PROTOCOL_ID as STORE
from p2pd_daemon.core.sync_frames import PROTOCOL_ID as SYNC
from p2pd_daemon.errors import AddressInUse, NetworkError
from p2pd_daemon.keeper.keeper import Keeper, open_keeper
from p2pd_daemon.net.dial import live_connection
from p2pd_daemon.net.host import OpenHost, open_host
from p2pd_daemon.net.interface import NetworkConfig
from p2pd_daemon.net.rendezvous import PROTOCOL_ID
from p2pd_daemon.net.store_node import StoreResponder
from p2pd_daemon.net.sync import SyncResponder
from p2pd_daemon.paths import Home
from p2pd_daemon.version import __version__

from p2pd_bootstrap.options import HTTP, LISTEN, Options
from p2pd_bootstrap.page import About, page
from p2pd_bootstrap.registry import Registry
from p2pd_bootstrap.service import RendezvousService

log = logging.getLogger(__name__)

BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Ready:
    """What a started node tells. `notes` are for the person: what is not as the defaults say."""

    peer_id: str
    addrs: tuple[str, ...]
    http: str | None
    notes: tuple[str, ...]


async def serve_bootstrap(options: Options, key: SigningKey, ready: Callable[[Ready], None]) -> None:
    """Runs until SIGINT or SIGTERM; `ready` is called once peers are served.

    Raises AddressInUse for a port that was asked for and is taken, BadMultiaddr, NetworkError.
    """
    notes: list[str] = []
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with AsyncExitStack() as stack:
            keeper = await _open_keeper_if(stack, options)
            opened = await _open_host(stack, options, key, notes)
            registry = Registry(options.limits, secrets.token_bytes(8))
            service = RendezvousService(registry, lambda peer: live_connection(opened, peer) is not None)
            opened.swarm.register_notifee(Leavers(service))
            opened.host.set_stream_handler(TProtocol(PROTOCOL_ID), service.handle_stream)
            if keeper is not None:
                _serve_kept(opened, keeper)
            listener = _open_http(options, notes)
            nursery = await stack.enter_async_context(trio.open_nursery())
            nursery.start_soon(service.run)
            if listener is not None:
                about = About(opened, service, options.connections, keeper)
                nursery.start_soon(_serve_http, listener, about)
            ready(Ready(opened.peer_id, tuple(opened.addrs()), _url(listener), tuple(notes)))
            async for _ in signals:
                break
            nursery.cancel_scope.cancel()


async def _open_host(stack: AsyncExitStack, options: Options, key: SigningKey, notes: list[str]) -> OpenHost:
    config = NetworkConfig(
        listen=options.listen or LISTEN,
        announce=options.announce,
        mdns=False,
        limits=replace(Limits(), connections=options.connections),
        agent=f"p2pd-bootstrap/{__version__}",
    )
    try:
        return await stack.enter_async_context(open_host(key, config))
    except AddressInUse:
        if options.listen:
            raise
    notes.append("The default ports are taken, so it listens on free ones; --listen chooses others.")
    free = tuple(re.sub(r"/tcp/\d+", "/tcp/0", addr) for addr in LISTEN)
    return await stack.enter_async_context(open_host(key, replace(config, listen=free)))


async def _open_keeper_if(stack: AsyncExitStack, options: Options) -> Keeper | None:
    """What this node keeps for others, if it is a store node."""
    if not options.store:
        return None
    path = Home(options.home).kept
    return await stack.enter_async_context(
        open_keeper(path, options.store_limits, lambda: time.time_ns() // 1_000_000)
    )


def _serve_kept(opened: OpenHost, keeper: Keeper) -> None:
    keeper.dropped = opened.dropped
    syncing = SyncResponder(keeper.on_sync, opened.dropped)
    opened.host.set_stream_handler(TProtocol(SYNC), syncing.handle_stream)
    storing = StoreResponder(keeper.on_request, opened.dropped)
    opened.host.set_stream_handler(TProtocol(STORE), storing.handle_stream)


class Leavers(INotifee):
    """Tells the service who has gone."""

    def __init__(self, service: RendezvousService) -> None:
        self._service = service

    async def disconnected(self, network: INetwork, conn: INetConn) -> None:
        self._service.disconnected(PeerId(conn.muxed_conn.peer_id.to_base58()))

    async def connected(self, network: INetwork, conn: INetConn) -> None: ...

    async def opened_stream(self, network: INetwork, stream: INetStream) -> None: ...

    async def closed_stream(self, network: INetwork, stream: INetStream) -> None: ...

    async def listen(self, network: INetwork, multiaddr: Multiaddr) -> None: ...

    async def listen_close(self, network: INetwork, multiaddr: Multiaddr) -> None: ...


# HTTP


async def _serve_http(listener: socket.socket, about: About) -> None:
    listener.setblocking(False)
    await Server().serve(trio.SocketListener(trio.socket.from_stdlib_socket(listener)), page(about), "tcp")


def _open_http(options: Options, notes: list[str]) -> socket.socket | None:
    if options.http == ():
        return None
    host, port = options.http or HTTP
    try:
        return _listen_on(host, port)
    except AddressInUse:
        if options.http:
            raise
    listener = _listen_on(host, 0)
    notes.append(f"Port {port} is taken, so the page is on {listener.getsockname()[1]}.")
    return listener


def _listen_on(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(
                f"port {port} on {host} is in use", hint=f"Choose another, or any free one: --http {host}:0."
            ) from error
        raise NetworkError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="Choose another: --http HOST:PORT.",
        ) from error
    return listener


def _url(listener: socket.socket | None) -> str | None:
    if listener is None:
        return None
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
