"""A store node's work: it reconciles rooms with whoever asks, by tag, and holds direct messages until they are fetched.

So two people who are never online at the same time still meet. It checks signatures and opens nothing. What it may
take is limited by room, by peer and in all; a room's oldest records go first, and the floor that follows is stated
in each Hello, so that nobody sends them again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from p2pd_daemon.core.admission import BAD_RECORD
from p2pd_daemon.core.clock import is_due
from p2pd_daemon.core.keeping import KeptRecord, KeptTotals, open_mail, open_room_records, verify_kept
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.store_frames import (
    MAIL_BYTES,
    About,
    AskAbout,
    Deposit,
    Deposited,
    Drop,
    Dropped,
    Fetch,
    Kept,
    Mail,
    Request,
    Response,
    mailbox_tag,
)
from p2pd_daemon.core.sync import (
    Batch,
    Effect,
    Load,
    LoadPage,
    Peek,
    Place,
    Receive,
    Send,
    Session,
    Settle,
    Side,
    Take,
    Taken,
    respond,
)
from p2pd_daemon.core.sync_frames import OVER_QUOTA, Hello, Refusal
from p2pd_daemon.errors import P2pdError, RemoteProtocolError
from p2pd_daemon.keeper.shelf import Shelf
from p2pd_daemon.net.sync import SyncChannel
from p2pd_daemon.net.tasks import no_groups
from p2pd_daemon.store.kept import KeptSet
from p2pd_daemon.store.kept_store import KeptStore, open_kept

log = logging.getLogger(__name__)

SESSION_S = 900.0  # for a whole session, as in node/reconciler.py
SWEEP_S = 3600.0  # between two looks for what nobody asks for any more
NOTE_ASKED_MS = 3_600_000  # that a room was asked for is written down once in this time
DAY_MS = 86_400_000

BAD_RECORDS = 16  # in one session: a peer's disk may be damaged, what sends more is no honest peer

NOT_DUE = "kept_not_due"
TOO_LARGE = "kept_too_large"

NowMs = Callable[[], int]


@asynccontextmanager
async def open_keeper(path: Path, limits: Limits, now_ms: NowMs) -> AsyncIterator[Keeper]:
    """Opens what is kept in the file at `path`, as `open_kept`; sweeps it while the block runs."""
    async with open_kept(path) as store:
        keeper = Keeper(store, limits, now_ms)
        with no_groups():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(keeper.run)
                yield keeper
                nursery.cancel_scope.cancel()


class Keeper:
    """Made by open_keeper. `dropped` counts, by reason, what it did not keep; it may be replaced by the host's."""

    def __init__(self, store: KeptStore, limits: Limits, now_ms: NowMs) -> None:
        self._store = store
        self._limits = limits
        self._now_ms = now_ms
        self._shelf = Shelf(store)
        self.dropped: Counter[str] = Counter()

    async def run(self) -> None:
        """Gives up what nobody asks for, until cancelled."""
        while self._limits.store_days:
            try:
                await self._expire(self._limits.store_days)
            except P2pdError:
                log.exception("what nobody asks for could not be given up")  # a full disk, perhaps: later
            await trio.sleep(SWEEP_S)

    async def _expire(self, days: int) -> None:
        gone = await self._store.expire(self._now_ms() - days * DAY_MS)
        for set_n in gone:
            self._shelf.forget(set_n)
        if gone:
            log.info("gave up %d rooms that nobody asked for in %d days", len(gone), days)

    async def totals(self) -> KeptTotals:
        return await self._store.totals()

    # Rooms

    async def on_sync(self, channel: SyncChannel) -> None:
        """A session that a peer begins. Raises RemoteProtocolError, NetworkError."""
        hello = await channel.receive()
        if not isinstance(hello, Hello):
            raise RemoteProtocolError(f"a session that begins with {type(hello).__name__}")
        await self.answer(channel, hello)

    async def answer(self, channel: SyncChannel, hello: Hello) -> None:
        """A session that began with this Hello, about a room that this node is not in."""
        kept = await self._store.find_room(hello.tag)
        if hello.count > (kept.records if kept else 0):  # who has no more than is here comes to fetch
            why = await self._store.refusal(channel.peer, kept, self._limits)
            if why:
                self.dropped["kept_refused"] += 1
                await channel.send(Refusal(OVER_QUOTA, why))
                return
        if kept is not None and kept.asked_ms < self._now_ms() - NOTE_ASKED_MS:
            await self._store.touch(kept.n, self._now_ms())
        side = Side(hello.tag, await self._shelf.tree(kept), kept.floor_ts if kept else 0, self._now_ms())
        session = respond(side, hello)
        try:
            with trio.fail_after(SESSION_S):
                await self._drive(session, kept, side, channel, [])
        except trio.TooSlowError:
            log.info("a session with %s took too long", channel.peer)
        finally:
            session.close()

    async def _drive(
        self, session: Session, kept: KeptSet | None, side: Side, channel: SyncChannel, bad: list[str]
    ) -> None:
        outcome: object = None
        while True:
            try:
                effect: Effect = session.send(outcome)
            except StopIteration:
                return
            outcome = None
            match effect:
                case Send(frame):
                    await channel.send(frame)
                case Receive():
                    outcome = await channel.receive()
                case LoadPage(before, floor_ts, max_bytes):
                    outcome = Batch(())
                    if kept is not None:
                        page = await self._store.page(kept.n, before, floor_ts, max_bytes)
                        outcome = Batch(page.raws, page.gone, page.more, page.seen)
                case Load(ids):
                    outcome = Batch(())
                    if kept is not None:
                        found = await self._store.batch(kept.n, ids)
                        outcome = Batch(found.raws, found.gone, seen=found.seen)
                case Peek(raws, gone):
                    outcome = await trio.to_thread.run_sync(_oldest, raws, gone, side.tag)
                case Take(raws, _, seen):
                    outcome = await self._take(raws, seen, side, channel.peer, bad)
                    kept = kept or await self._store.find_room(side.tag)
                case Settle():
                    pass  # what was taken is stored

    async def _take(
        self, raws: tuple[bytes, ...], seen: tuple[int, ...], side: Side, peer: PeerId, bad: list[str]
    ) -> Taken:
        """Keeps what is new, and leaves out what is damaged: RemoteProtocolError after too many of those in a session.

        That a record is gone is not believed: here only its author's delete takes its bytes.
        """
        opened, faults = await trio.to_thread.run_sync(open_room_records, raws, side.tag, seen)
        kept = await self._store.find_room(side.tag)
        known = await self._store.known(kept.n, [one.id for one in opened]) if kept else set()
        fresh = [one for one in opened if one.id not in known and self._may_keep(one)]
        fresh, unsigned = await trio.to_thread.run_sync(verify_kept, fresh)
        self._note_bad(bad, [*faults, *unsigned])
        new: list[tuple[int, bytes]] = []
        if fresh:
            added = await self._store.add_records(
                side.tag, peer, fresh, now_ms=self._now_ms(), limits=self._limits
            )
            new += added.new
            self.dropped.update(added.left_out)
            for set_n in added.cut:
                self._shelf.forget(set_n)
            self._shelf.add(await self._store.find_room(side.tag), new, side.keys)
        return Taken(len(new), len(opened) - len(new))

    def _note_bad(self, bad: list[str], faults: list[str]) -> None:
        if not faults:
            return
        bad += faults
        self.dropped[BAD_RECORD] += len(faults)
        if len(bad) > BAD_RECORDS:
            raise RemoteProtocolError(f"{len(bad)} damaged records, the last one {bad[-1]}")

    def _may_keep(self, one: KeptRecord) -> bool:
        """One of a far future would push out all others, and one above the limit nobody takes."""
        if not is_due(one.ts_ms, self._now_ms()):
            self.dropped[NOT_DUE] += 1
            return False
        if self._limits.record_bytes and len(one.raw) > self._limits.record_bytes:
            self.dropped[TOO_LARGE] += 1
            return False
        return True

    # Direct messages

    async def on_request(self, request: Request, peer: PeerId) -> Response:
        """What a peer asks by /p2pd/store/1.0.0: into any mailbox, out of its own. The connection says who it is."""
        match request:
            case AskAbout():
                return About.of(self._limits)
            case Deposit(mailbox, raws):
                return await self._deposit(mailbox, raws, peer)
            case Fetch(after):
                found, more = await self._store.mail_after(mailbox_tag(peer), after, MAIL_BYTES)
                return Mail(tuple(found), more)
            case Drop(ids):
                await self._store.drop_mail(mailbox_tag(peer), ids)
                return Dropped()

    async def _deposit(self, mailbox: bytes, raws: tuple[bytes, ...], peer: PeerId) -> Deposited:
        status: list[Kept] = []
        reason = ""
        for raw in raws:
            kept, why = await self._deposit_one(mailbox, raw, peer)
            status.append(kept)
            reason = why or reason
        return Deposited(tuple(status), reason)

    async def _deposit_one(self, mailbox: bytes, raw: bytes, peer: PeerId) -> tuple[Kept, str]:
        try:
            one = open_mail(raw)
        except RemoteProtocolError as error:
            self.dropped["mail_invalid"] += 1
            return Kept.NOT_ONE_TO_KEEP, error.message
        if not self._may_keep(one):
            return Kept.OVER_QUOTA, "too large for this store node, or its time has not come"
        why = await self._store.add_mail(mailbox, peer, one, now_ms=self._now_ms(), limits=self._limits)
        if why:
            self.dropped["mail_over_quota"] += 1
            return Kept.OVER_QUOTA, why
        return Kept.KEPT, ""


def _oldest(raws: tuple[bytes, ...], gone: tuple[Place, ...], tag: bytes) -> Place | None:
    places = [(one.ts_ms, one.id) for one in open_room_records(raws, tag)[0]]
    return min([*places, *gone], default=None)
