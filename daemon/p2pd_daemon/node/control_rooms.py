"""What a client can ask about rooms and who is in them, and about conversations."""

from __future__ import annotations

from collections.abc import Sequence

from p2pd_client.shapes import Conversation, Joined, Member, Sent
from p2pd_client.shapes import Room as RoomShape

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.room import Wire
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.present import last_shape
from p2pd_daemon.node.references import References
from p2pd_daemon.node.rooms import Rooms
from p2pd_daemon.store.rows import DIRECT, SENT, STORED

MEMBERS = 1000  # of those that were seen in a room and are away now, the last seen


class RoomControl:
    """A part of `NodeControl`."""

    _parts: Parts
    _rooms: Rooms
    _references: References

    async def rooms(self) -> Sequence[RoomShape]:
        parts = self._parts
        rows = {row.topic: row for row in await parts.store.rooms(joined_only=True)}
        shown = [room for room in sorted(self._rooms.all(), key=lambda room: room.name) if room.topic in rows]
        lasts = await parts.store.lasts([rows[room.topic].room_n for room in shown], parts.people.blocked)
        return [
            RoomShape(
                room=room.name,
                topic=room.topic,
                unread=rows[room.topic].unread,
                members=1 + len(parts.network.members(room.topic)),
                last_ts_ms=rows[room.topic].last_ts_ms,
                wire=room.wire.value,
                announce=self._rooms.peer_topic.announces(room.topic),
                last=last_shape(parts.people, lasts.get(rows[room.topic].room_n)),
            )
            for room in shown
        ]

    async def members(self, room: str) -> Sequence[Member]:
        where = self._rooms.named(room)
        here = {self._parts.me, *self._parts.network.members(where.topic)}
        row = await self._references.place(room=where.name)
        seen = await self._parts.store.members(row.room_n, MEMBERS) if row is not None else []
        found = [self._member(peer, connected=peer in here) for peer in here.union(seen)]
        return sorted(
            found, key=lambda one: (not one.me, not one.connected, one.name.casefold(), one.peer_id)
        )

    def _member(self, peer: PeerId, *, connected: bool) -> Member:
        people = self._parts.people
        return Member(
            peer_id=peer,
            nick=people.nick_of(peer),
            name=people.name_of(peer),
            connected=connected,
            me=peer == self._parts.me,
        )

    async def join(self, room: str, wire: str | None = None, announce: bool | None = None) -> Joined:
        joined = await self._rooms.join(room, None if wire is None else Wire(wire), announce)
        announces = self._rooms.peer_topic.announces(joined.topic)
        return Joined(room=joined.name, topic=joined.topic, wire=joined.wire.value, announce=announces)

    async def leave(self, room: str) -> None:
        await self._rooms.leave(room)

    async def send(self, room: str, text: str, kind: str) -> Sent:
        where, said, count = await self._rooms.say(room, text, kind)
        return Sent(id=said.record.id_hex, room=where.name, ts_ms=said.ts_ms, state=SENT if count else STORED)

    async def conversations(self) -> Sequence[Conversation]:
        people, store = self._parts.people, self._parts.store
        waiting = {peer: (await store.outbox_counts(peer)) for peer in await store.outbox_peers()}
        rows = [row for row in await store.rooms(joined_only=False, kind=DIRECT) if row.peer is not None]
        lasts = await store.lasts([row.room_n for row in rows], people.blocked)
        return [
            Conversation(
                peer_id=row.peer,
                nick=people.nick_of(row.peer),
                name=people.name_of(row.peer),
                unread=row.unread,
                queued=waiting[row.peer].queued + waiting[row.peer].sent if row.peer in waiting else 0,
                last_ts_ms=row.last_ts_ms,
                last=last_shape(people, lasts.get(row.room_n)),
                blocked=row.peer in people.blocked,
            )
            for row in rows
            if row.peer is not None
        ]
