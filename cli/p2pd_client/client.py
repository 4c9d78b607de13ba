"""The SDK's asynchronous face, for trio and asyncio.

async with p2pd_client.connect() as node:
    await node.join("lobby")
    await node.send("lobby", "hello")
    async for message in node.messages("lobby"):
        print(message.name, message.text)
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager

from . import asked, calls, shapes, status_shapes
from .asking import Asking
from .events import Events, Messages
from .export_shapes import ExportLine, ExportManifest, ExportQuery, Gone, Imported, ImportRequest
from .line_chat import LineChat, open_line_chat
from .link import Address
from .page_shapes import PageLink, TokenReset
from .receipts import Receipts, Texts, open_receipts


def connect(
    home: str | os.PathLike[str] | None = None,
    *,
    socket: str | os.PathLike[str] | None = None,
    url: str | None = None,
    token: str | None = None,
    timeout: float = 30.0,
) -> Client:
    """A client of a running daemon, to be used as `async with connect() as node`.

    The daemon is found by its `home` folder (`$P2PD_HOME` or the usual one), by its unix `socket`, or on TCP
    by `url` and `token`. `timeout` (seconds) is for each whole request, not for event streams.
    """
    return Client(Address(home, socket, url, token), timeout)


class Client(Asking):
    """Calls raise ApiError: DaemonNotRunning, ConnectionLost, or what the daemon answered, told by its
    `code`.

    Calls may run at the same time, each on a connection of its own. Opening the client asks nothing of the
    daemon.
    """

    # The node and its connections

    async def status(self) -> status_shapes.Status:
        return await self._ask(calls.status())

    async def id(self) -> shapes.Id:
        return await self._ask(calls.node_id())

    async def config(self) -> list[status_shapes.ConfigValue]:
        return await self._ask(calls.config())

    async def stop(self) -> None:
        """Stops the daemon; returns when it has begun to."""
        await self._ask(calls.stop())

    async def peers(self) -> list[shapes.Peer]:
        return await self._ask(calls.peers())

    async def connect(self, addr: str) -> shapes.Connected:
        return await self._ask(calls.connect(addr))

    async def disconnect(self, peer: str) -> None:
        await self._ask(calls.disconnect(peer))

    async def ping(self, peer: str, count: int = 3) -> shapes.Pinged:
        return await self._ask(calls.ping(peer, count))

    async def page_link(self, page: str = "") -> PageLink:
        """A link that opens the page in a browser, once; `page` may be `receive` or `send`."""
        return await self._ask(calls.page_link(page))

    async def reset_token(self) -> TokenReset:
        """Makes every token, cookie and link so far worth nothing, this client's too if it came by `url`."""
        return await self._ask(calls.reset_token())

    # Rooms and messages

    async def rooms(self) -> list[shapes.Room]:
        return await self._ask(calls.rooms())

    async def members(self, room: str) -> list[shapes.Member]:
        """Who is in a joined room: oneself, who is connected, and who was seen there before."""
        return await self._ask(calls.members(room))

    async def join(
        self, room: str, wire: str | None = None, *, announce: bool | None = None
    ) -> shapes.Joined:
        """`wire` says whose format the room has: `p2pd`, `text` (universal-connectivity) or `chat-room`.

        `announce` is for text rooms: whether to tell our addresses on universal-connectivity's discovery topic.
        """
        return await self._ask(calls.join(room, wire, announce))

    async def leave(self, room: str) -> None:
        await self._ask(calls.leave(room))

    async def send(self, room: str, text: str, kind: str = "text") -> shapes.Sent:
        """Says something in a joined room; `kind` is `text` or `action`. It is stored when this returns."""
        return await self._ask(calls.send(room, text, kind))

    def send_many(self, room: str, texts: Texts, kind: str = "text") -> AbstractAsyncContextManager[Receipts]:
        """Says many things in one request, and yields a receipt for each when it is stored.

            async with node.send_many("lobby", texts) as receipts:
                async for receipt in receipts:
                    print(receipt.line, receipt.id or receipt.error)

        `texts` is any iterable, asynchronous or not; it is taken from as fast as the room's members keep up. One that
        is refused has a receipt with an `error`, and the others go on. Raises ApiError on entry when none can be sent.
        """
        return open_receipts(self._links, calls.send_lines(room), texts, kind, self._timeout)

    async def msg(self, to: str, text: str, kind: str = "text") -> shapes.Sent:
        """Says something to one peer: a peer ID, a nickname or a multiaddr. It is stored when this
        returns.
        """
        return await self._ask(calls.msg(to, text, kind))

    def chat_lines(
        self, peer: str | None = None, *, waiting: Callable[[], object] = lambda: None
    ) -> AbstractAsyncContextManager[LineChat]:
        """Chats by lines (/chat/1.0.0, of libp2p's examples) with a peer; without one, with the next one who calls.

            async with node.chat_lines("ana") as chat:
                await chat.say("hello")
                async for line in chat:
                    print(chat.name, line)

        Nothing of it is signed or stored. Raises ApiError on entry when the peer cannot be reached or does not answer.
        `waiting` is called as soon as a call would be taken.
        """
        timeout = self._timeout if peer is not None else None
        return open_line_chat(self._links, calls.chat_lines(peer), timeout, waiting)

    async def conversations(self) -> list[shapes.Conversation]:
        return await self._ask(calls.conversations())

    async def history(
        self,
        target: str | None = None,
        *,
        room: str | None = None,
        peer: str | None = None,
        limit: int = 50,
        before: str | None = None,
        after: str | None = None,
        search: str | None = None,
    ) -> list[shapes.Message]:
        """Messages of a room or of the conversation with a peer, oldest first: the newest ones (older than the id
        `before`), or those that follow the id `after`.
        """
        query = asked.HistoryQuery(room, peer, target, limit, before, search, after)
        return await self._ask(calls.history(query))

    async def message(self, ref: str) -> shapes.MessageVersions:
        """One message, and what it said before. `ref`, here and below, is its id or at least the first 6 digits."""
        return await self._ask(calls.message(ref))

    async def edit(self, ref: str, text: str) -> shapes.Sent:
        """Gives a message of one's own another text."""
        return await self._ask(calls.edit(ref, text))

    async def delete(self, ref: str) -> shapes.Sent:
        """Takes a message of one's own back."""
        return await self._ask(calls.delete(ref))

    async def react(self, ref: str, symbol: str, *, remove: bool = False) -> shapes.Sent:
        """Reacts to a message with an emoji or a short word; `remove` takes that back."""
        return await self._ask(calls.react(ref, symbol, remove))

    async def reply(self, ref: str, text: str) -> shapes.Sent:
        """Answers a message where it was said."""
        return await self._ask(calls.reply(ref, text))

    async def export(
        self,
        target: str | None = None,
        *,
        room: str | None = None,
        peer: str | None = None,
        since_ms: int | None = None,
        after: str | None = None,
    ) -> AsyncGenerator[ExportManifest | ExportLine]:
        """The manifest and then the records of a room or conversation, page by page, as they are now.

        Each is a line of an export file, as `msgspec.json.encode` writes it.
        """
        page = await self._ask(calls.export(ExportQuery(room, peer, target, since_ms, after)))
        if page.manifest is not None:
            yield page.manifest
        while True:
            for line in page.lines:
                yield line
            if page.next is None:
                return
            page = await self._ask(calls.export(ExportQuery(cursor=page.next)))

    async def import_records(
        self,
        topic: str,
        records: Sequence[str],
        *,
        gone: Sequence[Gone] = (),
        peers: Sequence[str] = (),
        seen_ms: Sequence[int] = (),
    ) -> Imported:
        """Takes in at most 1,000 records (base64, `raw` of an export) of one topic; the answer says which were not.

        `gone` are those of deleted records, after the records that deleted them. `peers` are `by` and `peer` of the
        manifest. `seen_ms` are `ts_ms` of the lines, for rooms of other people's formats.
        """
        batch = ImportRequest(topic, list(records), list(gone), list(peers), list(seen_ms))
        return await self._ask(calls.import_records(batch))

    async def mark_read(self, target: str) -> None:
        await self._ask(calls.mark_read(target))

    # People

    async def nick(self) -> str:
        return (await self._ask(calls.nick())).nick

    async def set_nick(self, nick: str) -> str:
        return (await self._ask(calls.set_nick(nick))).nick

    async def contacts(self) -> list[shapes.Contact]:
        return await self._ask(calls.contacts())

    async def set_petname(self, peer: str, petname: str) -> shapes.Contact:
        return await self._ask(calls.set_petname(peer, petname))

    async def remove_contact(self, peer: str) -> None:
        await self._ask(calls.remove_contact(peer))

    async def block(self, peer: str) -> None:
        await self._ask(calls.block(peer))

    async def unblock(self, peer: str) -> None:
        await self._ask(calls.unblock(peer))

    async def blocks(self) -> list[shapes.Contact]:
        return await self._ask(calls.blocks())

    # Events

    def events(
        self,
        after: int | None = None,
        *,
        kinds: Collection[str] = (),
        room: str | None = None,
        reconnect: bool = True,
    ) -> Events:
        """The daemon's events with a number above `after`; without it, those from now on.

        An asynchronous iterator. It goes on by itself, without loss, when the daemon restarts, unless
        `reconnect` is False. An event `gap` says that events were dropped before they were fetched.
        """
        call = calls.events(after, ",".join(kinds) or None, room)
        return Events(self._links, call, reconnect=reconnect, timeout=self._timeout)

    def messages(self, room: str | None = None, *, after: int | None = None) -> Messages:
        """New messages, own ones too: of one room, or of all rooms and conversations."""
        return Messages(self.events(after, kinds=["message"], room=room))
