"""Rows of the store in the shapes of the API, with the names that people go by here."""

from __future__ import annotations

from typing import Any

import msgspec
from p2pd_client.shapes import Contact, Event, LastMessage, Message

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.people import People
from p2pd_daemon.store.history import message_shape as stored_shape
from p2pd_daemon.store.rows import EventRow, LastRow, MessageRow

LAST_CHARACTERS = 100


def contact_shape(parts: Parts, peer: PeerId, last_seen_ms: int | None) -> Contact:
    people = parts.people
    return Contact(
        peer_id=peer,
        nick=people.nick_of(peer),
        petname=people.petname_of(peer),
        name=people.name_of(peer),
        blocked=peer in people.blocked,
        connected=parts.network.is_connected(peer),
        last_seen_ms=last_seen_ms,
    )


def message_shape(people: People, row: MessageRow) -> Message:
    """As the event stream has it too, by the store's `message_shape`."""
    return msgspec.convert(_named(people, stored_shape(row)), Message)


def last_shape(people: People, row: LastRow | None) -> LastMessage | None:
    """On one line, whatever the text has."""
    if row is None:
        return None
    return LastMessage(
        from_=row.author,
        name=people.name_as(row.author, row.said_nick or ""),
        text=" ".join(row.text.split())[:LAST_CHARACTERS],
        kind=row.kind,
        ts_ms=row.ts_ms,
        deleted=row.deleted,
    )


def event_shape(people: People, row: EventRow) -> Event:
    data = dict(row.data)
    if "from" in data:
        data = _named(people, data)
    if "by" in data:
        data["by_name"] = people.name_of(data["by"])
    return Event(n=row.n, kind=row.kind, ts_ms=row.ts_ms, data=data)


def _named(people: People, message: dict[str, Any]) -> dict[str, Any]:
    """With the names of its author and of whom it quotes; of a blocked one's text nothing."""
    author, quote = message["from"], message["quote"]
    if quote is not None:
        hidden = {"text": ""} if quote["from"] in people.blocked else {}
        quote = quote | {"name": people.name_of(quote["from"])} | hidden
    said = message["sender"]["nick"] if message["sender"] else ""
    name = people.name_as(author, said)
    return message | {"nick": said or people.nick_of(author), "name": name, "quote": quote}
