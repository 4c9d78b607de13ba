"""What the API asks of the node. `node.py` implements it; nothing in `api/` knows how.

Every method may raise a `P2pdError`, which becomes its own HTTP status and the JSON error shape. A call
may be cancelled at the daemon's stop: it must leave the node as if it had not begun, or as if it had ended.
`PeerRef` arguments (`peer`, `to`, `target`, `addr`) are as the user typed them: a peer ID, a contact's
nickname or petname, or a multiaddr; the node resolves them (NoSuchPeer, AmbiguousPeer, BadPeerId,
BadMultiaddr).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from p2pd_client.export_shapes import ExportPage, Gone, Imported
from p2pd_client.page_shapes import PageLink, TokenReset
from p2pd_client.shapes import (
    Connected,
    Contact,
    Conversation,
    Event,
    Id,
    Joined,
    Member,
    Message,
    MessageVersions,
    NickSet,
    Peer,
    Pinged,
    Room,
    Sent,
)
from p2pd_client.status_shapes import ConfigValue, Status

from p2pd_daemon.errors import P2pdError

Outcomes: TypeAlias = Callable[[], Awaitable[Sequence[Sent | P2pdError]]]
"""Waits for what became of each of several messages."""


class LineChat(Protocol):
    """An open chat by lines. `receive` and `say` may run at the same time; both raise NetworkError when it breaks."""

    peer_id: str
    name: str
    agent: str

    async def receive(self) -> list[str]:
        """The next lines; none when the other side says no more."""

    async def say(self, text: str) -> None: ...

    async def finish(self) -> None:
        """We say no more."""


class Control(Protocol):
    """All that a client can ask of a running node."""

    # The node and its connections

    async def status(self) -> Status: ...

    async def id(self) -> Id: ...

    async def peers(self) -> Sequence[Peer]:
        """The peers connected now."""

    async def connect(self, addr: str) -> Connected:
        """Dials a multiaddr or a known peer; answers or raises a NetworkError within 10 s."""

    async def disconnect(self, peer: str) -> None: ...

    async def ping(self, peer: str, count: int) -> Pinged: ...

    async def config(self) -> Sequence[ConfigValue]: ...

    async def stop(self) -> None:
        """Begins an orderly stop and returns at once, so that the answer still reaches the client."""

    # The page

    async def page_link(self, page: str) -> PageLink:
        """A link with a one-time code to `/` (""), `/receive` or `/send`. Refused when the page is switched off."""

    async def reset_token(self) -> TokenReset:
        """Takes back the token and everything that came from it, at once."""

    # Rooms

    async def rooms(self) -> Sequence[Room]:
        """The joined rooms."""

    async def members(self, room: str) -> Sequence[Member]:
        """Who is in a joined room: oneself, connected peers, and those seen there before."""

    async def join(self, room: str, wire: str | None = None, announce: bool | None = None) -> Joined:
        """`wire` is `p2pd`, `text` or `chat-room`; None: that of the room known by this name, else `p2pd`."""

    async def leave(self, room: str) -> None: ...

    async def send(self, room: str, text: str, kind: str) -> Sent:
        """Says something (`kind` is `text` or `action`) in a joined room; returns after the commit."""

    async def keep_rate(self, room: str, most: int) -> int:
        """How many of `most` messages may be said now under `author_rate`: waits until it is at least one."""

    async def begin_send(self, room: str, said: Sequence[tuple[str, str]]) -> Outcomes:
        """Says several things, (text, kind), in this order; returns once they are on their way, so that the next ones
        can follow. What is wrong with one is its outcome, and costs none of the others.
        """

    # People and direct conversations

    async def msg(self, to: str, text: str, kind: str) -> Sent:
        """Like `send`, to one peer; returns after the commit, whether the peer is there or not."""

    def open_chat(self, peer: str | None) -> AbstractAsyncContextManager[LineChat]:
        """A chat by lines (/chat/1.0.0) with a peer, or with the next one who calls; over with the block.

        Raises what dialling raises, Blocked, NotSpoken, PeerUnreachable.
        """

    async def conversations(self) -> Sequence[Conversation]: ...

    async def nick(self) -> NickSet: ...

    async def set_nick(self, nick: str) -> NickSet:
        """The empty nickname removes it."""

    async def contacts(self) -> Sequence[Contact]: ...

    async def set_petname(self, peer: str, petname: str) -> Contact: ...

    async def remove_contact(self, peer: str) -> None: ...

    async def block(self, peer: str) -> None: ...

    async def unblock(self, peer: str) -> None: ...

    async def blocks(self) -> Sequence[Contact]:
        """The blocked peers."""

    # Messages

    async def history(
        self,
        *,
        room: str | None = None,
        peer: str | None = None,
        target: str | None = None,
        limit: int = 50,
        before: str | None = None,
        after: str | None = None,
        search: str | None = None,
    ) -> Sequence[Message]:
        """The newest `limit` messages, oldest first, of exactly one of: a room, a conversation with `peer`,
        or `target`, which is a known room's name, or else a peer.

        `before` is the hexadecimal id of a message: only older ones (NoSuchMessage). With `after` the `limit`
        messages that follow that one. `search` is what a person types.
        """

    async def message(self, ref: str) -> MessageVersions:
        """One message, and what it said before. `ref`, here and below, is a message's id or at least its first
        6 digits (NoSuchMessage, AmbiguousMessage).
        """

    async def edit(self, ref: str, text: str) -> Sent:
        """Gives an own message another text (Refused: not one's own, or deleted); returns after the commit."""

    async def delete(self, ref: str) -> Sent:
        """Takes an own message back, here and at everybody's who plays by the rules."""

    async def react(self, ref: str, symbol: str, remove: bool) -> Sent:
        """`remove` takes one's reaction back (Refused when there is none)."""

    async def reply(self, ref: str, text: str) -> Sent:
        """Says something where that message was said, in answer to it."""

    # Exports

    async def export(
        self,
        *,
        room: str | None = None,
        peer: str | None = None,
        target: str | None = None,
        since_ms: int | None = None,
        after: str | None = None,
    ) -> ExportPage:
        """The first page of an export of what is here now, of exactly one of them as in `history`.

        `since_ms` and `after` (a record id, NoSuchMessage) leave out what is older.
        """

    async def export_on(self, cursor: str) -> ExportPage:
        """The page after the one whose `next` is `cursor`."""

    async def import_records(
        self,
        topic: str,
        records: Sequence[str],
        gone: Sequence[Gone],
        peers: Sequence[str],
        seen_ms: Sequence[int] = (),
    ) -> Imported:
        """Takes in records (base64) and places of deleted ones; what is wrong with one costs only that one.

        A room that was unknown is known then, and not joined. `seen_ms` are times for records that carry none.
        Refused for a direct conversation of two others.
        """

    async def mark_read(self, target: str) -> None:
        """Everything in that room (or else in the conversation with that peer) is read."""

    # Events: numbers rise by at least one, are stored, and survive a restart

    async def events_after(self, n: int, limit: int) -> Sequence[Event]:
        """At most `limit` kept events numbered above `n`, in order; empty when there is none."""

    async def wait_events(self, after_n: int) -> int:
        """The number of the newest event, once it is above `after_n`: at once when it is already.

        It may return early (the caller looks again), but never misses one.
        """

    async def newest_event(self) -> int:
        """The number of the newest event ever written, 0 before the first."""

    async def oldest_event(self) -> int:
        """The number of the oldest event still kept; the newest number + 1 when none is kept."""
