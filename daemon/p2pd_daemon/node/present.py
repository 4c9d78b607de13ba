"""Rows of the store in the shapes of the API, with the names that people go by here."""

from __future__ import annotations

from p2pd_client.shapes import Contact, Event, Message

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.people import People
from p2pd_daemon.store.rows import EventRow, MessageRow


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
    return Message(
        id=row.id.hex(),
        room=row.room,
        from_=row.author,
        nick=people.nick_of(row.author),
        ts_ms=row.ts_ms,
        kind=row.kind,
        text=row.text,
        state=row.state,
        name=people.name_of(row.author),
        peer=row.peer,
        reason=row.reason,
    )


def event_shape(people: People, row: EventRow) -> Event:
    data = dict(row.data)
    if "from" in data:
        data["name"] = people.name_of(data["from"])
    return Event(n=row.n, kind=row.kind, ts_ms=row.ts_ms, data=data)
