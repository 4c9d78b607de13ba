"""News of who comes into our topics and who leaves them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Container, Mapping

import trio
from libp2p.peer.id import ID

log = logging.getLogger(__name__)


class MemberNews:
    """Who came into or left a topic of ours, told one after another. Changes that cancel out are not told.

    A peer has come when it can be written to as well: what is said to who has come must not get lost. A stream that
    breaks meanwhile does not make it leave.
    """

    def __init__(
        self, peers: Mapping[str, Collection[ID]], ours: Container[str], writable: Container[ID]
    ) -> None:
        """Who is in which topic, the topics that we are in, and whom we can write to: as they are at each look."""
        self._peers = peers
        self._ours = ours
        self._writable = writable
        self._changed: dict[tuple[str, ID], None] = {}
        self._told: set[tuple[str, ID]] = set()
        self._wake = trio.Event()
        self.on_member: Callable[[str, ID, bool], Awaitable[None]] | None = None

    def note(self, topic: str, peer: ID) -> None:
        if topic in self._ours:
            self._changed[topic, peer] = None
            self._wake.set()

    def forget(self, topic: str) -> None:
        """We have left the topic: who is there does not concern us any more."""
        self._told = {one for one in self._told if one[0] != topic}

    async def tell(self) -> None:
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            while self._changed:
                topic, peer = one = next(iter(self._changed))
                del self._changed[one]
                present = peer in self._peers.get(topic, ()) and (one in self._told or peer in self._writable)
                if topic not in self._ours or present == (one in self._told):
                    continue
                (self._told.add if present else self._told.discard)(one)
                try:
                    if self.on_member is not None:
                        await self.on_member(topic, peer, present)
                except Exception:
                    log.exception("on_member failed")
