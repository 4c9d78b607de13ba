"""Shapes of the control API for exports. The file format is described in PROTOCOL.md: a line of it is one of these, as
JSON, without the fields that have no value.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from .asked import PeerRef, RoomName

RecordId = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Milliseconds = Annotated[int, Meta(ge=1, le=2**53 - 1)]


class ExportManifest(msgspec.Struct, frozen=True):
    """The first line of an export: what the node `by` signed to have had at `exported_ms`.

    `room` is null and `peer` set for a direct conversation. `since_ms` and `after` (a record id) say that only a part
    was asked for.
    """

    p2pd_export: int
    room: str | None
    peer: str | None
    topic: str
    exported_ms: int
    by: str
    since_ms: int | None
    after: str | None
    count: int
    first_ts_ms: int | None
    last_ts_ms: int | None
    records_sha256: str
    signature: str


class ExportLine(msgspec.Struct, frozen=True, omit_defaults=True, rename={"from_": "from"}):
    """One record: `raw` (base64) are its exact signed bytes, the rest says for people what is in them.

    Of a deleted one there is only its place and `gone`. `opened_sha256` protects what is shown of a sealed one.
    """

    id: str
    ts_ms: int
    from_: str = ""
    kind: str = ""
    text: str | None = None
    raw: str | None = None
    opened_sha256: str | None = None
    gone: bool = False


class ExportPage(msgspec.Struct, frozen=True):
    """A part of an export, in order. The first page has the manifest; the last one has no `next`."""

    manifest: ExportManifest | None
    lines: list[ExportLine]
    next: str | None


class Gone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The place of a record whose author deleted it."""

    id: RecordId
    ts_ms: Milliseconds


class Skipped(msgspec.Struct, frozen=True):
    """A record (by its index in the request) that was not taken, and why."""

    index: int
    reason: str


class Imported(msgspec.Struct, frozen=True):
    """What became of a batch: `new` records, and `known` ones that were here already.

    `room` is null and `peer` set for a direct conversation. A room that was not `joined` is known now, and no more.
    """

    room: str | None
    peer: str | None
    joined: bool
    new: int
    known: int
    skipped: list[Skipped]
    gone_skipped: list[Skipped]


class ExportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Exactly one of `room`, `peer` and `target` for the first page; then only `cursor`: `next` of the one before."""

    room: RoomName | None = None
    peer: PeerRef | None = None
    target: PeerRef | None = None
    since_ms: Milliseconds | None = None
    after: RecordId | None = None
    cursor: Annotated[str, Meta(max_length=2048)] | None = None


class ImportRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Records (`raw` of an export, base64) of one topic. `peers`: who a direct conversation is between. `seen_ms`: the
    `ts_ms` of each line, which counts where records carry no time (rooms of other people's formats).
    """

    topic: Annotated[str, Meta(min_length=1, max_length=1024)]
    records: Annotated[list[str], Meta(max_length=1000)] = []
    gone: Annotated[list[Gone], Meta(max_length=10_000)] = []
    peers: Annotated[list[str], Meta(max_length=2)] = []
    seen_ms: Annotated[list[Milliseconds], Meta(max_length=1000)] = []
