"""One session of /p2pd/sync/1.0.0, without I/O: afterwards both sides have the same records of a room.

A session is a generator. It yields what it wants done (`Send`, `Receive`, `LoadPage`, `Load`, `Take`), is sent the
outcome, and returns a `SyncResult`; whoever drives it owns the stream, the store and the time limits. So the same code
runs over a libp2p stream and in a simulation. Raises RemoteProtocolError when the peer breaks the protocol.

    initiator                                        responder
    Hello ─────────────────────────────────────────► Hello or Refusal
    the side that is far behind pulls pages, newest first
    Reconcile ─────────────────────────────────────► Reconcile, and so on: Negentropy
    Want ──────────────────────────────────────────► Records, until all that we lack is here
    Records (what the responder lacks) ────────────►
    Done ──────────────────────────────────────────► Done: all of it is stored
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from p2pd_daemon.core.reconcile import ClientState, ReconcileClient, ReconcileServer
from p2pd_daemon.core.reconcile_storage import KeyTree
from p2pd_daemon.core.sync_frames import (
    BATCH_BYTES,
    MAX_WANT,
    CaughtUp,
    Done,
    Frame,
    Hello,
    PageRequest,
    Reconcile,
    Records,
    Refusal,
    Want,
)
from p2pd_daemon.errors import RemoteProtocolError

# A side with less than half of the other's records pulls them page by page before the sets are compared: newest
# first, so that a person sees the end of the room at once. Below this difference comparing is as quick.
FAR_BEHIND = 1000

Place: TypeAlias = tuple[int, bytes]  # (ts, id) of a record


@dataclass(frozen=True, slots=True)
class Send:
    frame: Frame


@dataclass(frozen=True, slots=True)
class Receive:
    """Wants the peer's next frame."""


@dataclass(frozen=True, slots=True)
class LoadPage:
    """Wants a `Batch`: the newest records before a place and not before `floor_ts`, about `max_bytes` of them."""

    before: Place | None
    floor_ts: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Load:
    """Wants a `Batch` of these records; those that are not here are left out."""

    ids: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Take:
    """Wants these checked and stored, and a `Taken`."""

    raws: tuple[bytes, ...]
    gone: tuple[Place, ...]


Effect: TypeAlias = Send | Receive | LoadPage | Load | Take


@dataclass(frozen=True, slots=True)
class Batch:
    raws: tuple[bytes, ...]
    gone: tuple[Place, ...] = ()
    more: bool = False  # of a page: there are older ones


@dataclass(frozen=True, slots=True)
class Taken:
    new: int
    known: int
    oldest: Place | None  # of all of them; None with none


@dataclass(slots=True)
class Side:
    """Our side: the room's tag, the places of its records, the floor below which we keep none, and our clock."""

    tag: bytes
    keys: KeyTree
    floor_ts: int
    now_ms: int

    def count(self, floor_ts: int) -> int:
        return len(self.keys) - self.keys.seek(floor_ts.to_bytes(8)).before

    def hello(self) -> Hello:
        newest = self.keys.newest
        newest_ts = newest[0] if newest and newest[0] >= self.floor_ts else 0
        return Hello(self.tag, self.floor_ts, self.count(self.floor_ts), newest_ts, self.now_ms)


@dataclass(slots=True)
class SyncResult:
    """`complete`: at the end both sides had all that the other had at the start. `clock_ms`: their clock less ours."""

    got: int = 0  # records that were new to us
    gave: int = 0  # records that we sent
    rounds: int = 0  # of reconciliation
    complete: bool = False
    refused: str = ""
    clock_ms: int = 0


Session: TypeAlias = Generator[Effect, Any, SyncResult]
Part: TypeAlias = Generator[Effect, Any, None]
F = TypeVar("F", bound=Frame)


def initiate(mine: Side) -> Session:
    """Our side of a session that we begin."""
    result = SyncResult()
    yield Send(mine.hello())
    theirs = yield Receive()
    if isinstance(theirs, Refusal):
        result.refused = theirs.text or f"reason {theirs.reason}"
        return result
    theirs = _expect(theirs, Hello)
    floor_ts = _agree(mine, theirs, result)
    if far_behind(mine.count(floor_ts), theirs.count):
        yield from _pull_pages(theirs, floor_ts, result)
    elif far_behind(theirs.count, mine.count(floor_ts)):
        yield from _serve_pages(floor_ts, result)
    client = ReconcileClient(mine.keys, floor_ts=floor_ts)
    have, need = yield from _compare(client, result)
    yield from _fetch(need, result)
    yield from _give(have, result)
    yield Send(Done())
    _expect((yield Receive()), Done)
    result.complete = client.state is ClientState.COMPLETE
    return result


