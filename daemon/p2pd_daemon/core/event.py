"""Events: the content of a record in a native room, as `ChatEvent` of pb/event.proto."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from google.protobuf.message import DecodeError

from p2pd_daemon.core.bodies import (
    ID_BYTES,
    Action,
    Body,
    Change,
    Delete,
    Edit,
    File,
    Membership,
    Profile,
    Reaction,
    RoomSettings,
    Sealed,
    Text,
    Unknown,
    check_nick,
    check_symbol,
    check_text,
    fault_of,
    kind_of,
)
from p2pd_daemon.core.clock import MAX_TS_MS
from p2pd_daemon.core.limits import DEFAULT_LIMITS
from p2pd_daemon.core.pb import event_pb2
from p2pd_daemon.core.peer_id import peer_id_bytes, peer_id_from_bytes
from p2pd_daemon.errors import LocalProtocolError, P2pdError, RemoteProtocolError

__all__ = [
    "MAX_PARENTS",
    "Action",
    "Body",
    "Change",
    "ChatEvent",
    "Delete",
    "Edit",
    "File",
    "Membership",
    "Profile",
    "Reaction",
    "RoomSettings",
    "Sealed",
    "Text",
    "Unknown",
    "check_nick",
    "check_symbol",
    "check_text",
    "decode_body",
    "decode_event",
    "encode_body",
    "encode_event",
    "kind_of",
]

MAX_PARENTS = 8

_Message: TypeAlias = event_pb2.ChatEvent
_CHANGES = frozenset(change.value for change in Change)


@dataclass(frozen=True, slots=True)
class ChatEvent:
    ts_ms: int  # 1 to 2**53 - 1
    parents: tuple[bytes, ...]  # record ids, at most 8, distinct
    body: Body


def encode_event(event: ChatEvent, *, text_bytes: int = DEFAULT_LIMITS.text_bytes) -> bytes:
    """Canonical bytes. LocalProtocolError when it breaks a rule: what a person typed was checked before."""
    _check_frame(event.ts_ms, event.parents, LocalProtocolError)
    head = _Message(ts_ms=event.ts_ms, parents=event.parents).SerializeToString(deterministic=True)
    return head + encode_body(event.body, text_bytes=text_bytes)


def decode_event(data: bytes, *, text_bytes: int = DEFAULT_LIMITS.text_bytes) -> ChatEvent:
    """RemoteProtocolError when `data` is no ChatEvent or breaks a rule. An unknown body becomes `Unknown`."""
    message = _parse(data)
    _check_frame(message.ts_ms, message.parents, RemoteProtocolError)
    return ChatEvent(message.ts_ms, tuple(message.parents), _take_body(message, text_bytes))


def encode_body(body: Body, *, text_bytes: int = DEFAULT_LIMITS.text_bytes) -> bytes:
    """A ChatEvent that has only this body: what goes into a sealed box. LocalProtocolError as above."""
    if isinstance(body, Unknown):
        return body.raw
    fault = fault_of(body, text_bytes=text_bytes)
    if fault:
        raise LocalProtocolError(fault)
    return _message_of(body).SerializeToString(deterministic=True)


def decode_body(data: bytes, *, text_bytes: int = DEFAULT_LIMITS.text_bytes) -> Body:
    """The inverse of `encode_body`. RemoteProtocolError as above, and when it has a ts or parents."""
    message = _parse(data)
    if message.ts_ms or message.parents:
        raise RemoteProtocolError("a body has no ts or parents of its own")
    return _take_body(message, text_bytes)


def _parse(data: bytes) -> _Message:
    try:
        return _Message.FromString(data)
    except DecodeError:
        raise RemoteProtocolError("not a ChatEvent") from None


def _check_frame(ts_ms: int, parents: Sequence[bytes], error: type[P2pdError]) -> None:
    if not 0 < ts_ms <= MAX_TS_MS:
        raise error(f"ts_ms {ts_ms} is not a time in ms between 1 and 2^53")
    if len(parents) > MAX_PARENTS:
        raise error(f"{len(parents)} parents; the limit is {MAX_PARENTS}")
    if len(set(parents)) != len(parents) or any(len(parent) != ID_BYTES for parent in parents):
        raise error("parents are distinct record ids of 32 bytes")


def _take_body(message: _Message, text_bytes: int) -> Body:
    """Reads the body out of `message`, which it changes."""
    kind = message.WhichOneof("body")
    body = _READ[kind](message) if kind else None
    if body is None:
        message.ClearField("ts_ms")
        message.ClearField("parents")
        return Unknown(message.SerializeToString(deterministic=True))
    fault = fault_of(body, text_bytes=text_bytes)
    if fault:
        raise RemoteProtocolError(fault)
    return body


def _read_membership(message: _Message) -> Membership | None:
    """None for a change that a later version added."""
    body = message.membership
    change = int(body.change)
    return Membership(peer_id_from_bytes(body.member), Change(change)) if change in _CHANGES else None


_READ: dict[str, Callable[[_Message], Body | None]] = {
    "text": lambda m: Text(m.text.text, m.text.reply_to or None),
    "action": lambda m: Action(m.action.text),
    "edit": lambda m: Edit(m.edit.target, m.edit.text),
    "delete": lambda m: Delete(m.delete.target, tuple(m.delete.edits)),
    "reaction": lambda m: Reaction(m.reaction.target, m.reaction.symbol, m.reaction.remove),
    "file": lambda m: File(m.file.name, m.file.media_type, m.file.size, m.file.sha256),
    "profile": lambda m: Profile(m.profile.nick, m.profile.status),
    "settings": lambda m: RoomSettings(m.settings.title, m.settings.description),
    "membership": _read_membership,
    "sealed": lambda m: Sealed(m.sealed.nonce, m.sealed.box, m.sealed.epoch),
}


def _message_of(body: Body) -> _Message:  # noqa: PLR0911 -- one return a kind
    pb = event_pb2
    match body:
        case Text():
            return _Message(text=pb.Text(text=body.text, reply_to=body.reply_to or b""))
        case Action():
            return _Message(action=pb.Action(text=body.text))
        case Edit():
            return _Message(edit=pb.Edit(target=body.target, text=body.text))
        case Delete():
            return _Message(delete=pb.Delete(target=body.target, edits=body.edits))
        case Reaction():
            return _Message(reaction=pb.Reaction(target=body.target, symbol=body.symbol, remove=body.remove))
        case File():
            file = pb.File(name=body.name, media_type=body.media_type, size=body.size, sha256=body.sha256)
            return _Message(file=file)
        case Profile():
            return _Message(profile=pb.Profile(nick=body.nick, status=body.status))
        case RoomSettings():
            return _Message(settings=pb.RoomSettings(title=body.title, description=body.description))
        case Membership():
            change = pb.Membership.Change.Name(body.change)
            return _Message(membership=pb.Membership(member=peer_id_bytes(body.member), change=change))
        case Sealed():
            return _Message(sealed=pb.Sealed(nonce=body.nonce, box=body.box, epoch=body.epoch))
        case Unknown():
            raise LocalProtocolError("an unknown body is written as it came")
