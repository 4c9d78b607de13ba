"""A node without a network, for the tests of the HTTP layer: rooms, messages and events, kept in memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio
from p2pd_client.export_shapes import ExportLine, ExportManifest, ExportPage, Gone, Imported, Skipped
from p2pd_client.page_shapes import PageLink, TokenReset
from p2pd_client.shapes import (
    Connected,
    Contact,
    Conversation,
    Event,
    Id,
    Joined,
    LastMessage,
    Member,
    Message,
    MessageVersions,
    NickSet,
    Peer,
    Pinged,
    Reaction,
    Room,
    Sent,
    Version,
)
from p2pd_client.status_shapes import ConfigValue, Outbox, Status
from p2pd_daemon import errors
from p2pd_daemon.api import Access
from p2pd_daemon.api.control import Outcomes
from p2pd_daemon.core.event import check_nick, check_symbol, check_text
from p2pd_daemon.core.room import Wire, check_room_name, room_topic

ME = "12D3KooWMemoryMemoryMemoryMemoryMemoryMemoryMemoryMe"
ADA = "12D3KooWAdaAdaAdaAdaAdaAdaAdaAdaAdaAdaAdaAdaAdaAdaAd"


class EchoChat:
    """Says back what is said, and that the chat broke when that is `break`."""

    peer_id, name, agent = ADA, "ada", "test/1"

    def __init__(self) -> None:
        self._said, self._to_hear = trio.open_memory_channel[str](10)

    async def receive(self) -> list[str]:
        try:
            line = await self._to_hear.receive()
        except trio.EndOfChannel:
            return []
        if line == "break":
            raise errors.NetworkError("it broke")
        return [line]

    async def say(self, text: str) -> None:
        await self._said.send(text)

    async def finish(self) -> None:
        self._said.close()


class MemoryControl:
    """Ada (`ADA`) is the one other person there is. `keep` is how many events are kept."""

    access: Access

    def __init__(self, keep: int = 100_000) -> None:
        self.topics: dict[str, list[Message]] = {}
        self.direct: dict[str, list[Message]] = {}
        self.log: list[Event] = []
        self.pruned = 0
        self.keep = keep
        self.my_nick = ""
        self.petnames: dict[str, str] = {}
        self.blocked: set[str] = set()
        self.connected = {ADA}
        self.to_export: list[ExportLine] = []
        self.stopped = trio.Event()
        self.ada_calls = trio.Event()
        self.chats_open = 0
        self.taking = trio.Event()
        self.taking.set()
        self.begun = 0
        self._changed = trio.Event()
        self._now_ms = 1_700_000_000_000

    # The node and its connections

    async def status(self) -> Status:
        return Status(
            peer_id=ME,
            nick=self.my_nick,
            uptime_ms=1,
            peers=len(self.connected),
            rooms=len(self.topics),
            outbox=Outbox(0, 0),
            version="0",
            pid=1,
            addrs=[],
            http=None,
            home="/nowhere",
            bootstrap=[],
            dropped={},
            newest_event=await self.newest_event(),
        )

    async def id(self) -> Id:
        return Id(ME, [f"/ip4/127.0.0.1/tcp/1/p2p/{ME}"])

    async def peers(self) -> Sequence[Peer]:
        return [Peer(peer, "ada", [], "out", self._now_ms, 0.5) for peer in self.connected]

    async def connect(self, addr: str) -> Connected:
        peer = self._peer(addr)
        self.connected.add(peer)
        return Connected(peer, f"/ip4/127.0.0.1/tcp/2/p2p/{peer}", 1.5)

    async def disconnect(self, peer: str) -> None:
        self.connected.discard(self._peer(peer))

    async def ping(self, peer: str, count: int) -> Pinged:
        return Pinged(self._peer(peer), [0.5] * count)

    async def config(self) -> Sequence[ConfigValue]:
        return [ConfigValue("mdns", True, "default")]

    async def stop(self) -> None:
        self.stopped.set()

    # The page

    async def page_link(self, page: str) -> PageLink:
        path = f"/{page}?token={self.access.new_code()}"
        return PageLink(f"http://127.0.0.1:{path}", path, self._now_ms)

    async def reset_token(self) -> TokenReset:
        self.access.reset()
        return TokenReset(await self.page_link(""))

    # Rooms

    async def rooms(self) -> Sequence[Room]:
        return [
            Room(room, f"p2pd/1/{room}", len(said), 1, said[-1].ts_ms if said else None, last=_last(said))
            for room, said in self.topics.items()
        ]

    async def members(self, room: str) -> Sequence[Member]:
        self._room(room)
        here = [Member(peer, "ada", "ada", True, False) for peer in self.connected]
        return [Member(ME, self.my_nick, self.my_nick, True, True), *here]

    async def join(self, room: str, wire: str | None = None, announce: bool | None = None) -> Joined:
        room = check_room_name(room)
        self.topics.setdefault(room, [])
        return Joined(room, room_topic(room, Wire(wire or "p2pd")), wire or "p2pd", bool(announce))

    async def leave(self, room: str) -> None:
        del self.topics[self._room(room)]

    async def send(self, room: str, text: str, kind: str) -> Sent:
        said = self.topics[self._room(room)]
        message = self._message(text, kind, room, None)
        said.append(message)
        self.add_event("message", msgspec.to_builtins(message))
        return Sent(message.id, message.ts_ms, "stored", room=room)

    async def keep_rate(self, room: str, most: int) -> int:
        self._room(room)
        return most

    async def begin_send(self, room: str, said: Sequence[tuple[str, str]]) -> Outcomes:
        """Each message waits for `taking`, as for members who are slow."""
        self._room(room)

        async def outcomes() -> Sequence[Sent | errors.P2pdError]:
            done: list[Sent | errors.P2pdError] = []
            for text, kind in said:
                await self.taking.wait()
                try:
                    done.append(await self.send(room, text, kind))
                except errors.P2pdError as error:
                    done.append(error)
            return done

        self.begun += len(said)
        return outcomes

    # People

    async def msg(self, to: str, text: str, kind: str) -> Sent:
        peer = self._peer(to)
        message = self._message(text, kind, None, peer)
        self.direct.setdefault(peer, []).append(message)
        self.add_event("message", msgspec.to_builtins(message))
        return Sent(message.id, message.ts_ms, "queued", to=peer)

    @asynccontextmanager
    async def open_chat(self, peer: str | None) -> AsyncIterator[EchoChat]:
        """Ada says each line back. Without a peer she calls when `ada_calls` is set."""
        if peer is not None:
            self._peer(peer)
        self.chats_open += 1
        try:
            if peer is None:
                await self.ada_calls.wait()
            yield EchoChat()
        finally:
            self.chats_open -= 1

    async def conversations(self) -> Sequence[Conversation]:
        return [
            Conversation(peer, "ada", "ada", 0, 0, said[-1].ts_ms, _last(said), peer in self.blocked)
            for peer, said in self.direct.items()
        ]

    async def nick(self) -> NickSet:
        return NickSet(self.my_nick)

    async def set_nick(self, nick: str) -> NickSet:
        self.my_nick = check_nick(nick)
        return NickSet(self.my_nick)

    async def contacts(self) -> Sequence[Contact]:
        return [self._contact(ADA)]

    async def set_petname(self, peer: str, petname: str) -> Contact:
        self.petnames[self._peer(peer)] = check_nick(petname)
        return self._contact(ADA)

    async def remove_contact(self, peer: str) -> None:
        self.petnames.pop(self._peer(peer), None)

    async def block(self, peer: str) -> None:
        self.blocked.add(self._peer(peer))

    async def unblock(self, peer: str) -> None:
        self.blocked.discard(self._peer(peer))

    async def blocks(self) -> Sequence[Contact]:
        return [self._contact(peer) for peer in self.blocked]

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
        if target is not None:
            room, peer = (target, None) if target in self.topics else (None, target)
        found = self.topics[self._room(room)] if room else self.direct.get(self._peer(peer or ""), [])
        if before is not None:
            ids = [message.id for message in found]
            if before not in ids:
                raise errors.NoSuchMessage("there is no such message")
            found = found[: ids.index(before)]
        if after is not None:
            return found[[message.id for message in found].index(after) + 1 :][:limit]
        return [message for message in found if not search or search in message.text][-limit:]

    async def message(self, ref: str) -> MessageVersions:
        _, _, message = self._find(ref)
        return MessageVersions(message, [Version(message.id, message.ts_ms, message.text)])

    async def edit(self, ref: str, text: str) -> Sent:
        return self._change(ref, "edit", text=check_text(text), edited=True)

    async def delete(self, ref: str) -> Sent:
        return self._change(ref, "delete", text="", deleted=True)

    async def react(self, ref: str, symbol: str, remove: bool) -> Sent:
        symbol = check_symbol(symbol)
        return self._change(ref, "reaction", reactions=[] if remove else [Reaction(symbol, 1, True, [ME])])

    async def reply(self, ref: str, text: str) -> Sent:
        said, _, message = self._find(ref)
        said.append(
            msgspec.structs.replace(
                self._message(text, "text", message.room, message.peer), reply_to=message.id
            )
        )
        return Sent(said[-1].id, said[-1].ts_ms, "stored", room=message.room, to=message.peer)

    async def export(self, **asked: Any) -> ExportPage:
        """One page for each message."""
        said = await self.history(room=asked["room"], peer=asked["peer"], target=asked["target"])
        head = ExportManifest(
            1, "", None, "", 1, ME, asked["since_ms"], asked["after"], 0, None, None, "", ""
        )
        self.to_export = [ExportLine(message.id, message.ts_ms, text=message.text) for message in said]
        return ExportPage(head, [], "0")

    async def export_on(self, cursor: str) -> ExportPage:
        at = int(cursor)
        lines = self.to_export[at : at + 1]
        return ExportPage(None, lines, str(at + 1) if lines else None)

    async def import_records(
        self,
        topic: str,
        records: Sequence[str],
        gone: Sequence[Gone],
        peers: Sequence[str],
        seen_ms: Sequence[int] = (),
    ) -> Imported:
        return Imported(topic, ",".join(peers), False, len(records), len(gone), [Skipped(0, "no")], [])

    async def mark_read(self, target: str) -> None:
        if target not in self.topics:
            self._peer(target)

    # Events

    async def events_after(self, n: int, limit: int) -> Sequence[Event]:
        start = max(0, n - self.pruned)
        return self.log[start : start + limit]

    async def wait_events(self, after_n: int) -> int:
        await trio.lowlevel.checkpoint()
        while (newest := self.pruned + len(self.log)) <= after_n:
            await self._changed.wait()
        return newest

    async def newest_event(self) -> int:
        return self.pruned + len(self.log)

    async def oldest_event(self) -> int:
        return self.pruned + 1

    # The rest is for the tests

    def add_event(self, kind: str, about: dict[str, Any]) -> None:
        self.log.append(Event(self.pruned + len(self.log) + 1, kind, self._tick(), about))
        if (extra := len(self.log) - self.keep) > 0:
            del self.log[:extra]
            self.pruned += extra
        self._changed.set()
        self._changed = trio.Event()

    def _tick(self) -> int:
        self._now_ms += 1
        return self._now_ms

    def _find(self, ref: str) -> tuple[list[Message], int, Message]:
        for said in (*self.topics.values(), *self.direct.values()):
            for at, message in enumerate(said):
                if len(ref) >= 6 and message.id.startswith(ref):
                    return said, at, message
        raise errors.NoSuchMessage("there is no such message")

    def _change(self, ref: str, kind: str, **changes: Any) -> Sent:
        said, at, message = self._find(ref)
        if message.deleted:
            raise errors.Refused("the message was deleted")
        said[at] = msgspec.structs.replace(message, **changes)
        self.add_event(kind, msgspec.to_builtins(said[at]) | {"by": ME})
        return Sent("c" * 64, self._tick(), "stored", room=message.room, to=message.peer)

    def _message(self, text: str, kind: str, room: str | None, peer: str | None) -> Message:
        check_text(text)
        ts_ms = self._tick()
        record_id = hashlib.sha256(f"{ts_ms}".encode()).hexdigest()
        return Message(record_id, room, ME, self.my_nick, ts_ms, kind, text, "stored", "me", peer)

    def _contact(self, peer: str) -> Contact:
        petname = self.petnames.get(peer, "")
        return Contact(peer, "ada", petname, petname or "ada", peer in self.blocked, True, None)

    def _room(self, room: str) -> str:
        if room not in self.topics:
            raise errors.NoSuchRoom(
                f"you are not in the room {room!r}", hint=f"join it first: p2pd join {room}"
            )
        return room

    def _peer(self, reference: str) -> str:
        if reference in {ADA, "ada"} or reference.endswith(f"/p2p/{ADA}"):
            return ADA
        raise errors.NoSuchPeer(f"nobody is known as {reference!r}", hint="p2pd contacts lists who is")


def _last(said: Sequence[Message]) -> LastMessage | None:
    if not said:
        return None
    last = said[-1]
    return LastMessage(last.from_, last.name, last.text, last.kind, last.ts_ms, last.deleted)
