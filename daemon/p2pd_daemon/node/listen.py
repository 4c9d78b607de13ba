"""Default addresses that are taken give way to free ones; addresses that a person asked for do not."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from p2pd_daemon.api import ApiBinding, ApiBound, Control, serve_api
from p2pd_daemon.config import Config
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.errors import AddressInUse
from p2pd_daemon.net.network import ForeignEvents, Network, NetworkConfig, NetworkEvents, open_network
from p2pd_daemon.net.store_node import OnRequest
from p2pd_daemon.settings import HttpAddress

log = logging.getLogger(__name__)


def network_config(config: Config, listen: tuple[str, ...]) -> NetworkConfig:
    return NetworkConfig(
        listen=listen,
        announce=config.announce,
        bootstrap=config.bootstrap,
        mdns=config.mdns,
        limits=config.limits,
    )


@asynccontextmanager
async def open_network_somewhere(
    key: SigningKey,
    config: Config,
    events: NetworkEvents,
    known: Sequence[tuple[PeerId, Sequence[str]]],
    on_store_request: OnRequest | None = None,
    *,
    foreign: ForeignEvents | None = None,
) -> AsyncIterator[tuple[Network, bool]]:
    """The network, and whether its default ports were taken. Raises AddressInUse for ports that were asked for."""
    opening = open_network(
        key, network_config(config, config.listen), events, known, on_store_request, foreign=foreign
    )
    moved = False
    try:
        network = await opening.__aenter__()
    except AddressInUse:
        if config.asked_for("listen"):
            raise
        free = tuple(re.sub(r"/tcp/\d+", "/tcp/0", addr) for addr in config.listen)
        opening = open_network(
            key, network_config(config, free), events, known, on_store_request, foreign=foreign
        )
        moved = True
        network = await opening.__aenter__()
    try:
        yield network, moved
    except BaseException as error:
        if not await opening.__aexit__(type(error), error, error.__traceback__):
            raise
    else:
        await opening.__aexit__(None, None, None)


async def serve_api_somewhere(
    nursery: trio.Nursery, control: Control, binding: ApiBinding, *, asked_for: bool
) -> tuple[ApiBound, bool]:
    """Starts the API in the nursery; the bound addresses, and whether the page's default port was taken."""
    try:
        return await nursery.start(serve_api, control, binding), False
    except AddressInUse:
        if asked_for or binding.http is None:
            raise
        elsewhere = ApiBinding(binding.socket, (binding.http[0], 0), binding.access)
        return await nursery.start(serve_api, control, elsewhere), True


def http_pair(address: HttpAddress | None) -> tuple[str, int] | None:
    return (address.host, address.port) if address else None
