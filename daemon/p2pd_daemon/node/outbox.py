"""Direct messages on their way: a courier per peer hands over what waits, in order, until each is acknowledged.

A message is `queued` until it was written to the peer or left at a store node, `sent` until the peer said that it is
in its store, and then `delivered`, or `refused` with the peer's reason. All of that is in the store, so it goes on
after a crash.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Sequence

import trio

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.push import Ack, AckStatus
from p2pd_daemon.errors import P2pdError
from p2pd_daemon.net.direct import PushBroken
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.stored import DAMAGED, stored_record
from p2pd_daemon.node.ways import Ways
from p2pd_daemon.store.rows import DELIVERED, QUEUED, REFUSED, SENT

log = logging.getLogger(__name__)

BATCH_RECORDS = 64  # handed over on one stream; at 16 KiB each, a megabyte at most in flight
FIRST_RETRY_S = 1.0
LAST_RETRY_S = (
    60.0  # a peer that comes back dials us, which wakes its courier at once; this is for when it cannot
)
LEFT_RECORDS = (
    1000  # left at a store node for one peer: as many as it keeps by default (limits.store_sender_records)
)
FINAL = {
    AckStatus.BLOCKED: "blocked by the peer",
    AckStatus.TOO_LARGE: "too large for the peer",
    AckStatus.NOT_MINE: "the peer does not take direct messages from this node",
    AckStatus.INVALID: "the peer could not read it",
}


Leave = Callable[[PeerId, Sequence[tuple[bytes, bytes]]], Awaitable[None]]


async def _leave_nowhere(peer: PeerId, pending: Sequence[tuple[bytes, bytes]]) -> None:
    """Without a store node they wait here."""


class Outbox:
    """Runs a courier for each peer for whom something waits."""

    def __init__(self, parts: Parts, ways: Ways, jitter: Callable[[], float] = random.random) -> None:
        self._ways = ways
        self._store = parts.store
        self._network = parts.network
        self._nursery = parts.nursery
        self._clock = parts.clock
        self._jitter = jitter
        self.leave: Leave = _leave_nowhere  # where messages can wait for a peer that is away
        self._awake: dict[PeerId, trio.Event] = {}  # one entry per courier that runs
        self._settled: dict[bytes, trio.Event] = {}  # messages that somebody waits for

    async def start(self) -> None:
        """Goes on with what waited when the node stopped."""
        for peer in await self._store.outbox_peers():
            self.wake(peer)

    def wake_all(self) -> None:
        """There is a new place where messages can wait: every courier tries now."""
        for event in self._awake.values():
            event.set()

    def wake(self, peer: PeerId) -> None:
        """Something new waits for the peer, or it has just connected: try now."""
        event = self._awake.get(peer)
        if event is not None:
            event.set()
            return
        self._awake[peer] = trio.Event()
        self._nursery.start_soon(self._deliver, peer)

    async def wait_settled(self, record_id: bytes, timeout: float) -> None:
        """Waits until the peer acknowledged or refused the message, at most `timeout` seconds."""
        event = self._settled.setdefault(record_id, trio.Event())
        try:
            with trio.move_on_after(timeout):
                await event.wait()
        finally:
            self._settled.pop(record_id, None)

    async def _deliver(self, peer: PeerId) -> None:
        """One courier: runs while something waits for the peer."""
        delay = FIRST_RETRY_S
        while True:
            self._awake[peer] = trio.Event()
            try:
                pending = await self._store.outbox_pending(peer, BATCH_RECORDS)
                if not pending:
                    if not self._awake[peer].is_set():
                        del self._awake[peer]  # no await since the look: nothing can have slipped in between
                        return
                    continue
                pending = await self._without_damaged(pending)
                if not pending:
                    continue
                if not self._network.is_connected(peer):
                    await self._network.connect(peer)
                if await self._hand_over(peer, pending):
                    delay = FIRST_RETRY_S
                    continue
            except P2pdError as error:
                log.debug("%s: messages wait: %s", peer, error.message)
                await self._leave(peer)
            with trio.move_on_after(delay * (0.5 + self._jitter())):
                await self._awake[peer].wait()
            delay = min(LAST_RETRY_S, 2 * delay)

    async def _hand_over(self, peer: PeerId, pending: list[tuple[bytes, bytes]]) -> bool:
        """True when every message was settled; False when some must be tried again later."""
        ids = [record_id for record_id, _ in pending]
        await self._set_state(ids, SENT, sent_to=1)
        try:
            acks = await self._ways.hand_over(peer, pending)
        except PushBroken as broken:
            if not broken.acks:
                await self._set_state(ids, QUEUED)
                raise
            acks = list(broken.acks)
        except P2pdError:
            await self._set_state(ids, QUEUED)
            raise
        return await self._note(ids, acks)

    async def _without_damaged(self, pending: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Those that can be sent. One that our disk has damaged would hold up all behind it: it is given up."""
        sound = [one for one in pending if stored_record(one[1], f"the message {one[0].hex()}")]
        damaged = [one[0] for one in pending if one not in sound]
        if damaged:
            await self._set_state(damaged, REFUSED, DAMAGED)
        return sound

    async def _leave(self, peer: PeerId) -> None:
        """Who is away finds them at a store node; this node goes on trying."""
        try:
            pending = await self._without_damaged(await self._store.outbox_pending(peer, LEFT_RECORDS))
            if pending and not self._network.is_connected(peer):
                await self.leave(peer, pending)
        except P2pdError:
            log.exception("messages for %s could not be left at a store node", peer)

    async def _note(self, ids: list[bytes], acks: list[Ack]) -> bool:
        delivered = [i for i, ack in zip(ids, acks, strict=False) if ack.status is AckStatus.STORED]
        if delivered:
            await self._set_state(delivered, DELIVERED)
        retry = ids[len(acks) :]
        for record_id, ack in zip(ids, acks, strict=False):
            if ack.status in FINAL:
                await self._set_state([record_id], REFUSED, ack.reason or FINAL[ack.status])
            elif ack.status is not AckStatus.STORED:
                retry.append(record_id)
        if retry:
            await self._set_state(retry, QUEUED)
        for record_id in set(ids) - set(retry):
            event = self._settled.pop(record_id, None)
            if event is not None:
                event.set()
        return not retry

    async def _set_state(
        self, ids: list[bytes], state: str, reason: str = "", sent_to: int | None = None
    ) -> None:
        now_ms = self._clock.now_ms()
        await self._store.set_state(ids, state, now_ms=now_ms, reason=reason, sent_to=sent_to)
