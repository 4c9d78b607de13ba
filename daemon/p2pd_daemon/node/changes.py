"""Editing, deleting, reacting to and answering messages that are here."""

from __future__ import annotations

import re

from p2pd_client.shapes import Sent

from p2pd_daemon.core.bodies import MAX_EDITS, check_symbol
from p2pd_daemon.core.event import Body, Delete, Edit, Reaction, Text, check_text
from p2pd_daemon.core.fold import MAX_SYMBOLS
from p2pd_daemon.errors import AmbiguousMessage, NoSuchMessage, OverLimit, Refused, UsageError
from p2pd_daemon.node.direct import Conversations
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.rooms import Rooms
from p2pd_daemon.store.rows import MESSAGE_KINDS, SENT, STORED, MessageRow

SHORTEST_PREFIX = (
    6  # hexadecimal digits: among 10,000 messages two begin alike with a chance of 3 in a million each
)
DIGITS_SHOWN = 12  # of each message when a prefix fits several


class Changes:
    """Says what changes a message, after looking whether it can. `ref` is an id or the beginning of one."""

    def __init__(self, parts: Parts, rooms: Rooms, conversations: Conversations) -> None:
        self._parts = parts
        self._rooms = rooms
        self._conversations = conversations

    async def edit(self, ref: str, text: str) -> Sent:
        """Raises what `find` raises, Refused, OverLimit, BadText, TooLarge, and what saying something raises."""
        row = await self._own(ref, "edited")
        text = check_text(text, max_bytes=self._parts.limits.text_bytes)
        if len(await self._parts.store.versions(row.id)) > MAX_EDITS:
            raise OverLimit(
                f"the message was edited {MAX_EDITS} times", hint="Delete it, and say it anew: p2pd send."
            )
        return await self._say(row, Edit(row.id, text))

    async def delete(self, ref: str) -> Sent:
        """Takes the texts of its edits back as well."""
        row = await self._own(ref, "deleted")
        edits = [version.id for version in await self._parts.store.versions(row.id) if version.id != row.id]
        return await self._say(row, Delete(row.id, tuple(edits[:MAX_EDITS])))

    async def react(self, ref: str, symbol: str, *, remove: bool) -> Sent:
        row = self._signed(await self._living(ref))
        symbol = check_symbol(symbol)
        own = await self._parts.store.own_symbols(row.id, row.room_n)
        if remove and not own.get(symbol):
            raise Refused(
                f"you have not reacted with {symbol}", hint="p2pd history shows the reactions to a message."
            )
        if not remove and symbol not in own and sum(own.values()) >= MAX_SYMBOLS:
            raise OverLimit(
                f"you have reacted with {MAX_SYMBOLS} different symbols",
                hint="Take one back first: p2pd react ID SYMBOL --remove.",
            )
        return await self._say(row, Reaction(row.id, symbol, remove))

    async def reply(self, ref: str, text: str) -> Sent:
        row = await self._living(ref)
        text = check_text(text, max_bytes=self._parts.limits.text_bytes)
        return await self._say(row, Text(text, reply_to=row.id))

    async def find(self, ref: str) -> MessageRow:
        """A message by its id or the first digits of it. Raises NoSuchMessage, AmbiguousMessage, UsageError."""
        prefix = ref.strip().lower()
        if not re.fullmatch("[0-9a-f]{1,64}", prefix):
            raise NoSuchMessage(
                f"{ref!r} is no message's id",
                hint="An id has 64 hexadecimal digits, the first of which are enough: p2pd history --ids.",
            )
        if len(prefix) < SHORTEST_PREFIX:
            raise UsageError(
                f"{ref!r} is too short for a message's id",
                hint=f"Give at least {SHORTEST_PREFIX} digits of it.",
            )
        found = await self._parts.store.find_lines(prefix)
        if len(found) == 1:
            return await self._parts.store.message(found[0])
        if found:
            starts = ", ".join(record_id.hex()[:DIGITS_SHOWN] for record_id in found)
            raise AmbiguousMessage(
                f"{len(found)} messages or more begin with {prefix}", hint=f"Give more digits: {starts}."
            )
        raise await self._no_such_message(prefix)

    async def _no_such_message(self, prefix: str) -> NoSuchMessage:
        hint = "Take an id that `p2pd history --ids` shows."
        if len(prefix) == 64:
            try:
                row = await self._parts.store.message(bytes.fromhex(prefix))
            except NoSuchMessage:
                row = None
            if row is not None and row.kind not in MESSAGE_KINDS and row.about is not None:
                hint = f"That is the id of a change ({row.kind}); it changes the message {row.about.hex()}."
        return NoSuchMessage(f"there is no message {prefix} here", hint=hint)

    async def _living(self, ref: str) -> MessageRow:
        row = await self.find(ref)
        if row.deleted:
            raise Refused("the message was deleted", hint="Its author took it back; nothing brings it back.")
        return row

    async def _own(self, ref: str, participle: str) -> MessageRow:
        row = await self._living(ref)
        if not row.own:
            name = self._parts.people.name_of(row.author)
            raise Refused(
                f"only {name}, who said it, can have the message {participle}",
                hint="p2pd block hides what somebody says from you.",
            )
        return self._signed(row)

    def _signed(self, row: MessageRow) -> MessageRow:
        """Raises Refused where the other one's program has no way to learn of a change."""
        if row.via:
            raise Refused(
                f"the message went by {row.via}, which knows no edits, deletes or reactions",
                hint="Say it in words: p2pd msg.",
            )
        return row

    async def _say(self, row: MessageRow, body: Body) -> Sent:
        """Where the message was said. Raises NoSuchRoom for a room that was left, OverLimit, Blocked, Refused."""
        if row.peer is not None:
            return await self._conversations.say(row.peer, body)
        room = self._rooms.named(row.room or "")
        room.check(body)
        said, count = await room.say(body)
        return Sent(id=said.record.id_hex, room=room.name, ts_ms=said.ts_ms, state=SENT if count else STORED)