def respond(mine: Side, theirs: Hello) -> Session:
    """Our side of a session that began with their Hello."""
    result = SyncResult()
    yield Send(mine.hello())
    floor_ts = _agree(mine, theirs, result)
    if far_behind(mine.count(floor_ts), theirs.count):
        yield from _pull_pages(theirs, floor_ts, result)
        yield Send(CaughtUp())
    server = ReconcileServer(mine.keys, floor_ts=floor_ts)
    while True:
        frame = yield Receive()
        match frame:
            case PageRequest(before):
                yield from _answer_page(before, floor_ts, result)
            case Reconcile(message):
                result.rounds += 1
                yield Send(Reconcile(server.answer(message)))
            case Want(ids):
                yield from _answer_want(ids, result)
            case Records(raws, gone):
                yield from _take(raws, gone, result)
            case Done():
                yield Send(Done())
                result.complete = True
                return result
            case _:
                raise RemoteProtocolError(f"a {type(frame).__name__} frame where none belongs")


def far_behind(count: int, others: int) -> bool:
    """Whether the side with `count` records pulls pages from the one with `others`. Never true both ways."""
    return others > 0 and (count == 0 or (2 * count < others and others - count >= FAR_BEHIND))


def _agree(mine: Side, theirs: Hello, result: SyncResult) -> int:
    if theirs.tag != mine.tag:
        raise RemoteProtocolError("the peer speaks of another room")
    result.clock_ms = theirs.now_ms - mine.now_ms
    return max(mine.floor_ts, theirs.floor_ts)


# Pages


def _pull_pages(theirs: Hello, floor_ts: int, result: SyncResult) -> Part:
    """Newest first, until a page holds nothing new: what is left is for the comparison."""
    before: Place | None = None
    taken_in_all = 0
    while True:
        yield Send(PageRequest(before))
        page = _expect((yield Receive()), Records)
        if not page.raws and not page.gone:
            return
        taken = yield from _take(page.raws, page.gone, result)
        oldest = taken.oldest
        if oldest is None or oldest[0] < floor_ts or (before is not None and oldest >= before):
            raise RemoteProtocolError("a page with records from elsewhere")
        taken_in_all += taken.new + taken.known
        if not page.more or not taken.new or taken_in_all > theirs.count + FAR_BEHIND:
            return
        before = oldest


def _serve_pages(floor_ts: int, result: SyncResult) -> Part:
    while not isinstance(frame := (yield Receive()), CaughtUp):
        yield from _answer_page(_expect(frame, PageRequest).before, floor_ts, result)


def _answer_page(before: Place | None, floor_ts: int, result: SyncResult) -> Part:
    batch = yield LoadPage(before, floor_ts, BATCH_BYTES)
    result.gave += len(batch.raws)
    yield Send(Records(batch.raws, batch.gone, batch.more))


# Comparing, and what follows from it


def _compare(
    client: ReconcileClient, result: SyncResult
) -> Generator[Effect, Any, tuple[list[bytes], list[bytes]]]:
    """(ids that only we have, ids that only they have), each about newest first."""
    have: list[bytes] = []
    need: list[bytes] = []
    message: bytes | None = client.initiate()
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
    for ids in _slices(need):
        yield Send(Want(ids))
        while True:
            records = _expect((yield Receive()), Records)
            yield from _take(records.raws, records.gone, result)
            if not records.more:
                break


def _give(have: Sequence[bytes], result: SyncResult) -> Part:
    for ids in _slices(have):
        yield from _answer_want(ids, result)


def _answer_want(ids: tuple[bytes, ...], result: SyncResult) -> Part:
    """All that we have of them, in as many frames as it takes; the last one says so."""
    batch = yield Load(ids)
    result.gave += len(batch.raws)
    frames = list(_by_size(batch.raws)) or [()]
    for index, raws in enumerate(frames):
        last = index == len(frames) - 1
        yield Send(Records(raws, batch.gone if last else (), more=not last))


def _take(
    raws: tuple[bytes, ...], gone: tuple[Place, ...], result: SyncResult
) -> Generator[Effect, Any, Taken]:
    if not raws and not gone:
        return Taken(0, 0, None)
    taken: Taken = yield Take(raws, gone)
    result.got += taken.new
    return taken


def _expect(frame: Frame, kind: type[F]) -> F:
    if not isinstance(frame, kind):
        raise RemoteProtocolError(f"a {type(frame).__name__} frame where a {kind.__name__} belongs")
    return frame


def _slices(ids: Sequence[bytes]) -> Iterator[tuple[bytes, ...]]:
    for start in range(0, len(ids), MAX_WANT):
        yield tuple(ids[start : start + MAX_WANT])


def _by_size(raws: Iterable[bytes]) -> Iterator[tuple[bytes, ...]]:
    part: list[bytes] = []
    size = 0
    for raw in raws:
        if part and size + len(raw) > BATCH_BYTES:
            yield tuple(part)
            part, size = [], 0
        part.append(raw)
        size += len(raw)
    if part:
        yield tuple(part)
