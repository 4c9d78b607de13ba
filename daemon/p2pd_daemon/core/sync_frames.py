"""Frames of /p2pd/sync/1.0.0 (pb/sync.proto) as frozen structs, without the length prefix (`push.FrameReader`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from google.protobuf.message import DecodeError
from msgspec import Struct

from p2pd_daemon.core.clock import MAX_TS_MS
from p2pd_daemon.core.pb import sync_pb2
from p2pd_daemon.errors import RemoteProtocolError

PROTOCOL_ID = "/p2pd/sync/1.0.0"
ID_BYTES = 32
MAX_WANT = 512  # ids in one Want: 16 KiB
BATCH_BYTES = 262_144  # records in one frame; the first may be larger than what is left of it
FIRST_PAGE_BYTES = 32_768  # a screenful and more: it is read while the rest is on its way
MAX_FRAME_BYTES = 524_288  # of a frame that we take: a batch, one record above it, and the fields round them

NOT_HERE = 1
BUSY = 2
PROTOCOL = 3
OVER_QUOTA = 4  # of a store node: it takes nothing more from this peer, or no further room


class Hello(Struct, frozen=True):
    tag: bytes
    floor_ts: int
    count: int
    newest_ts: int
    now_ms: int


class Refusal(Struct, frozen=True):
    reason: int
    text: str = ""


class PageRequest(Struct, frozen=True):
    before: tuple[int, bytes] | None = None


class Reconcile(Struct, frozen=True):
    message: bytes


class Want(Struct, frozen=True):
    ids: tuple[bytes, ...]


class Records(Struct, frozen=True):
    """`gone` are (ts, id) of records whose author deleted them. `more`: older ones, or another gift, follow. `seen` has
    a time for each raw where records carry none.
    """

    raws: tuple[bytes, ...]
    gone: tuple[tuple[int, bytes], ...] = ()
    more: bool = False
    seen: tuple[int, ...] = ()


class CaughtUp(Struct, frozen=True):
    """The responder, which was far behind, has all the pages it wanted."""


class Done(Struct, frozen=True):
    """Everything that came before is stored."""


Frame: TypeAlias = Hello | Refusal | PageRequest | Reconcile | Want | Records | CaughtUp | Done


def sync_tag(topic: str) -> bytes:
    """How a room is named to a peer, who knows the topic already or learns nothing: 32 bytes."""
    return hashlib.sha256(b"p2pd/1/sync/" + topic.encode()).digest()


def encode_sync_frame(frame: Frame) -> bytes:
    return _message(frame).SerializeToString(deterministic=True)


def _message(frame: Frame) -> sync_pb2.SyncFrame:  # noqa: PLR0911 - one return a kind
    match frame:
        case Hello(tag, floor_ts, count, newest_ts, now_ms):
            hello = sync_pb2.SyncHello(
                tag=tag, floor_ts=floor_ts, count=count, newest_ts=newest_ts, now_ms=now_ms
            )
            return sync_pb2.SyncFrame(hello=hello)
        case Refusal(reason, text):
            return sync_pb2.SyncFrame(refusal=sync_pb2.SyncRefusal(reason=reason, text=text))
        case PageRequest(before):
            ts, record_id = before or (0, b"")
            return sync_pb2.SyncFrame(page=sync_pb2.SyncPageRequest(before_ts=ts, before_id=record_id))
        case Reconcile(message):
            return sync_pb2.SyncFrame(reconcile=message)
        case Want(ids):
            return sync_pb2.SyncFrame(want=sync_pb2.SyncWant(ids=ids))
        case Records(raws, gone, more, seen):
            places = [sync_pb2.SyncGone(ts=ts, id=record_id) for ts, record_id in gone]
            records = sync_pb2.SyncRecords(raw=raws, gone=places, more=more, seen_ms=seen)
            return sync_pb2.SyncFrame(records=records)
        case CaughtUp():
            return sync_pb2.SyncFrame(caught_up=True)
        case Done():
            return sync_pb2.SyncFrame(done=True)


def decode_sync_frame(raw: bytes) -> Frame:  # noqa: PLR0911 - one return a kind
    """RemoteProtocolError when it is none, or breaks a limit."""
    try:
        message = sync_pb2.SyncFrame.FromString(raw)
    except DecodeError:
        raise RemoteProtocolError("not a sync frame") from None
    match message.WhichOneof("frame"):
        case "hello":
            return _hello(message.hello)
        case "refusal":
            return Refusal(message.refusal.reason, message.refusal.text[:256])
        case "page":
            return _page(message.page)
        case "reconcile":
            return Reconcile(message.reconcile)
        case "want":
            return _want(message.want)
        case "records":
            return _records(message.records)
        case "caught_up":
            return CaughtUp()
        case "done":
            return Done()
        case _:
            raise RemoteProtocolError("an empty sync frame")


def _hello(hello: sync_pb2.SyncHello) -> Hello:
    if len(hello.tag) != ID_BYTES:
        raise RemoteProtocolError("a sync tag has 32 bytes")
    if max(hello.floor_ts, hello.newest_ts, hello.now_ms) > MAX_TS_MS:
        raise RemoteProtocolError("a time beyond 2^53")
    return Hello(hello.tag, hello.floor_ts, hello.count, hello.newest_ts, hello.now_ms)


def _page(page: sync_pb2.SyncPageRequest) -> PageRequest:
    if not page.before_id and not page.before_ts:
        return PageRequest()
    return PageRequest(_place(page.before_ts, page.before_id))


def _want(want: sync_pb2.SyncWant) -> Want:
    ids = tuple(want.ids)
    if not 0 < len(ids) <= MAX_WANT or any(len(one) != ID_BYTES for one in ids) or len(set(ids)) != len(ids):
        raise RemoteProtocolError(f"a request for {len(ids)} records, or for what is no id")
    return Want(ids)


def _records(records: sync_pb2.SyncRecords) -> Records:
    gone = tuple(_place(one.ts, one.id) for one in records.gone)
    seen = tuple(records.seen_ms)
    if seen and (len(seen) != len(records.raw) or max(seen) > MAX_TS_MS):
        raise RemoteProtocolError("not one time for each record, or one beyond 2^53")
    return Records(tuple(records.raw), gone, records.more, seen)


def _place(ts: int, record_id: bytes) -> tuple[int, bytes]:
    if ts > MAX_TS_MS or len(record_id) != ID_BYTES:
        raise RemoteProtocolError("no place of a record")
    return ts, record_id


def in_wants(ids: Sequence[bytes]) -> Iterator[tuple[bytes, ...]]:
    """As many ids at a time as one `Want` may name."""
    for start in range(0, len(ids), MAX_WANT):
        yield tuple(ids[start : start + MAX_WANT])


def in_frames(raws: Iterable[bytes]) -> Iterator[tuple[bytes, ...]]:
    """As many records at a time as fit into one `Records`."""
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
