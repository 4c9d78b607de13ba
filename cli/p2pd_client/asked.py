"""The shapes of the control API's requests, version 1; `shapes` has the answers."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

# The daemon checks names and texts itself and says in words what is wrong with one. The patterns only tell readers of
# openapi.json; msgspec enforces next to nothing of them.
_CONTROLS = r"\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_LABEL = rf"[^\s{_CONTROLS}]([^{_CONTROLS}]*[^\s{_CONTROLS}])?"

RoomName = Annotated[
    str,
    Meta(
        min_length=1,
        description="A room's name: 1 to 64 characters after NFC, no control characters, no white space at its ends",
        extra_json_schema={"maxLength": 64, "pattern": f"^{_LABEL}$"},
    ),
]
Text = Annotated[
    str,
    Meta(
        min_length=1,
        description="At most 8 KiB of UTF-8, not only white space",
        extra_json_schema={"maxLength": 8192, "pattern": r"\S"},
    ),
]
PeerRef = Annotated[
    str, Meta(min_length=1, max_length=1024, description="A peer ID, a contact's nickname or a multiaddr")
]
Nick = Annotated[
    str,
    Meta(
        description="A nickname of at most 32 characters, no control characters; empty removes it",
        extra_json_schema={"maxLength": 32, "pattern": f"^({_LABEL})?$"},
    ),
]


Kind = Annotated[str, Meta(pattern="^(text|action)$")]


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request's parameters; any others are errors."""


class NoArguments(Asked, frozen=True):
    """For requests that take none."""


class ConnectRequest(Asked, frozen=True):
    addr: PeerRef


class PeerRequest(Asked, frozen=True):
    peer: PeerRef


class PingRequest(Asked, frozen=True):
    peer: PeerRef
    count: Annotated[int, Meta(ge=1, le=100)] = 3


class RoomRequest(Asked, frozen=True):
    room: RoomName


class JoinRequest(Asked, frozen=True):
    """`wire` says whose format the room has. Without it, it is the room known by this name, or else one of p2pd's.

    `announce`, for a text room: read universal-connectivity's discovery topic, and (true) tell our addresses there or
    (false) do not. Without it, it stays as it was: at first true for the room `universal-connectivity`, and neither for
    others.
    """

    room: RoomName
    wire: Annotated[str, Meta(pattern="^(p2pd|text|chat-room)$")] | None = None
    announce: bool | None = None


class SendRequest(Asked, frozen=True):
    room: RoomName
    text: Text
    kind: Kind = "text"


class SendLinesQuery(Asked, frozen=True):
    room: RoomName


class SendLine(Asked, frozen=True):
    """One line of the body of `POST /v1/send/lines`."""

    text: Text
    kind: Kind = "text"


class MsgRequest(Asked, frozen=True):
    to: PeerRef
    text: Text
    kind: Kind = "text"


MessageRef = Annotated[
    str,
    Meta(
        min_length=1,
        description="A message's id, or the first digits of it (at least 6) if no other message's begins so",
        extra_json_schema={"minLength": 6, "maxLength": 64, "pattern": "^[0-9a-fA-F]{6,64}$"},
    ),
]


class EditRequest(Asked, frozen=True):
    """Gives an own message another text."""

    id: MessageRef
    text: Text


class DeleteRequest(Asked, frozen=True):
    id: MessageRef


class ReactRequest(Asked, frozen=True):
    """`remove` takes an own reaction back."""

    id: MessageRef
    symbol: Annotated[
        str,
        Meta(
            min_length=1,
            description="An emoji or a short word, at most 64 bytes of UTF-8, no white space",
            extra_json_schema={"maxLength": 64, "pattern": r"^\S+$"},
        ),
    ]
    remove: bool = False


class ReplyRequest(Asked, frozen=True):
    """Says something where the message was said, and that it answers it."""

    id: MessageRef
    text: Text


class MessageQuery(Asked, frozen=True):
    id: MessageRef


class NickRequest(Asked, frozen=True):
    nick: Nick


class ContactRequest(Asked, frozen=True):
    peer: PeerRef
    petname: Nick


class ReadRequest(Asked, frozen=True):
    """Marks a room or a conversation as read up to its newest message."""

    target: PeerRef


class HistoryQuery(Asked, frozen=True):
    """Exactly one of `room`, `peer` and `target`; `target` is a known room's name, or else a peer. `before` or `after`,
    not both.
    """

    room: RoomName | None = None
    peer: PeerRef | None = None
    target: PeerRef | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 50
    before: (
        Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="Only messages before this id")] | None
    ) = None
    search: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    after: (
        Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="The first `limit` after this id")] | None
    ) = None


class ChatLinesQuery(Asked, frozen=True):
    """Without a peer it is the next one who calls."""

    peer: PeerRef | None = None


class ChatSay(Asked, frozen=True):
    """A line of a chat; several, when there are newlines in it."""

    text: str


class EventsQuery(Asked, frozen=True):
    """Which events, from where: `after` defaults to the newest, so that only new events come."""

    after: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    kinds: Annotated[str, Meta(pattern="^[a-z_]+(,[a-z_]+)*$", max_length=256)] | None = None
    room: RoomName | None = None
