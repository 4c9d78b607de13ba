"""What other programs' protocols bring: direct messages of universal-connectivity, and who wants to chat by lines."""

from __future__ import annotations

import logging
import os

import trio

from p2pd_daemon.core.admission import AuthorRates
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.uc_direct import (
    ERROR,
    OK,
    PROTOCOL_ID,
    TEXT,
    DirectRequest,
    DirectResponse,
    direct_message_id,
)
from p2pd_daemon.errors import P2pdError
from p2pd_daemon.node.clock import Clock
from p2pd_daemon.node.direct import Conversations
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.ways import CLIENT, UC
from p2pd_daemon.store.carried import Carried

log = logging.getLogger(__name__)

MISSED_EVERY_S = 60.0  # a peer that calls again and again is told of once a minute
MISSED_PEERS = 1000  # remembered for that


class Foreign:
    """The network's `ForeignEvents`. They wait until `start` has put the pieces together."""

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._rates = AuthorRates(limits)
        self._told: dict[PeerId, float] = {}
        self._ready = trio.Event()
        self._parts: Parts
        self._conversations: Conversations

    def start(self, parts: Parts, conversations: Conversations) -> None:
        self._parts = parts
        self._conversations = conversations
        self._ready.set()

    async def on_direct(self, request: DirectRequest, source: PeerId) -> DirectResponse:
        await self._ready.wait()
        try:
            refusal = self._refusal(request, source) or await self._take(request, source)
        except P2pdError as error:  # our disk, our bug
            log.exception("could not take a direct message of another program")
            refusal = error.message
        now_ms = self._clock.now_ms()
        return DirectResponse(ERROR if refusal else OK, refusal, now_ms, CLIENT)

    def admits(self, peer: PeerId) -> bool:
        return self._ready.is_set() and peer not in self._parts.people.blocked

    async def on_missed_chat(self, peer: PeerId) -> None:
        now = self._clock.monotonic()
        if now - self._told.get(peer, -MISSED_EVERY_S) < MISSED_EVERY_S:
            return
        self._told.pop(peer, None)
        self._told[peer] = now
        if len(self._told) > MISSED_PEERS:
            del self._told[next(iter(self._told))]
        await self._parts.store.add_event("missed_chat", self._clock.now_ms(), {"peer_id": peer})

    def _refusal(self, request: DirectRequest, source: PeerId) -> str:
        """Why the message is not taken; empty when it is."""
        dropped = self._parts.network.dropped
        if source in self._parts.people.blocked:
            dropped["blocked"] += 1
            return "blocked"
        limit = self._limits.text_bytes
        if request.type != TEXT:
            fault = f"only {TEXT} is understood here"
        elif not request.text.strip():
            fault = "the message is empty"
        elif limit and len(request.text.encode()) > limit:
            fault = f"the limit is {limit} bytes of UTF-8"
        elif not self._rates.take(source, PROTOCOL_ID, self._clock.monotonic()):
            dropped["rate"] += 1
            return "too many messages; try again later"
        else:
            return ""
        dropped["bad_direct"] += 1
        return fault

    async def _take(self, request: DirectRequest, source: PeerId) -> str:
        message_id = direct_message_id(source, request) if request.ts_ms else os.urandom(32)
        row = await self._conversations.row(source)
        now_ms = self._clock.now_ms()
        await self._parts.store.take_carried(
            Carried(message_id, row.room_n, source, request.text, now_ms, UC)
        )
        return ""
