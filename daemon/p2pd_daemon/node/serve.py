"""The daemon from start to stop: its home, store, network and API, opened in order and closed in reverse."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from p2pd_daemon.api import Access, ApiBinding
from p2pd_daemon.config import Config
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.keeper.keeper import Keeper, open_keeper
from p2pd_daemon.node.clock import Clock, Seqnos
from p2pd_daemon.node.control import NodeControl
from p2pd_daemon.node.listen import http_pair, open_network_somewhere, serve_api_somewhere
from p2pd_daemon.node.node import Node
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.people import People
from p2pd_daemon.node.retention import run_retention
from p2pd_daemon.paths import Home, Running, remove_run_file, save_run_file, socket_path
from p2pd_daemon.store.store import Store, open_store
from p2pd_daemon.tasks import TaskStatus

log = logging.getLogger(__name__)

KNOWN_PEERS = 200  # dialled again after a start, the last seen first


@dataclass(frozen=True, slots=True)
class Ready:
    """What a started node tells whoever started it.

    `page` is a link that opens the page once. `notes` are for the person: what is not as the defaults say.
    """

    peer_id: str
    addrs: tuple[str, ...]
    http: str | None
    page: str | None
    socket: str
    notes: tuple[str, ...]


async def serve_node(home: Home, config: Config, key: SigningKey, ready: Callable[[Ready], None]) -> None:
    """Runs the node until SIGINT, SIGTERM or a client's `stop`. The caller holds the home.

    Calls `ready` once clients and peers are served. Raises P2pdError when it cannot start.
    """
    clock = Clock()
    stop = trio.Event()
    async with (
        open_store(home.store, events_kept=config.limits.events) as store,
        _open_keeper_if(home, config, clock) as keeper,
    ):
        people = People(key.peer_id)
        await people.load(store)
        seqnos = Seqnos(clock, await store.last_seqno())
        known = [(peer.peer, peer.addrs) for peer in await store.peers_known(KNOWN_PEERS)]
        node = Node(clock, config.limits, config.bootstrap, keeper)
        on_store_request = node.on_store_request if keeper else None
        async with (
            open_network_somewhere(key, config, node, known, on_store_request, foreign=node.foreign) as (
                network,
                moved,
            ),
            trio.open_nursery() as nursery,
        ):
            await nursery.start(_stop_on_signals, stop)
            parts = Parts(key, store, network, people, clock, seqnos, config.limits, nursery)
            await node.start(parts)
            nursery.start_soon(run_retention, parts, node.rooms, config.keep)
            access = Access(home.token)
            control = NodeControl(parts, node, config, stop, access)
            await _take_nick(control, store, config)
            async with trio.open_nursery() as serving:
                ready(await _serve(serving, control, home, config, access, peer_id=key.peer_id, moved=moved))
                await stop.wait()
                remove_run_file(home)
                serving.cancel_scope.cancel()
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def _open_keeper_if(home: Home, config: Config, clock: Clock) -> AsyncIterator[Keeper | None]:
    """What this node keeps for others, if it is a store node."""
    if not config.store:
        yield None
        return
    async with open_keeper(home.kept, config.limits, clock.now_ms) as keeper:
        yield keeper


async def _serve(
    serving: trio.Nursery,
    control: NodeControl,
    home: Home,
    config: Config,
    access: Access,
    *,
    peer_id: PeerId,
    moved: bool,
) -> Ready:
    binding = ApiBinding(socket_path(home), http_pair(config.http), access)
    bound, page_moved = await serve_api_somewhere(
        serving, control, binding, asked_for=config.asked_for("http")
    )
    control.http = bound.http
    started_ms = Clock().now_ms()
    save_run_file(home, Running(os.getpid(), os.fspath(bound.socket), bound.http, peer_id, started_ms))
    notes = []
    if moved:
        notes.append("The default ports are taken, so it listens on free ones; --listen chooses others.")
    if page_moved:
        notes.append(
            f"Port {config.http.port if config.http else ''} is taken, so the page is on {bound.port}."
        )
    addrs = tuple((await control.id()).addrs)
    page = f"{bound.http}/?token={access.lasting_code()}" if bound.http else None
    return Ready(peer_id, addrs, bound.http, page, os.fspath(bound.socket), tuple(notes))


async def _take_nick(control: NodeControl, store: Store, config: Config) -> None:
    """The nickname from the settings, when it is another than last time; one set since then by `p2pd nick` stays."""
    given = config.nick
    if given is not None and given != await store.get_meta("nick_given"):
        await control.set_nick(given)
        await store.set_meta("nick_given", given)
    else:
        chosen = await store.get_meta("nick")
        if chosen:
            await control.set_nick(chosen)


async def _stop_on_signals(
    stop: trio.Event, *, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started(None)
        async for _ in signals:
            stop.set()
