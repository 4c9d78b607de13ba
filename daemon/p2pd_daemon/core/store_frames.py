"""Frames of /p2pd/store/1.0.0 (pb/store.proto): how direct messages wait at a store node. Without length prefix.

A mailbox is filled by anybody and read only by its owner, who is not named in a request: it is who asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TypeAlias

from google.protobuf.message import DecodeError
from msgspec import Struct

from p2pd_daemon.core.clock import MAX_TS_MS
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.pb import store_pb2
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.sync_frames import ID_BYTES, sync_tag
from p2pd_daemon.errors import RemoteProtocolError

PROTOCOL_ID = "/p2pd/store/1.0.0"
MAX_DEPOSIT = 64  # records in one request
MAX_DROP = 512  # ids in one request: 16 KiB
MAIL_BYTES = 262_144  # records in one answer; the first may be larger than what is left of it
MAX_REQUEST_BYTES = 2_097_152  # 64 records of 16 KiB, and as much again for larger limits
MAX_RESPONSE_BYTES = 524_288
MAX_TEXT_BYTES = 256


class Kept(IntEnum):
    """What became of a deposited record."""

    KEPT = 1  # now or before
    OVER_QUOTA = 2  # may be tried again later
    NOT_ONE_TO_KEEP = 3  # no sealed record with its author's signature


class AskAbout(Struct, frozen=True):
    """What are your quotas?"""


class Deposit(Struct, frozen=True):
    mailbox: bytes
    raws: tuple[bytes, ...]


class Fetch(Struct, frozen=True):
    """The oldest of what waits for the one who asks, after a place."""

    after: tuple[int, bytes] | None = None


class Drop(Struct, frozen=True):
    """The one who asks has these, or does not want them."""

    ids: tuple[bytes, ...]


class About(Struct, frozen=True):
    """Quotas; 0 is no limit."""

    room_bytes: int
    room_records: int
    peer_rooms: int
    peer_bytes: int
    mailbox_bytes: int
    sender_records: int
    days: int

    @classmethod
    def of(cls, limits: Limits) -> About:
        return cls(
            limits.store_room_bytes,
            limits.store_room_records,
            limits.store_peer_rooms,
            limits.store_peer_bytes,
            limits.store_mailbox_bytes,
            limits.store_sender_records,
            limits.store_days,
        )


class Deposited(Struct, frozen=True):
    status: tuple[Kept, ...]
    reason: str = ""


class Mail(Struct, frozen=True):
    raws: tuple[bytes, ...]
    more: bool = False


class Dropped(Struct, frozen=True):
    """It is done."""


class StoreRefusal(Struct, frozen=True):
    text: str


Request: TypeAlias = AskAbout | Deposit | Fetch | Drop
Response: TypeAlias = About | Deposited | Mail | Dropped | StoreRefusal


def mailbox_tag(peer: PeerId) -> bytes:
    """How the mailbox of a peer is named to a store node, which learns whose it is when the peer comes for it."""
    return sync_tag(f"p2pd/1/mailbox/{peer}")


def encode_request(request: Request) -> bytes:
    match request:
        case AskAbout():
            message = store_pb2.StoreRequest(about=True)
        case Deposit(mailbox, raws):
            message = store_pb2.StoreRequest(deposit=store_pb2.StoreDeposit(mailbox=mailbox, raw=raws))
        case Fetch(after):
            ts, record_id = after or (0, b"")
            message = store_pb2.StoreRequest(fetch=store_pb2.StoreFetch(after_ts=ts, after_id=record_id))
        case Drop(ids):
            message = store_pb2.StoreRequest(drop=store_pb2.StoreDrop(ids=ids))
    return message.SerializeToString(deterministic=True)


def decode_request(raw: bytes) -> Request:
    """RemoteProtocolError when it is none, or breaks a limit."""
    try:
        message = store_pb2.StoreRequest.FromString(raw)
    except DecodeError:
        raise RemoteProtocolError("not a request to a store node") from None
    match message.WhichOneof("request"):
        case "about":
            return AskAbout()
        case "deposit":
            return _deposit(message.deposit)
        case "fetch":
            return _fetch(message.fetch)
        case "drop":
            return Drop(_ids(message.drop.ids))
        case _:
            raise RemoteProtocolError("an empty request to a store node")


def encode_response(response: Response) -> bytes:
    match response:
        case About():
            about = store_pb2.StoreAbout(
                room_bytes=response.room_bytes,
                room_records=response.room_records,
                peer_rooms=response.peer_rooms,
                peer_bytes=response.peer_bytes,
                mailbox_bytes=response.mailbox_bytes,
                sender_records=response.sender_records,
                days=response.days,
            )
            message = store_pb2.StoreResponse(about=about)
        case Deposited(status, reason):
            deposited = store_pb2.StoreDeposited(status=status, reason=_cut(reason))
            message = store_pb2.StoreResponse(deposited=deposited)
        case Mail(raws, more):
            message = store_pb2.StoreResponse(mail=store_pb2.StoreMail(raw=raws, more=more))
        case Dropped():
            message = store_pb2.StoreResponse(dropped=True)
        case StoreRefusal(text):
            message = store_pb2.StoreResponse(refusal=_cut(text))
    return message.SerializeToString(deterministic=True)


def decode_response(raw: bytes) -> Response:
    """RemoteProtocolError when it is none. Its texts came from a peer: sanitise them before showing."""
    try:
        message = store_pb2.StoreResponse.FromString(raw)
    except DecodeError:
        raise RemoteProtocolError("not an answer of a store node") from None
    match message.WhichOneof("response"):
        case "about":
            about = message.about
            return About(
                about.room_bytes,
                about.room_records,
                about.peer_rooms,
                about.peer_bytes,
                about.mailbox_bytes,
                about.sender_records,
                about.days,
            )
        case "deposited":
            return _deposited(message.deposited)
        case "mail":
            return Mail(tuple(message.mail.raw), message.mail.more)
        case "dropped":
            return Dropped()
        case "refusal":
            return StoreRefusal(_cut(message.refusal))
        case _:
            raise RemoteProtocolError("an empty answer of a store node")


def _deposit(deposit: store_pb2.StoreDeposit) -> Deposit:
    if len(deposit.mailbox) != ID_BYTES or not 0 < len(deposit.raw) <= MAX_DEPOSIT:
        raise RemoteProtocolError(f"a deposit of {len(deposit.raw)} records, or into no mailbox")
    return Deposit(deposit.mailbox, tuple(deposit.raw))


def _fetch(fetch: store_pb2.StoreFetch) -> Fetch:
    if not fetch.after_id and not fetch.after_ts:
        return Fetch()
    if fetch.after_ts > MAX_TS_MS or len(fetch.after_id) != ID_BYTES:
        raise RemoteProtocolError("no place of a record")
    return Fetch((fetch.after_ts, fetch.after_id))


def _ids(ids: Iterable[bytes]) -> tuple[bytes, ...]:
    found = tuple(ids)
    if not 0 < len(found) <= MAX_DROP or any(len(one) != ID_BYTES for one in found):
        raise RemoteProtocolError(f"{len(found)} ids, or what is no id")
    return found


def _deposited(deposited: store_pb2.StoreDeposited) -> Deposited:
    try:
        status = tuple(Kept(one) for one in deposited.status)
    except ValueError as error:
        raise RemoteProtocolError(f"an unknown answer to a deposit: {error}") from None
    return Deposited(status, _cut(deposited.reason))


def _cut(text: str) -> str:
    return text.encode(errors="replace")[:MAX_TEXT_BYTES].decode(errors="ignore")
