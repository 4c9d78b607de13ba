"""What a client can ask of the node (`api/control.py`), answered in the API's shapes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import trio
from p2pd_client.shapes import (
    Contact,
    Event,
    Id,
    NickSet,
    Sent,
)
from p2pd_client.status_shapes import ConfigValue, Kept, Outbox, Status, Syncing

from p2pd_daemon.api import Access
from p2pd_daemon.config import Config
from p2pd_daemon.core.event import check_nick
from p2pd_daemon.errors import UsageError
from p2pd_daemon.node.changes import Changes
from p2pd_daemon.node.chats import Chat, Chats
from p2pd_daemon.node.control_export import ExportControl
from p2pd_daemon.node.control_messages import MessageControl
from p2pd_daemon.node.control_page import PageControl
from p2pd_daemon.node.control_peers import PeerControl
from p2pd_daemon.node.control_rooms import RoomControl
from p2pd_daemon.node.export import Exporter
from p2pd_daemon.node.importing import Importer
from p2pd_daemon.node.node import Node
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.present import contact_shape, event_shape
from p2pd_daemon.node.references import References
from p2pd_daemon.node.rooms import spoken_body
from p2pd_daemon.version import __version__

REMEMBERED_PEERS = 1000  # as many as the store keeps


class NodeControl(PeerControl, RoomControl, MessageControl, ExportControl, PageControl):
    """Implements `Control`. Every reference to a peer is resolved here, once."""

    def __init__(self, parts: Parts, node: Node, config: Config, stop: trio.Event, access: Access) -> None:
        self._parts = parts
        self._references = References(parts)
        self._chats = Chats(parts, self._references)
        self._rooms = node.rooms
        self._conversations = node.conversations
        self._changes = Changes(parts, node.rooms, node.conversations)
        self._exporter = Exporter(parts, node.conversations)
        self._importer = Importer(parts, node.rooms, node.conversations)
        self._reconciler = node.reconciler
        self._store_nodes = node.store_nodes
        self._keeper = node.keeper
        self._config = config
        self._stop = stop
        self._access = access
        self._started_ms = parts.clock.now_ms()
        self.http: str | None = None  # set when the page's port is known

    # The node and its connections

    async def status(self) -> Status:
        parts = self._parts
        counts = await parts.store.outbox_counts()
        return Status(
            peer_id=parts.me,
            nick=parts.people.nick_of(parts.me),
            uptime_ms=parts.clock.now_ms() - self._started_ms,
            peers=len(parts.network.peers()),
            rooms=len(list(self._rooms.all())),
            outbox=Outbox(queued=counts.queued, sent=counts.sent),
            version=__version__,
            pid=os.getpid(),
            addrs=parts.network.addrs(),
            http=self.http,
            home=os.fspath(self._config.home),
            bootstrap=list(self._config.bootstrap),
            dropped=dict(parts.network.dropped),
            syncing=[
                Syncing(room=one.room, peer_id=one.peer, got=one.got, total=one.total)
                for one in self._reconciler.active
            ],
            clock_skew_ms=self._reconciler.clocks.skew_ms,
            store=await self._kept(),
            tasks=trio.lowlevel.current_statistics().tasks_living,
            newest_event=await parts.store.newest_event(),
        )

    async def _kept(self) -> Kept | None:
        if self._keeper is None:
            return None
        totals = await self._keeper.totals()
        return Kept(
            rooms=totals.rooms, mailboxes=totals.mailboxes, records=totals.records, bytes=totals.bytes
        )

    async def id(self) -> Id:
        return Id(peer_id=self._parts.me, addrs=self._parts.network.addrs())

    async def config(self) -> Sequence[ConfigValue]:
        return [
            ConfigValue(key=key, value=value, source=source) for key, value, source in self._config.shown()
        ]

    async def stop(self) -> None:
        self._stop.set()

    # People and direct conversations

    async def msg(self, to: str, text: str, kind: str) -> Sent:
        target = self._references.resolve(to)
        if target.addr is not None and target.peer != self._parts.me:
            await self._parts.store.remember_peer(
                target.peer, [target.addr], self._parts.clock.now_ms(), "user"
            )
            await self._references.try_connect(target.addr)
        body = spoken_body(text, kind, self._parts.limits.text_bytes)
        return await self._conversations.say(target.peer, body)

    def open_chat(self, peer: str | None) -> AbstractAsyncContextManager[Chat]:
        return self._chats.open(peer)

    async def nick(self) -> NickSet:
        return NickSet(nick=self._parts.people.nick_of(self._parts.me))

    async def set_nick(self, nick: str) -> NickSet:
        nick = check_nick(nick)
        await self._parts.store.set_meta("nick", nick)
        self._parts.people.call_myself(nick)
        for room in list(self._rooms.all()):
            await self._rooms.introduce(room)
        return NickSet(nick=nick)

    async def contacts(self) -> Sequence[Contact]:
        people = self._parts.people
        seen = {
            peer.peer: peer.last_seen_ms for peer in await self._parts.store.peers_known(REMEMBERED_PEERS)
        }
        talked = {
            row.peer for row in await self._parts.store.rooms(joined_only=False) if row.peer is not None
        }
        found = [contact_shape(self._parts, peer, seen.get(peer)) for peer in people.known() | talked]
        return sorted(found, key=lambda contact: (contact.name.casefold(), contact.peer_id))

    async def set_petname(self, peer: str, petname: str) -> Contact:
        found = await self._references.remembered(peer)
        await self._parts.people.set_petname(
            self._parts.store, found, check_nick(petname), self._parts.clock.now_ms()
        )
        return contact_shape(self._parts, found, None)

    async def remove_contact(self, peer: str) -> None:
        await self.set_petname(self._references.resolve(peer).peer, "")

    async def block(self, peer: str) -> None:
        found = await self._references.remembered(peer)
        if found == self._parts.me:
            raise UsageError("that is this node's own peer ID", hint="Block somebody else.")
        await self._parts.people.block(self._parts.store, found, self._parts.clock.now_ms())

    async def unblock(self, peer: str) -> None:
        await self._parts.people.unblock(self._parts.store, self._references.resolve(peer).peer)

    async def blocks(self) -> Sequence[Contact]:
        return [contact_shape(self._parts, peer, None) for peer in sorted(self._parts.people.blocked)]

    # Events

    async def events_after(self, n: int, limit: int) -> Sequence[Event]:
        rows = await self._parts.store.events_after(n, limit)
        shown = [
            event_shape(self._parts.people, row)
            for row in rows
            if self._parts.people.blocked.isdisjoint({row.data.get("from"), row.data.get("by")})
        ]
        if rows and not shown:  # only hidden ones: the cursor must not stop before them
            return await self.events_after(rows[-1].n, limit)
        return shown

    async def wait_events(self, after_n: int) -> int:
        return await self._parts.store.wait_events(after_n)

    async def newest_event(self) -> int:
        return await self._parts.store.newest_event()

    async def oldest_event(self) -> int:
        return await self._parts.store.oldest_event()
