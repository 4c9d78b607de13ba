"""The store nodes that this node uses: rooms are compared with them, direct messages left at and fetched from them.

Only nodes that the user chose: a bootstrap node from the settings, or one that `p2pd connect` named. Comparing a
room tells its records to the other side; that is not for whoever happens to be connected and says that it keeps.
"""

from __future__ import annotations

import json
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import trio

from p2pd_daemon.core.event import decode_event
from p2pd_daemon.core.peer_id import PeerId, decode_peer_id
from p2pd_daemon.core.push import Ack, AckStatus
from p2pd_daemon.core.record import decode_record
from p2pd_daemon.core.store_frames import (
    MAX_DEPOSIT,
    MAX_DROP,
    Deposit,
    Deposited,
    Drop,
    Dropped,
    Fetch,
    Kept,
    Mail,
    Response,
    StoreRefusal,
    mailbox_tag,
)
from p2pd_daemon.core.sync import SyncResult
from p2pd_daemon.errors import BadPeerId, NetworkError, P2pdError, RemoteProtocolError
from p2pd_daemon.net.store_node import StoreChannel
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.store.rows import SENT

log = logging.getLogger(__name__)

FETCH_S = 180.0  # between two looks into our mailboxes
FETCH_PAGES = 256  # answers in one look: 64 MiB, more than a mailbox holds
CHOSEN = 64  # peers chosen by hand that are remembered
CHOSEN_KEY = "store_nodes"  # in the store: JSON list of peer IDs, the newest last
UNSENT = 1000  # own records of a room whose state is noted after a session
CONFIRMATIONS = 5  # sessions in a row that give something; beyond, it does not keep what it gets
KEPT_REASON = "kept by a store node"

R = TypeVar("R", bound=Response)
OnMail = Callable[[bytes, PeerId], Awaitable[Ack]]


