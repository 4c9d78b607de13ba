"""Two sides of a session of reconciliation in memory, driven frame by frame, for the tests of core/sync.py.

A "record" here is `ts (8 bytes) ‖ id (32) ‖ filling`: what is signed and how it is checked is tested elsewhere.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from p2pd_daemon.core.reconcile_storage import KeyTree
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
    SyncResult,
    Take,
    Taken,
    initiate,
    respond,
)
from p2pd_daemon.core.sync_frames import Frame, Hello, decode_sync_frame, encode_sync_frame, sync_tag
from p2pd_daemon.errors import RemoteProtocolError

TAG = sync_tag("p2pd/1/test")
NOW_MS = 1_800_000_000_000
PAGE_RECORDS = 20  # of a test's page, so that few records make many
MOST_STEPS = 20_000  # of one session: beyond it would be for ever


def raw_of(number: int, ts_ms: int | None = None, filling: int = 0) -> bytes:
    ts = NOW_MS - 10_000_000 + number * 1000 if ts_ms is None else ts_ms
    return ts.to_bytes(8) + hashlib.sha256(number.to_bytes(8)).digest() + bytes(filling)


def place_of(raw: bytes) -> Place:
    if len(raw) < 40:
        raise RemoteProtocolError("not a record")
    return int.from_bytes(raw[:8]), raw[8:40]


@dataclass
class Peer:
    """One node's set. `deleted` are ids whose body it dropped; it takes a place without body for `believed` ids."""

    floor_ts: int = 0
    page_records: int = PAGE_RECORDS
    raws: dict[bytes, bytes | None] = field(default_factory=dict)
    tree: KeyTree = field(default_factory=KeyTree)
    believed: set[bytes] = field(default_factory=set)
    takes: int = 0
    waiting: list[Place] = field(default_factory=list)  # taken, not in the tree before it is settled

    @classmethod
    def of(cls, raws: Iterable[bytes], **more: int) -> Peer:
        peer = cls(**more)
        for raw in raws:
            peer.keep(raw)
        return peer

    def keep(self, raw: bytes) -> None:
        place = place_of(raw)
        self.raws[place[1]] = raw
        self.tree.insert(*place)

    def drop(self, number: int) -> None:
        """The body; the place stays."""
        self.raws[place_of(raw_of(number))[1]] = None
        self.believed.add(place_of(raw_of(number))[1])

    def side(self) -> Side:
        return Side(TAG, self.tree, self.floor_ts, NOW_MS)

    @property
    def places(self) -> set[Place]:
        """All that is not below the floor."""
        return {place for place in self.tree.items() if place[0] >= self.floor_ts}

    def settle(self) -> None:
        for place in self.waiting:
            self.tree.insert(*place)
        self.waiting.clear()

    def do(self, effect: Effect) -> object:
        match effect:
            case LoadPage(before, floor_ts, _):
                return self._page(before, floor_ts)
            case Load(ids):
                return self._batch([one for one in ids if one in self.raws])
            case Peek(raws, gone):
                return min([*map(place_of, raws), *gone], default=None)
            case Take(raws, gone):
                return self._take(raws, gone)
            case Settle():
                self.settle()
        return None

    def _page(self, before: Place | None, floor_ts: int) -> Batch:
        older = [place for place in self.tree.items() if before is None or place < before]
        places = [place for place in reversed(older) if place[0] >= floor_ts]
        batch = self._batch([one for _, one in places[: self.page_records]])
        return Batch(batch.raws, batch.gone, more=len(places) > self.page_records)

    def _batch(self, ids: Iterable[bytes]) -> Batch:
        listed = list(ids)
        places = {one: ts for ts, one in self.tree.items()}
        gone = [(places[one], one) for one in listed if self.raws[one] is None]
        return Batch(tuple(raw for one in listed if (raw := self.raws[one]) is not None), tuple(gone))

    def _take(self, raws: tuple[bytes, ...], gone: tuple[Place, ...]) -> Taken:
        self.takes += 1
        self.settle()  # as the daemon does: at most one batch is under way
        new = 0
        for raw in raws:
            place = place_of(raw)
            if place[1] not in self.raws and place[0] >= self.floor_ts:
                new += 1
                self.raws[place[1]] = raw
                self.waiting.append(place)
        for place in gone:
            if place[1] in self.believed and place[1] not in self.raws:
                self.raws[place[1]] = None
                self.waiting.append(place)
        return Taken(new, len(raws) - new)


class CutOff(Exception):
    """The stream ended."""


class BothWait(Exception):
    """Each side waits for the other's next frame."""


Change = Callable[[int, Frame], Frame]  # (who sends: 0 initiator, 1 responder; what) → what arrives


@dataclass
class Link:
    """One session between two peers. `cut_after` frames the stream is gone; `change` is what a liar sends instead."""

    peers: tuple[Peer, Peer]
    cut_after: int | None = None
    change: Change | None = None
    frames: list[tuple[int, Frame]] = field(default_factory=list)
    size: int = 0

    def run(self) -> list[SyncResult]:
        """The results of initiator and responder. Raises CutOff, RemoteProtocolError."""
        self._queues: tuple[deque[bytes], deque[bytes]] = (deque(), deque())
        self._results: list[SyncResult | None] = [None, None]
        sessions: list[Session | None] = [initiate(self.peers[0].side()), None]
        try:
            self._advance(0, sessions[0], None)
            for _ in range(MOST_STEPS):
                if all(self._results):
                    return [result for result in self._results if result is not None]
                at = 0 if self._queues[0] and self._results[0] is None else 1
                if not self._queues[at]:
                    raise BothWait
                frame = decode_sync_frame(self._queues[at].popleft())
                if sessions[at] is None:
                    if not isinstance(frame, Hello):
                        raise RemoteProtocolError("no Hello")
                    sessions[at] = respond(self.peers[at].side(), frame)
                    self._advance(at, sessions[at], None)
                else:
                    self._advance(at, sessions[at], frame)
            raise AssertionError("the session does not end")
        finally:
            for peer in self.peers:
                peer.settle()  # what was taken is stored, also when the session is cut
            for session in sessions:
                if session is not None:
                    session.close()

    def _advance(self, at: int, session: Session | None, outcome: object) -> None:
        """Until it waits for a frame, or is over."""
        assert session is not None
        try:
            while not isinstance(effect := session.send(outcome), Receive):
                outcome = None
                if isinstance(effect, Send):
                    self._send(at, effect.frame)
                else:
                    outcome = self.peers[at].do(effect)
        except StopIteration as stop:
            self._results[at] = stop.value

    def _send(self, at: int, frame: Frame) -> None:
        if self.cut_after is not None and len(self.frames) >= self.cut_after:
            raise CutOff
        sent = self.change(at, frame) if self.change else frame
        self.frames.append((at, sent))
        raw = encode_sync_frame(sent)
        self.size += len(raw)
        self._queues[1 - at].append(raw)


def sync(one: Peer, other: Peer) -> list[SyncResult]:
    """A whole session."""
    return Link((one, other)).run()
