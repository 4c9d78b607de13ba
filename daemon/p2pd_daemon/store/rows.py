"""What goes into the store and what comes out of it. Times are Unix milliseconds, ids the 32 bytes of a
record's hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from p2pd_daemon.core.event import ChatEvent
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.record import Record
from p2pd_daemon.core.room import Wire

RECEIVED = "received"
QUARANTINED = "quarantined"
STORED = "stored"
QUEUED = "queued"
SENT = "sent"
DELIVERED = "delivered"
REFUSED = "refused"

OPEN = "open"
TEXT = "text"
CHAT_ROOM = "chat-room"
DIRECT = "direct"
UNDATED = frozenset({TEXT, CHAT_ROOM})
"""Kinds of room whose records carry no time: in the set all of them are at (0, id)."""

MESSAGE_KINDS = frozenset({"text", "action"})
"""The kinds of body that are a line of the history."""


class NewRecord(Struct, frozen=True):
    """A verified record to be stored.

    `event` is the opened event (of a sealed body: what was inside). `state` is RECEIVED, QUARANTINED, or for
    an own record STORED (room) or QUEUED (direct: it also goes to the outbox). `visible` is False for what
    is not to be shown or applied: unknown bodies. For a QUARANTINED one `visible` and `heads` are taken as
    False until it is due; then a record of a known kind becomes visible and linked. Blocked authors' records
    are visible: reading hides them.
    """

    room_n: int
    record: Record
    event: ChatEvent
    kind: str
    text: str | None
    ts_ms: int
    arrived_ms: int
    own: bool = False
    state: str = RECEIVED
    visible: bool = True
    heads: bool = True
    notify: bool = True  # False: history from before this node was there, neither unread nor an event
    caught_up: bool = False  # it came by reconciliation


class Ingested(Struct, frozen=True):
    """`new` is False for a record that was there already; `event_n` is the number of its "message" event, or of the
    last one that it caused by changing messages.

    `missing` are the parents it names that are not here.
    """

    id: bytes
    new: bool
    event_n: int | None
    missing: tuple[bytes, ...] = ()


class Released(Struct, frozen=True):
    """A record that is out of quarantine: to be relayed now. `missing` as in Ingested."""

    id: bytes
    room_n: int
    ts_ms: int
    parents: tuple[bytes, ...]
    raw: bytes | None
    event_n: int | None
    missing: tuple[bytes, ...] = ()


class RoomRow(Struct, frozen=True):
    """`name` is "" and `peer` set for a direct conversation. `unread` leaves out blocked authors."""

    room_n: int
    name: str
    topic: str
    kind: str
    peer: PeerId | None
    joined: bool
    unread: int
    last_ts_ms: int | None
    created_ms: int = 0  # when this node was there first; MAX_TS_MS: never
    floor_ts: int = 0  # records before it were given up

    @property
    def wire(self) -> Wire:
        """Of a room; of a conversation p2pd's own."""
        return Wire(self.kind) if self.kind in UNDATED else Wire.P2PD


class QuoteRow(Struct, frozen=True):
    """The beginning of a message that another one answers."""

    author: PeerId
    text: str
    deleted: bool


class ReactionRow(Struct, frozen=True):
    """One symbol at a message. `by` names 20 of those `count` peers."""

    symbol: str
    count: int
    mine: bool
    by: tuple[PeerId, ...]


class VersionRow(Struct, frozen=True):
    """What a message said: `id` and `ts_ms` are of the message or of the edit."""

    id: bytes
    ts_ms: int
    text: str


class SenderRow(Struct, frozen=True):
    """What a text of a chat-room says about its author; `claims` is whom it names, where that is not so."""

    nick: str
    claims: str | None


class MessageRow(Struct, frozen=True):
    """A line of the history. `nick` is what the author calls themself, "" if nothing."""

    id: bytes
    room_n: int
    room: str | None
    peer: PeerId | None
    author: PeerId
    nick: str
    ts_ms: int
    kind: str
    text: str
    state: str
    reason: str
    sent_to: int
    own: bool
    arrived_ms: int
    caught_up: bool = False
    held_by: int = 0  # of an own room message: members known to have it
    members: int = 0  # of an own room message: members known
    about: bytes | None = None  # the record that it is about
    edited: bool = False
    deleted: bool = False  # by its author: `text` is "" for ever
    quote: QuoteRow | None = None  # of a reply: what it answers, where that is here
    via: str = ""  # another program's protocol that carried it, unsigned
    reactions: tuple[ReactionRow, ...] = ()
    sender: SenderRow | None = None

    @property
    def reply_to(self) -> bytes | None:
        return self.about if self.kind == "text" else None


class ProfileRow(Struct, frozen=True):
    nick: str
    status: str
    ts_ms: int
    raw: bytes | None


class KnownPeer(Struct, frozen=True):
    peer: PeerId
    addrs: tuple[str, ...]
    last_seen_ms: int
    source: str


class LastRow(Struct, frozen=True):
    """The newest message of a room: `text` is its beginning; `said_nick` as in SenderRow."""

    author: PeerId
    said_nick: str | None
    text: str
    kind: str
    ts_ms: int
    deleted: bool


class OutboxCounts(Struct, frozen=True):
    """Direct messages that wait: not yet handed over, and handed over but not acknowledged."""

    queued: int
    sent: int


class EventRow(Struct, frozen=True):
    """An event of the stream. The data of a "message" has the fields of p2pd_client.shapes.Message; `name`
    is "". So has that of an "edit", "delete" or "reaction", for the message that changed, with `by`, `change_id`
    and of a reaction `symbol` and `remove`.
    """

    n: int
    kind: str
    ts_ms: int
    data: Mapping[str, Any]


class News(Struct, frozen=True):
    """What a commit was about for those who follow the events: the number of the newest, and of all after `after` the
    rows, where somebody was waiting for them and they are not many.
    """

    newest: int
    after: int = 0
    events: tuple[EventRow, ...] = ()
