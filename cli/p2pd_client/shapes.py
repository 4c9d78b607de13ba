"""The shapes of the control API's answers, version 1; `asked` has the requests. Nothing here imports the daemon.

Field names are stable: a field may be added, none is renamed or removed within `/v1`. Times are Unix
milliseconds, peer IDs are base58 text, record ids are 64 hexadecimal digits.
"""

from __future__ import annotations

from typing import Any

import msgspec

API_VERSION = "v1"


class Id(msgspec.Struct, frozen=True):
    """Who this node is and where it listens."""

    peer_id: str
    addrs: list[str]


class Peer(msgspec.Struct, frozen=True):
    """A connected peer.

    `rooms` are the joined rooms that it is in as well; `kinds` what it does for others: `bootstrap`, `relay`, `store`;
    `relayed` whether the connection goes through another node.
    """

    peer_id: str
    nick: str
    addrs: list[str]
    direction: str
    since_ms: int
    rtt_ms: float | None
    name: str = ""
    agent: str = ""
    rooms: list[str] = []
    kinds: list[str] = []
    relayed: bool = False


class Connected(msgspec.Struct, frozen=True):
    """The answer to `connect`: the address that worked and how long it took."""

    peer_id: str
    addr: str
    ms: float


class Pinged(msgspec.Struct, frozen=True):
    """The answer to `ping`: one round-trip time per ping, in milliseconds."""

    peer_id: str
    rtt_ms: list[float]


class Sent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message that is stored. `room` is set for rooms, `to` for direct messages, `via` as in `Message`."""

    id: str
    ts_ms: int
    state: str
    room: str | None = None
    to: str | None = None
    via: str = ""


class ErrorBody(msgspec.Struct, frozen=True):
    code: str
    message: str
    hint: str


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one line of many: `id`, `ts_ms` and `state` as in `Sent`, or the `error` that only it met.

    `line` counts the lines that were sent from 1, empty ones too.
    """

    line: int
    id: str = ""
    ts_ms: int = 0
    state: str = ""
    error: ErrorBody | None = None


class ChatLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the answer to a chat by lines: at first who it is with, then each `text`, at last `ended`, or the
    `error` that ended it. `agent` is the name of their program.
    """

    peer_id: str = ""
    name: str = ""
    agent: str = ""
    text: str = ""
    ended: bool = False
    error: ErrorBody | None = None


class Delivery(msgspec.Struct, frozen=True):
    """What is known of one's own message: on disk (`stored`), handed to `sent_to` peers, `held_by` of `members`.

    `held_by` counts the peers that are known to have it, by acknowledgement or reconciliation; `members` those seen
    in the room (1 in a direct conversation).
    """

    state: str
    sent_to: int
    held_by: int
    members: int


class Reaction(msgspec.Struct, frozen=True):
    """One symbol at a message: `count` people, at most 20 of whom `by` names; `mine` when one of them is oneself."""

    symbol: str
    count: int
    mine: bool
    by: list[str]


class Quote(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """The beginning of the message that another one answers. The text of a deleted one is empty."""

    from_: str
    text: str
    deleted: bool
    name: str = ""


class Sender(msgspec.Struct, frozen=True):
    """What a text of a chat-room says about its author, which nobody vouches for: a nickname, and in `claims` whom it
    names as its author where that is not so (`from` is who signed it).
    """

    nick: str
    claims: str | None = None


class Message(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A message as history and tail show it. `room` is null and `peer` set in a direct conversation.

    `nick` is what its author calls themself; `name` is how to show them (unique among the people known here).
    `caught_up` marks what came by reconciliation rather than live; `delivery` is set for one's own.
    `state` is `received` for other people's, and `stored`, `sent`, `queued`, `delivered` or `refused` for
    one's own. `text` is the newest when it was `edited`, and empty when it was `deleted`. `reply_to` is the id of
    the message that it answers, and `quote` how that one begins, where it is here. `via` names another program's
    protocol that carried a direct message: then nobody signed what came, and the other side got what was sent without
    our signature.
    `sender` is set in rooms of the chat-room wire. In rooms of other people's formats `ts_ms` is when the
    message was first seen.
    """

    id: str
    room: str | None
    from_: str
    nick: str
    ts_ms: int
    kind: str
    text: str
    state: str
    name: str = ""
    peer: str | None = None
    reason: str = ""
    caught_up: bool = False
    delivery: Delivery | None = None
    reply_to: str | None = None
    quote: Quote | None = None
    edited: bool = False
    deleted: bool = False
    reactions: list[Reaction] = []
    via: str = ""
    sender: Sender | None = None


class Version(msgspec.Struct, frozen=True):
    """What a message said; `id` and `ts_ms` are those of the message itself or of an edit."""

    id: str
    ts_ms: int
    text: str


class MessageVersions(msgspec.Struct, frozen=True):
    """A message, and all that it has said, oldest first: nothing when it was deleted."""

    message: Message
    versions: list[Version]


class LastMessage(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """The newest message of a room or conversation: `text` is its beginning on one line, at most 100 characters."""

    from_: str
    name: str
    text: str
    kind: str
    ts_ms: int
    deleted: bool


class Room(msgspec.Struct, frozen=True):
    """A joined room. `wire` says whose format its messages have: `p2pd`, `text` or `chat-room`; `announce` whether this
    node tells its addresses on universal-connectivity's discovery topic because of this room.
    """

    room: str
    topic: str
    unread: int
    members: int
    last_ts_ms: int | None
    wire: str = "p2pd"
    announce: bool = False
    last: LastMessage | None = None


class Member(msgspec.Struct, frozen=True):
    """Somebody in a room: `connected` there now (oneself always is), or seen there before."""

    peer_id: str
    nick: str
    name: str
    connected: bool
    me: bool


class Conversation(msgspec.Struct, frozen=True):
    """A direct conversation with one peer."""

    peer_id: str
    nick: str
    name: str
    unread: int
    queued: int
    last_ts_ms: int | None
    last: LastMessage | None = None
    blocked: bool = False


class Contact(msgspec.Struct, frozen=True):
    """Somebody this node knows by name: an own petname, or the nickname that they announced."""

    peer_id: str
    nick: str
    petname: str
    name: str
    blocked: bool
    connected: bool
    last_seen_ms: int | None


class Event(msgspec.Struct, frozen=True):
    """One event of the stream: `n` rises by at least one each time and is stored; `data` depends on `kind`."""

    n: int
    kind: str
    ts_ms: int
    data: dict[str, Any]


class Ok(msgspec.Struct, frozen=True):
    """Done, and nothing more to say."""

    ok: bool = True


class Joined(msgspec.Struct, frozen=True):
    """`room` is the name from now on: with its wire in front where another room here has that name already.

    `announce` is as in `Room`.
    """

    room: str
    topic: str
    wire: str = "p2pd"
    announce: bool = False


class NickSet(msgspec.Struct, frozen=True):
    nick: str


class ErrorReply(msgspec.Struct, frozen=True):
    """Every error answer of the API has this shape."""

    error: ErrorBody