class StoreNodes:
    """`on_mail` takes a record as a pushed one."""

    def __init__(self, parts: Parts, bootstrap: Iterable[str], on_mail: OnMail) -> None:
        self._parts = parts
        self._configured = {peer for addr in bootstrap if (peer := _peer_of(addr)) is not None}
        self._by_hand: list[PeerId] = []
        self._on_mail = on_mail
        self._fetching: set[PeerId] = set()
        self._gave: Counter[tuple[str, PeerId]] = Counter()  # sessions in a row that gave something
        self._greeted: set[PeerId] = set()  # connected ones
        self.met: Callable[[PeerId], None] = lambda peer: None  # told of each of ours that is connected

    async def start(self) -> None:
        self._by_hand = [
            PeerId(peer) for peer in json.loads(await self._parts.store.get_meta(CHOSEN_KEY) or "[]")
        ]

    async def choose(self, peer: PeerId) -> None:
        """The user connected to it: should it be a store node, it is one of ours, also after a restart."""
        if self._by_hand[-1:] != [peer]:
            self._by_hand = [*(one for one in self._by_hand if one != peer), peer][-CHOSEN:]
            await self._parts.store.set_meta(CHOSEN_KEY, json.dumps(self._by_hand))
        self.look()

    def left(self, peer: PeerId) -> None:
        """It is not connected any more."""
        self._greeted.discard(peer)

    def here(self) -> list[PeerId]:
        """Those of ours that are connected."""
        return [peer for peer in self._greeted if self._parts.network.is_connected(peer)]

    async def run(self) -> None:
        """Greets each store node that comes, and looks into our mailboxes every few minutes, until cancelled."""
        next_round = trio.current_time()
        while True:
            news = self._parts.network.identified
            self.look()
            if trio.current_time() >= next_round:
                for peer in self.here():
                    self._parts.nursery.start_soon(self.fetch, peer)
                next_round = trio.current_time() + FETCH_S * random.uniform(0.7, 1.3)  # noqa: S311 - to spread load
            with trio.move_on_at(next_round):
                await news.wait()

    def look(self) -> None:
        """Greets those of ours that are here and new: one that comes back does not always say again what it is."""
        for peer in self._configured.union(self._by_hand) - self._greeted:
            if self._parts.network.is_store_node(peer):
                self._greeted.add(peer)
                self.met(peer)
                self._parts.nursery.start_soon(self.fetch, peer)

    # Rooms

    async def note_session(
        self, topic: str, peer: PeerId, result: SyncResult, unsent: Sequence[bytes]
    ) -> bool:
        """Notes what a session with a store node says about records of ours that were `unsent` before it.

        Returns whether to compare again: it may leave out what is over a quota, so only the next session shows that
        it keeps what we gave.
        """
        if result.gave:
            self._gave[topic, peer] += 1
            return self._gave[topic, peer] <= CONFIRMATIONS
        del self._gave[topic, peer]
        if result.complete:
            now_ms = self._parts.clock.now_ms()
            await self._parts.store.set_state(unsent, SENT, now_ms=now_ms, reason=KEPT_REASON)
        return False

    # Direct messages

    async def leave(self, recipient: PeerId, pending: Sequence[tuple[bytes, bytes]]) -> None:
        """Deposits these (id, raw) of ours at each store node that does not have them yet, and notes their state.

        Failures are logged: the messages wait here anyway.
        """
        for peer in self.here():
            if peer == recipient:
                continue
            try:
                await self._deposit(peer, recipient, pending)
            except (NetworkError, RemoteProtocolError) as error:
                log.info("messages were not left at %s: %s", peer, error.message)
        ids = await self._parts.store.deposited([record_id for record_id, _ in pending])
        if ids:
            now_ms = self._parts.clock.now_ms()
            await self._parts.store.set_state(sorted(ids), SENT, now_ms=now_ms, reason=KEPT_REASON)

    async def _deposit(self, peer: PeerId, recipient: PeerId, pending: Sequence[tuple[bytes, bytes]]) -> None:
        there = await self._parts.store.deposited([record_id for record_id, _ in pending], peer)
        fresh = [one for one in pending if one[0] not in there]
        if not fresh:
            return
        async with self._parts.network.open_store(peer) as channel:
            for start in range(0, len(fresh), MAX_DEPOSIT):
                part = fresh[start : start + MAX_DEPOSIT]
                request = Deposit(mailbox_tag(recipient), tuple(raw for _, raw in part))
                answer = _expect(await channel.ask(request), Deposited)
                if len(answer.status) != len(part):
                    raise RemoteProtocolError("a store node answered for other records")
                kept = [
                    one[0] for one, status in zip(part, answer.status, strict=True) if status is Kept.KEPT
                ]
                await self._parts.store.note_deposited(kept, peer)
                if len(kept) < len(part):
                    log.info("%s does not keep all: %s", peer, answer.reason)
                    return  # what follows would be refused as well

    async def fetch(self, peer: PeerId) -> None:
        """Takes what waits for us at a store node, and tells it what it need not keep any longer."""
        if peer in self._fetching:
            return
        self._fetching.add(peer)
        try:
            async with self._parts.network.open_store(peer) as channel:
                await self._fetch(channel, peer)
        except P2pdError as error:
            log.info("fetching messages from %s: %s", peer, error.message)
        finally:
            self._fetching.discard(peer)

    async def _fetch(self, channel: StoreChannel, peer: PeerId) -> None:
        after: tuple[int, bytes] | None = None
        for _ in range(FETCH_PAGES):
            mail = _expect(await channel.ask(Fetch(after)), Mail)
            settled = []
            for raw in mail.raws:
                place = _place_of(raw)
                if after is not None and place <= after:
                    raise RemoteProtocolError("messages out of order")
                after = place
                if (await self._on_mail(raw, peer)).status is not AckStatus.OVER_LIMIT:
                    settled.append(place[1])
            for start in range(0, len(settled), MAX_DROP):
                _expect(await channel.ask(Drop(tuple(settled[start : start + MAX_DROP]))), Dropped)
            if not mail.more or not mail.raws:
                return


def _peer_of(addr: str) -> PeerId | None:
    try:
        return decode_peer_id(addr.rpartition("/p2p/")[2])
    except BadPeerId:
        return None  # opening the network says what is wrong with it


def _place_of(raw: bytes) -> tuple[int, bytes]:
    record = decode_record(raw, max_bytes=0)
    return decode_event(record.data, text_bytes=0).ts_ms, record.id


def _expect(answer: Response, kind: type[R]) -> R:
    if isinstance(answer, StoreRefusal):
        raise NetworkError(
            f"the store node refused: {answer.text}", hint="Try again later, or use another one."
        )
    if not isinstance(answer, kind):
        raise RemoteProtocolError(f"a store node answered with {type(answer).__name__}")
    return answer
