"""Serves the API on its sockets until cancelled."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from functools import partial

import trio

from p2pd_daemon.tasks import TaskStatus

from .app import Api
from .binding import ApiBinding, ApiBound, http_url, open_http_socket, open_unix_socket
from .control import Control
from .guard import Guard
from .http11 import AsgiApp, HttpConnection

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 256  # below the usual 1024 open files of a process, which the network needs too
GRACE_SECONDS = 0.5  # for the answers in work when the daemon stops


async def serve_api(
    control: Control,
    binding: ApiBinding,
    *,
    task_status: TaskStatus[ApiBound] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves until cancelled; `task_status` reports where, once clients can connect.

    Raises before that: AddressInUse, AlreadyRunning, BadConfig, NetworkError. When cancelled it takes no more
    requests, gives those in work GRACE_SECONDS, ends the event streams, and removes the unix socket.
    """
    with ExitStack() as sockets:
        server = Server()
        unix = sockets.enter_context(open_unix_socket(binding.socket))
        served = [(unix, Api(control), "unix")]
        url = port = None
        if binding.http is not None:
            tcp = sockets.enter_context(open_http_socket(*binding.http))
            url, port = http_url(tcp), tcp.getsockname()[1]
            guarded = Api(control, Guard(binding.access, tcp.getsockname()[0], port))
            served.append((tcp, guarded, "tcp"))
            binding.access.on_reset(partial(server.end_all, "tcp"))
        async with trio.open_nursery() as listeners:
            for sock, app, via in served:
                sock.setblocking(False)
                # A copy of the descriptor: trio closes its own, the stack the one made here.
                listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock.dup()))
                listeners.start_soon(server.serve, listener, app, via)
            task_status.started(ApiBound(binding.socket, url, port))


class Server:
    """The connections of all sockets together, so that their number has one limit."""

    def __init__(self) -> None:
        self._connections: set[HttpConnection] = set()
        self._closing = False

    async def serve(self, listener: trio.SocketListener, app: AsgiApp, via: str) -> None:
        async with trio.open_nursery() as handlers:
            try:
                # trio waits and goes on by itself when the process is out of file descriptors.
                await trio.serve_listeners(
                    partial(self._handle, app=app, via=via), [listener], handler_nursery=handlers
                )
            finally:
                self._closing = True
                for connection in self._connections:
                    connection.begin_close(GRACE_SECONDS)

    def end_all(self, via: str) -> None:
        """Ends the clients that came this way; what is in work gets its answer."""
        for connection in self._connections:
            if connection.via == via:
                connection.begin_close(GRACE_SECONDS)

    async def _handle(self, stream: trio.SocketStream, *, app: AsgiApp, via: str) -> None:
        if self._closing:  # accepted in the last moment
            await trio.aclose_forcefully(stream)
            return
        connection = HttpConnection(stream, app, via)
        if len(self._connections) >= MAX_CONNECTIONS:
            log.warning("%d clients are connected: refusing another", MAX_CONNECTIONS)
            await connection.turn_away()
            return
        self._connections.add(connection)
        try:
            await connection.run()
        except Exception:
            log.exception("serving a client failed; the others go on")
        finally:
            self._connections.discard(connection)
