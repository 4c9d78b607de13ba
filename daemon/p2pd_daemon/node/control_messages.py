"""What a client can ask about messages that are here, and do to them."""

from __future__ import annotations

from collections.abc import Sequence

from p2pd_client.shapes import Message, MessageVersions, Sent, Version

from p2pd_daemon.api.control import Outcomes
from p2pd_daemon.errors import NoSuchMessage, P2pdError
from p2pd_daemon.node.changes import Changes
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.present import message_shape
from p2pd_daemon.node.references import References
from p2pd_daemon.node.room import Said
from p2pd_daemon.node.rooms import Rooms, spoken_body
from p2pd_daemon.store.rows import SENT, STORED


class MessageControl:
    """A part of `NodeControl`."""

    _parts: Parts
    _rooms: Rooms
    _references: References
    _changes: Changes

    async def keep_rate(self, room: str, most: int) -> int:
        return await self._rooms.named(room).keep_rate(most)

    async def begin_send(self, room: str, said: Sequence[tuple[str, str]]) -> Outcomes:
        where = self._rooms.named(room)
        outcome: list[Sent | P2pdError | None] = []
        bodies = []
        for text, kind in said:
            try:
                body = spoken_body(text, kind, self._parts.limits.text_bytes)
                where.check(body)
                bodies.append(body)
                outcome.append(None)
            except P2pdError as error:
                outcome.append(error)
        begun = await where.begin_say(bodies)

        async def outcomes() -> Sequence[Sent | P2pdError]:
            said = iter(await begun())
            return [one or _sent(where.name, next(said)) for one in outcome]

        return outcomes

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
        row = await self._references.place(room=room, peer=peer, target=target)
        if row is None:
            return []
        rows = await self._parts.store.history(
            row.room_n,
            limit=limit,
            before=_record_id(before) if before else None,
            after=_record_id(after) if after else None,
            search=search or None,
            hide_authors=self._parts.people.blocked,
        )
        return [message_shape(self._parts.people, message) for message in rows]

    async def message(self, ref: str) -> MessageVersions:
        row = await self._changes.find(ref)
        versions = await self._parts.store.versions(row.id)
        return MessageVersions(
            message=message_shape(self._parts.people, row),
            versions=[Version(one.id.hex(), one.ts_ms, one.text) for one in versions],
        )

    async def mark_read(self, target: str) -> None:
        row = await self._references.place(target=target)
        if row is not None:
            await self._parts.store.mark_read(row.room_n)

    async def edit(self, ref: str, text: str) -> Sent:
        return await self._changes.edit(ref, text)

    async def delete(self, ref: str) -> Sent:
        return await self._changes.delete(ref)

    async def react(self, ref: str, symbol: str, remove: bool) -> Sent:
        return await self._changes.react(ref, symbol, remove=remove)

    async def reply(self, ref: str, text: str) -> Sent:
        return await self._changes.reply(ref, text)


def _sent(room: str, outcome: Said | P2pdError) -> Sent | P2pdError:
    if isinstance(outcome, P2pdError):
        return outcome
    said, count = outcome
    return Sent(id=said.record.id_hex, room=room, ts_ms=said.ts_ms, state=SENT if count else STORED)


def _record_id(text: str) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise NoSuchMessage(
            f"{text!r} is not a message id",
            hint="A message id has 64 hexadecimal digits, as --json shows it.",
        )
    return raw
