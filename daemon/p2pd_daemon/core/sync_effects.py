"""What a session of /p2pd/sync/1.0.0 asks of whoever drives it, what it is told, and what comes out of it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeAlias

from msgspec import Struct

from p2pd_daemon.core.reconcile_storage import KeyTree
from p2pd_daemon.core.sync_frames import Frame, Hello

Place: TypeAlias = tuple[int, bytes]  # (ts, id) of a record


class Send(Struct, frozen=True):
    frame: Frame


class Receive(Struct, frozen=True):
    """Wants the peer's next frame."""


class LoadPage(Struct, frozen=True):
    """Wants a `Batch`: the newest records before a place and not before `floor_ts`, about `max_bytes` of them."""

    before: Place | None
    floor_ts: int
    max_bytes: int


class Load(Struct, frozen=True):
    """Wants a `Batch` of these records; those that are not here are left out."""

    ids: tuple[bytes, ...]


class Peek(Struct, frozen=True):
    """Wants the oldest `Place` of these, None with none: a look, before they are checked and stored."""

    raws: tuple[bytes, ...]
    gone: tuple[Place, ...]


class Take(Struct, frozen=True):
    """Wants these checked, and a `Taken`. They may be stored while the session goes on. `seen` as in `Batch`."""

    raws: tuple[bytes, ...]
    gone: tuple[Place, ...]
    seen: tuple[int, ...] = ()


class Settle(Struct, frozen=True):
    """Wants all that was taken to be stored."""


Effect: TypeAlias = Send | Receive | LoadPage | Load | Peek | Take | Settle


class Batch(Struct, frozen=True):
    raws: tuple[bytes, ...]
    gone: tuple[Place, ...] = ()
    more: bool = False  # of a page: there are older ones
    seen: tuple[int, ...] = ()  # where records carry no time: one for each raw, when it was first seen


class Taken(Struct, frozen=True):
    new: int
    known: int


class Side(Struct):
    """Our side: the room's tag, the places of its records, the floor below which we keep none, and our clock."""

    tag: bytes
    keys: KeyTree
    floor_ts: int
    now_ms: int

    def count(self, floor_ts: int) -> int:
        return len(self.keys) - self.keys.seek(floor_ts.to_bytes(8)).before

    def hello(self, their_floor_ts: int = 0) -> Hello:
        """Counts what is above both floors, where theirs is known."""
        newest = self.keys.newest
        newest_ts = newest[0] if newest and newest[0] >= self.floor_ts else 0
        return Hello(
            self.tag, self.floor_ts, self.count(max(self.floor_ts, their_floor_ts)), newest_ts, self.now_ms
        )


class SyncResult(Struct):
    """`complete`: at the end both sides had all that the other had at the start. `clock_ms`: their clock less ours."""

    got: int = 0  # records that were new to us
    gave: int = 0  # records that we sent
    rounds: int = 0  # of reconciliation
    complete: bool = False
    refused: str = ""  # why the peer did not begin
    busy: bool = False  # it did not because it is busy: ask again later
    clock_ms: int = 0


Session: TypeAlias = Generator[Effect, Any, SyncResult]
