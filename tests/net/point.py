"""A rendezvous point in the test's own loop: the host and the service of a bootstrap node, without its process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio
from libp2p.custom_types import TProtocol
from net.support import LOOPBACK, new_key
from p2pd_bootstrap.registry import Registry, RegistryLimits
from p2pd_bootstrap.serve import Leavers
from p2pd_bootstrap.service import RendezvousService
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.net.dial import live_connection
from p2pd_daemon.net.host import OpenHost, open_host
from p2pd_daemon.net.interface import NetworkConfig
from p2pd_daemon.net.rendezvous import PROTOCOL_ID


@dataclass
class Point:
    opened: OpenHost
    service: RendezvousService

    @property
    def addr(self) -> str:
        return self.opened.addrs()[0]

    @property
    def registry(self) -> Registry:
        return self.service.registry


@asynccontextmanager
async def open_point(
    *, key: SigningKey | None = None, listen: tuple[str, ...] = LOOPBACK, limits: RegistryLimits | None = None
) -> AsyncIterator[Point]:
    async with open_host(key or new_key(), NetworkConfig(listen=listen)) as opened:
        service = RendezvousService(
            Registry(limits or RegistryLimits(), b"instance"),
            lambda peer: live_connection(opened, peer) is not None,
        )
        opened.swarm.register_notifee(Leavers(service))
        opened.host.set_stream_handler(TProtocol(PROTOCOL_ID), service.handle_stream)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(service.run)
            yield Point(opened, service)
            nursery.cancel_scope.cancel()
