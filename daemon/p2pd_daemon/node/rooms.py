"""The rooms that this node is in: joining, leaving, and who comes and goes there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import trio

from p2pd_daemon.core.event import Action, Body, Profile, Text, check_text
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.room import Wire, check_room_name, lookup_name, rendezvous_tag, room_topic
from p2pd_daemon.errors import NoSuchRoom, OverLimit
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.peer_topic import PeerTopic
from p2pd_daemon.node.room import Room, RoomListener
from p2pd_daemon.node.said import Composed
from p2pd_daemon.store.rows import DIRECT, OPEN, RoomRow


class Rooms:
    """All joined rooms, by topic."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.peer_topic = PeerTopic(parts)
        self.listener: RoomListener
        self._rooms: dict[str, Room] = {}
        self._by_name: dict[str, Room] = {}
        self._changing = trio.Lock()  # joins and leaves one after the other

    async def start(self) -> None:
        """Joins again what was joined when the node stopped."""
        for row in await self._parts.store.rooms(joined_only=True):
            if row.kind != DIRECT:
                await self._enter(row)
        await self._advertise()

    def get(self, topic: str) -> Room | None:
        return self._rooms.get(topic)

    def all(self) -> Iterable[Room]:
        return self._rooms.values()

    @asynccontextmanager
    async def settled(self, topic: str) -> AsyncIterator[Room | None]:
        """The room, if it is joined; meanwhile no room is joined or left."""
        async with self._changing:
            yield self._rooms.get(topic)

    def named(self, name: str) -> Room:
        """Raises BadRoomName, NoSuchRoom."""
        room = self._by_name.get(lookup_name(name))
        if room is None:
            name = check_room_name(name)
            raise NoSuchRoom(f"you are not in the room {name!r}", hint=f"p2pd join {name}")
        return room

    async def join(self, name: str, wire: Wire | None = None, announce: bool | None = None) -> Room:
        """Enters a room, new or known; no error when already in it. Without a wire it is the room that is known by
        that name, or else one of p2pd's own. `announce` None leaves it as it was. Raises BadRoomName, OverLimit,
        UsageError.
        """
        async with self._changing:
            known = await self._known(name) if wire is None else None
            if known is not None:
                name, topic, kind = known.name, known.topic, known.kind
            else:
                wire = wire or Wire.P2PD
                name = check_room_name(name, wire)
                topic, kind = room_topic(name, wire), OPEN if wire is Wire.P2PD else wire.value
            room = self._rooms.get(topic)
            if announce is not None:
                await self.peer_topic.choose(
                    topic, wire or (known.wire if known else Wire.P2PD), announce=announce
                )
            if room is not None:
                await self.peer_topic.entered(topic, room.wire)
                return room
            limit = self._parts.limits.rooms
            if limit and len(self._rooms) >= limit:
                raise OverLimit(f"{limit} rooms are joined already", hint="Leave one, or raise limits.rooms.")
            now_ms = self._parts.clock.now_ms()
            row = await self._parts.store.add_room(name, topic, now_ms, kind)
            await self._parts.store.add_event("room", now_ms, {"room": row.name, "joined": True})
            room = await self._enter(row)
            await self._advertise()
        await self.introduce(room)
        return room

    async def _known(self, name: str) -> RoomRow | None:
        return await self._parts.store.room_by_name(lookup_name(name))

    async def leave(self, name: str) -> None:
        """Leaves the room and keeps its history. Raises NoSuchRoom."""
        async with self._changing:
            room = self.named(name)
            del self._rooms[room.topic], self._by_name[room.name]
            await self._parts.network.unsubscribe(room.topic)
            await self.peer_topic.left(room.topic)
            room.scope.cancel()
            await self._parts.store.set_joined(room.topic, False)
            await self._parts.store.add_event(
                "room", self._parts.clock.now_ms(), {"room": room.name, "joined": False}
            )
            await self._advertise()

    async def say(self, name: str, text: str, kind: str) -> tuple[Room, Composed, int]:
        room = self.named(name)
        body = spoken_body(text, kind, self._parts.limits.text_bytes)
        room.check(body)
        said, count = await room.say(body)
        return room, said, count

    async def introduce(self, room: Room) -> None:
        """Says our nickname in the room, unless it was the last that we said there, or the room has no place for it."""
        if room.wire is not Wire.P2PD:
            return
        nick = self._parts.people.nick_of(self._parts.me)
        if nick != (room.timeline.own_nick or ""):
            await room.say(Profile(nick=nick, status=""))

    async def on_member(self, topic: str, peer: PeerId, joined: bool) -> None:
        """Somebody connected is in the room now, or no longer."""
        room = self._rooms.get(topic)
        if room is None:
            return
        event = {"room": room.name, "peer_id": peer, "joined": joined}
        now_ms = self._parts.clock.now_ms()
        await self._parts.store.add_event("member", now_ms, event)
        if joined:
            if room.wire is Wire.P2PD:  # elsewhere not everybody can confirm: who does is noted then
                await self._parts.store.note_members(room.room_n, [peer], now_ms)
            self.listener.met(room, peer)
            await room.repeat_unheard()

    async def _enter(self, row: RoomRow) -> Room:
        room = Room(row, self._parts)
        await self._parts.nursery.start(room.run, self.listener)
        self._rooms[room.topic] = self._by_name[room.name] = room
        await self._parts.network.subscribe(room.topic)
        await self.peer_topic.entered(room.topic, room.wire)
        return room

    async def _advertise(self) -> None:
        await self._parts.network.advertise({rendezvous_tag(topic) for topic in self._rooms})


def spoken_body(text: str, kind: str, text_bytes: int) -> Body:
    """What a person typed, as an event's body. Raises BadText, TooLarge."""
    text = check_text(text, max_bytes=text_bytes)
    return Action(text=text) if kind == "action" else Text(text=text)
