"""Tells newcomers what we are called: our latest profile record of each room goes straight to who just entered it.

They missed it when it was gossiped. The record is the one that everybody else has, byte for byte.
"""

from __future__ import annotations

import logging

import trio

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.room import Wire
from p2pd_daemon.errors import P2pdError
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.rooms import Rooms
from p2pd_daemon.node.stored import stored_record

log = logging.getLogger(__name__)

GATHER_S = 0.1  # a peer that connects names its rooms one after the other: one stream for all of them
WAITING_GREETINGS = (
    4096  # beyond it the oldest newcomers learn our name from the next profile or by reconciliation
)
AT_ONCE = 4  # streams open at the same time


class Greeter:
    """One task that collects newcomers and greets each once for all its rooms."""

    def __init__(self, parts: Parts, rooms: Rooms) -> None:
        self._parts = parts
        self._rooms = rooms
        self._waiting: dict[PeerId, set[str]] = {}
        self._somebody = trio.Event()
        self._slots = trio.CapacityLimiter(AT_ONCE)

    def greet(self, topic: str, peer: PeerId) -> None:
        """Somebody entered a room: they will hear from us soon."""
        if len(self._waiting) >= WAITING_GREETINGS:
            self._waiting.pop(next(iter(self._waiting)))
        self._waiting.setdefault(peer, set()).add(topic)
        self._somebody.set()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                await self._somebody.wait()
                await trio.sleep(GATHER_S)
                self._somebody = trio.Event()
                waiting, self._waiting = self._waiting, {}
                for peer, topics in waiting.items():
                    nursery.start_soon(self._greet, peer, topics)

    async def _greet(self, peer: PeerId, topics: set[str]) -> None:
        async with self._slots:
            found = (self._rooms.get(topic) for topic in topics)
            rooms = [room for room in found if room is not None and room.wire is Wire.P2PD]
            try:
                raws = [
                    await self._parts.store.latest_profile_raw(self._parts.me, one.room_n) for one in rooms
                ]
                known = [raw for raw in raws if raw is not None and stored_record(raw, "the own profile")]
                await self._parts.network.push(peer, known)
            except P2pdError as error:  # a go-libp2p peer, say, or one that has gone
                log.debug("%s: could not greet: %s", peer, error.message)
