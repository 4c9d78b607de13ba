"""One session of /p2pd/sync/1.0.0, without I/O: afterwards both sides have the same records of a room.

A session is a generator. It yields what it wants done (`Send`, `Receive`, `Take`, … in `sync_effects.py`), is sent the
outcome, and returns a `SyncResult`; whoever drives it owns the stream, the store and the time limits. So the same
code runs over a libp2p stream and in a simulation. Raises RemoteProtocolError when the peer breaks the protocol.

    initiator                                        responder
    Hello ─────────────────────────────────────────► Hello or Refusal
    the side that is far behind pulls pages, newest first;
    the responder when a second Hello invites it to
    Reconcile ─────────────────────────────────────► Reconcile, and so on: Negentropy
    Want ──────────────────────────────────────────► Records, until all that we lack is here
    Records (what the responder lacks) ────────────►
    Done ──────────────────────────────────────────► Done: all of it is stored

Who pulls asks for the next records before it stores those that came. Whatever a peer says, a session ends: what is
asked of us, and what answers us, is counted against what an honest peer needs.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, TypeAlias, TypeVar

from p2pd_daemon.core.reconcile import ClientState, ReconcileClient, ReconcileServer
from p2pd_daemon.core.sync_effects import (
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
    SyncResult,
    Take,
    Taken,
)
from p2pd_daemon.core.sync_frames import (
    BATCH_BYTES,
    BUSY,
    FIRST_PAGE_BYTES,
    CaughtUp,
    Done,
    Frame,
    Hello,
    PageRequest,
    Reconcile,
    Records,
    Refusal,
    Want,
    in_frames,
    in_wants,
)
from p2pd_daemon.errors import RemoteProtocolError

__all__ = [
    "Batch",
    "Effect",
    "Load",
    "LoadPage",
    "Peek",
    "Place",
    "Receive",
    "Send",
    "Session",
    "Settle",
    "Side",
    "SyncResult",
    "Take",
    "Taken",
    "far_behind",
    "initiate",
    "respond",
]

# A side with less than half of the other's records pulls them page by page before the sets are compared: newest
# first, so that a person sees the end of the room at once. Below this difference comparing is as quick.
FAR_BEHIND = 1000

Part: TypeAlias = Generator[Effect, Any, None]
F = TypeVar("F", bound=Frame)


def initiate(mine: Side) -> Session:
    """Our side of a session that we begin."""
    result = SyncResult()
    yield Send(mine.hello())
    theirs = yield Receive()
    if _is_refused(theirs, result):
        return result
    theirs = _expect(theirs, Hello)
    floor_ts = _agree(mine, theirs, result)
    if far_behind(mine.count(floor_ts), theirs.count):
        yield from _pull_pages(theirs, floor_ts, result)
        yield Settle()
    elif far_behind(theirs.count, mine.count(floor_ts)):
        yield Send(mine.hello(floor_ts))
        yield from _serve_pages(_Allowance(mine), floor_ts, result)
        if result.refused:
            return result
    client = ReconcileClient(mine.keys, floor_ts=floor_ts)
    likely_equal = mine.count(floor_ts) == theirs.count
    have, need = yield from _compare(client, result, whole=likely_equal)
    yield from _fetch(need, result)
    yield Settle()
    yield from _give(have, result)
    yield Send(Done())
    _expect((yield Receive()), Done)
    result.complete = client.state is ClientState.COMPLETE
    return result


def respond(mine: Side, theirs: Hello) -> Session:
    """Our side of a session that began with their Hello."""
    result = SyncResult()
    yield Send(mine.hello(theirs.floor_ts))
    floor_ts = _agree(mine, theirs, result)
    invited = False
    server = ReconcileServer(mine.keys, floor_ts=floor_ts)
    allowance = _Allowance(mine)
    while True:
        frame = yield Receive()
        match frame:
            case Hello() if not invited:
                invited = True
                yield from _pull_pages(frame, floor_ts, result)
                yield Settle()
                yield Send(CaughtUp())
            case PageRequest(before):
                yield from _answer_page(before, allowance, floor_ts, result)
            case Reconcile(message):
                result.rounds += 1
                yield Send(Reconcile(server.answer(message)))
            case Want(ids):
                allowance.spend(len(ids))
                yield from _send_records(ids, result)
            case Records():
                yield from _take(frame, result)
            case Done():
                yield Settle()
                yield Send(Done())
                result.complete = True
                return result
            case _:
                raise RemoteProtocolError(f"a {type(frame).__name__} frame where none belongs")


def far_behind(count: int, others: int) -> bool:
    """Whether the side with `count` records pulls pages from the one with `others`: the initiator decides, as it knows
    both counts above the common floor. Never true both ways.
    """
    return others > 0 and (count == 0 or (2 * count < others and others - count >= FAR_BEHIND))


def _agree(mine: Side, theirs: Hello, result: SyncResult) -> int:
    if theirs.tag != mine.tag:
        raise RemoteProtocolError("the peer speaks of another room")
    result.clock_ms = theirs.now_ms - mine.now_ms
    return max(mine.floor_ts, theirs.floor_ts)


def _is_refused(frame: Frame, result: SyncResult) -> bool:
    if isinstance(frame, Refusal):
        result.refused = frame.text or f"reason {frame.reason}"
        result.busy = frame.reason == BUSY
    return isinstance(frame, Refusal)


class _Allowance:
    """What a peer may ask of us in one session: every record once by pages and once by name, and some slack."""

    def __init__(self, mine: Side) -> None:
        self._keys = mine.keys
        self._spent = 0

    def spend(self, records: int) -> None:
        self._spent += max(1, records)
        if self._spent > 2 * len(self._keys) + FAR_BEHIND:
            raise RemoteProtocolError("the peer asks for more records than there are")


# Pages


def _pull_pages(theirs: Hello, floor_ts: int, result: SyncResult) -> Part:
    """Newest first, until a page holds nothing new: what is left is for the comparison."""
    before: Place | None = None
    going = True
    left = theirs.count + FAR_BEHIND  # records that come meanwhile make it more than it said
    yield Send(PageRequest())
    while True:
        page = _expect((yield Receive()), Records)
        if not page.raws and not page.gone:
            return
        oldest: Place | None = yield Peek(page.raws, page.gone)
        if oldest is None or oldest[0] < floor_ts or (before is not None and oldest >= before):
            raise RemoteProtocolError("a page with records from elsewhere")
        before = oldest
        left -= len(page.raws) + len(page.gone)
        asked = going and page.more and left > 0
        if asked:
            yield Send(PageRequest(before))
        taken = yield from _take(page, result)
        if not asked:
            return
        going = taken.new > 0


def _serve_pages(allowance: _Allowance, floor_ts: int, result: SyncResult) -> Part:
    while not isinstance(frame := (yield Receive()), CaughtUp):
        if _is_refused(frame, result):
            return
        yield from _answer_page(_expect(frame, PageRequest).before, allowance, floor_ts, result)


def _answer_page(before: Place | None, allowance: _Allowance, floor_ts: int, result: SyncResult) -> Part:
    batch = yield LoadPage(before, floor_ts, BATCH_BYTES if before else FIRST_PAGE_BYTES)
    allowance.spend(len(batch.raws) + len(batch.gone))
    result.gave += len(batch.raws)
    yield Send(Records(batch.raws, batch.gone, batch.more, batch.seen))


# Comparing, and what follows from it


def _compare(
    client: ReconcileClient, result: SyncResult, *, whole: bool
) -> Generator[Effect, Any, tuple[list[bytes], list[bytes]]]:
    """(ids that only we have, ids that only they have), each about newest first."""
    have: list[bytes] = []
    need: list[bytes] = []
    message: bytes | None = client.initiate(whole=whole)
    while message is not None:
        result.rounds += 1
        yield Send(Reconcile(message))
        found = client.handle(_expect((yield Receive()), Reconcile).message)
        have += found.have
        need += found.need
        message = found.reply
    have.reverse()
    need.reverse()
    return have, need


def _fetch(need: Sequence[bytes], result: SyncResult) -> Part:
    waiting = in_wants(need)
    ids = next(waiting, None)
    if ids is not None:
        yield Send(Want(ids))
    while ids is not None:
        left, more = len(ids), True
        while more:
            records = _expect((yield Receive()), Records)
            more = records.more
            left -= len(records.raws) + len(records.gone)
            if left < 0 or (more and not records.raws):
                raise RemoteProtocolError("an answer with more than was asked for")
            if not more and (ids := next(waiting, None)) is not None:
                yield Send(Want(ids))
            yield from _take(records, result)


def _give(have: Sequence[bytes], result: SyncResult) -> Part:
    for ids in in_wants(have):
        yield from _send_records(ids, result)


def _send_records(ids: tuple[bytes, ...], result: SyncResult) -> Part:
    """All that we have of them, in as many frames as it takes; the last one says so."""
    batch = yield Load(ids)
    result.gave += len(batch.raws)
    frames = list(in_frames(batch.raws)) or [()]
    at = 0
    for index, raws in enumerate(frames):
        last = index == len(frames) - 1
        seen = batch.seen[at : at + len(raws)]
        at += len(raws)
        yield Send(Records(raws, batch.gone if last else (), more=not last, seen=seen))


def _take(records: Records, result: SyncResult) -> Generator[Effect, Any, Taken]:
    if not records.raws and not records.gone:
        return Taken(0, 0)
    taken: Taken = yield Take(records.raws, records.gone, records.seen)
    result.got += taken.new
    return taken


def _expect(frame: Frame, kind: type[F]) -> F:
    if isinstance(frame, Refusal):
        raise RemoteProtocolError(f"the peer ended the session: {frame.text or f'reason {frame.reason}'}")
    if not isinstance(frame, kind):
        raise RemoteProtocolError(f"a {type(frame).__name__} frame where a {kind.__name__} belongs")
    return frame
