"""What the node's pieces share."""

from __future__ import annotations

import os
from dataclasses import dataclass

import trio

from p2pd_daemon.core.bodies import NONCE_BYTES
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.net.network import Network
from p2pd_daemon.node.clock import Clock, Seqnos
from p2pd_daemon.node.people import People
from p2pd_daemon.store.store import Store


@dataclass(frozen=True)
class Parts:
    """Made once, when the network is up. Whoever gets it may start tasks in the node's one nursery."""

    key: SigningKey
    store: Store
    network: Network
    people: People
    clock: Clock
    seqnos: Seqnos
    limits: Limits
    nursery: trio.Nursery

    @property
    def me(self) -> PeerId:
        return self.key.peer_id

    @staticmethod
    def nonce() -> bytes:
        return os.urandom(NONCE_BYTES)
