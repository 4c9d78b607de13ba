"""The SDK's synchronous face: the asynchronous one, run in a thread of its own.

with p2pd_client.sync.connect() as node:
    node.send("lobby", "hello")
    for message in node.messages("lobby"):
        print(message.name, message.text)
"""

from __future__ import annotations

import os
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Final, TypeVar

import anyio
import anyio.to_thread
from anyio.from_thread import start_blocking_portal

from . import client as asynchronous
from . import line_chat, shapes, status_shapes
from .events import Events, Messages
from .export_shapes import ExportLine, ExportManifest, Gone, Imported
from .page_shapes import PageLink, TokenReset

T = TypeVar("T")
_END: Final = object()


def connect(
    home: str | os.PathLike[str] | None = None,
    *,
    socket: str | os.PathLike[str] | None = None,
    url: str | None = None,
    token: str | None = None,
    timeout: float = 30.0,
) -> Client:
    """As `p2pd_client.connect`, to be used as `with connect() as node`."""
    return Client(asynchronous.connect(home, socket=socket, url=url, token=token, timeout=timeout))


class Client:
    """The same calls and errors as the asynchronous client's; see there. Usable from several threads."""

    def __init__(self, node: asynchronous.Client) -> None:
        self._node = node
        self._open = ExitStack()

    def __enter__(self) -> Client:
        self._portal = self._open.enter_context(start_blocking_portal("asyncio"))
        self._open.callback(self._portal.call, self._node.aclose)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def _run(self, call: Callable[..., Awaitable[T]], *arguments: object) -> T:
        return self._portal.call(call, *arguments)

    # The node and its connections

    def status(self) -> status_shapes.Status:
        return self._run(self._node.status)

    def id(self) -> shapes.Id:
        return self._run(self._node.id)

    def config(self) -> list[status_shapes.ConfigValue]:
        return self._run(self._node.config)

    def stop(self) -> None:
        self._run(self._node.stop)

    def peers(self) -> list[shapes.Peer]:
        return self._run(self._node.peers)

    def connect(self, addr: str) -> shapes.Connected:
        return self._run(self._node.connect, addr)

    def disconnect(self, peer: str) -> None:
        self._run(self._node.disconnect, peer)

    def ping(self, peer: str, count: int = 3) -> shapes.Pinged:
        return self._run(self._node.ping, peer, count)

    def page_link(self, page: str = "") -> PageLink:
        return self._run(self._node.page_link, page)

    def reset_token(self) -> TokenReset:
        return self._run(self._node.reset_token)

    # Rooms and messages

    def rooms(self) -> list[shapes.Room]:
        return self._run(self._node.rooms)

    def members(self, room: str) -> list[shapes.Member]:
        return self._run(self._node.members, room)

    def join(self, room: str, wire: str | None = None, *, announce: bool | None = None) -> shapes.Joined:
        return self._run(partial(self._node.join, room, wire, announce=announce))

    def leave(self, room: str) -> None:
        self._run(self._node.leave, room)

    def send(self, room: str, text: str, kind: str = "text") -> shapes.Sent:
        return self._run(self._node.send, room, text, kind)

    def send_many(self, room: str, texts: Iterable[str], kind: str = "text") -> Iterator[shapes.Receipt]:
        """Says many things in one request, and yields a receipt for each when it is stored.

        As the asynchronous client's; `texts` are taken from another thread than the one that takes the receipts.
        """
        sending = self._node.send_many(room, _from_thread(texts), kind)
        opened = self._portal.wrap_async_context_manager(sending)
        receipts = opened.__enter__()
        try:
            while batch := self._run(receipts.batch):
                yield from batch
        finally:
            with suppress(RuntimeError):  # the client is closed, and what was open with it
                opened.__exit__(None, None, None)

    def msg(self, to: str, text: str, kind: str = "text") -> shapes.Sent:
        return self._run(self._node.msg, to, text, kind)

    @contextmanager
    def chat_lines(self, peer: str | None = None) -> Iterator[LineChat]:
        """Chats by lines with a peer; without one, with the next one who calls. As the asynchronous client's."""
        opening = self._portal.wrap_async_context_manager(self._node.chat_lines(peer))
        with opening as chat:
            yield LineChat(self, chat)

    def conversations(self) -> list[shapes.Conversation]:
        return self._run(self._node.conversations)

    def history(
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
        ask = partial(
            self._node.history, room=room, peer=peer, limit=limit, before=before, after=after, search=search
        )
        return self._run(ask, target)

    def message(self, ref: str) -> shapes.MessageVersions:
        return self._run(self._node.message, ref)

    def edit(self, ref: str, text: str) -> shapes.Sent:
        return self._run(self._node.edit, ref, text)

    def delete(self, ref: str) -> shapes.Sent:
        return self._run(self._node.delete, ref)

    def react(self, ref: str, symbol: str, *, remove: bool = False) -> shapes.Sent:
        return self._run(partial(self._node.react, ref, symbol, remove=remove))

    def reply(self, ref: str, text: str) -> shapes.Sent:
        return self._run(self._node.reply, ref, text)

    def export(
        self,
        target: str | None = None,
        *,
        room: str | None = None,
        peer: str | None = None,
        since_ms: int | None = None,
        after: str | None = None,
    ) -> Iterator[ExportManifest | ExportLine]:
        lines = self._node.export(target, room=room, peer=peer, since_ms=since_ms, after=after)
        return self._iterate(lines, lines.__anext__)

    def import_records(
        self,
        topic: str,
        records: Sequence[str],
        *,
        gone: Sequence[Gone] = (),
        peers: Sequence[str] = (),
        seen_ms: Sequence[int] = (),
    ) -> Imported:
        asked = partial(self._node.import_records, topic, records, gone=gone, peers=peers, seen_ms=seen_ms)
        return self._run(asked)

    def mark_read(self, target: str) -> None:
        self._run(self._node.mark_read, target)

    # People

    def nick(self) -> str:
        return self._run(self._node.nick)

    def set_nick(self, nick: str) -> str:
        return self._run(self._node.set_nick, nick)

    def contacts(self) -> list[shapes.Contact]:
        return self._run(self._node.contacts)

    def set_petname(self, peer: str, petname: str) -> shapes.Contact:
        return self._run(self._node.set_petname, peer, petname)

    def remove_contact(self, peer: str) -> None:
        self._run(self._node.remove_contact, peer)

    def block(self, peer: str) -> None:
        self._run(self._node.block, peer)

    def unblock(self, peer: str) -> None:
        self._run(self._node.unblock, peer)

    def blocks(self) -> list[shapes.Contact]:
        return self._run(self._node.blocks)

    # Events

    def events(
        self,
        after: int | None = None,
        *,
        kinds: Collection[str] = (),
        room: str | None = None,
        reconnect: bool = True,
    ) -> Iterator[shapes.Event]:
        """Blocks for the next event; see the asynchronous client."""
        stream = self._node.events(after, kinds=kinds, room=room, reconnect=reconnect)
        return self._iterate(stream, stream.__anext__)

    def messages(self, room: str | None = None, *, after: int | None = None) -> Iterator[shapes.Message]:
        stream = self._node.messages(room, after=after)
        return self._iterate(stream, stream.__anext__)

    def _iterate(
        self, stream: Events | Messages | AsyncGenerator[T], step: Callable[[], Awaitable[T]]
    ) -> Iterator[T]:
        try:
            while True:
                try:
                    yield self._run(step)
                except StopAsyncIteration:
                    return
        finally:
            with suppress(RuntimeError):  # the client is closed, and the stream with it
                self._run(stream.aclose)


class LineChat:
    """As the asynchronous one; one thread may iterate while another one says something."""

    def __init__(self, client: Client, chat: line_chat.LineChat) -> None:
        self.peer_id, self.name, self.agent = chat.peer_id, chat.name, chat.agent
        self._client = client
        self._chat = chat

    def __iter__(self) -> Iterator[str]:
        while True:
            try:
                yield self._client._run(self._chat.__anext__)
            except StopAsyncIteration:
                return

    def say(self, text: str) -> None:
        self._client._run(self._chat.say, text)

    def finish(self) -> None:
        self._client._run(self._chat.finish)


async def _from_thread(texts: Iterable[str]) -> AsyncIterator[str]:
    """Takes what may block (a file, a queue) in a thread. What is in memory is taken at once."""
    if isinstance(texts, Sequence):
        for text in texts:
            yield text
        return
    rest = iter(texts)
    while (text := await anyio.to_thread.run_sync(next, rest, _END, abandon_on_cancel=True)) is not _END:
        assert isinstance(text, str)  # noqa: S101 - for the type checker, to which _END is a str as well
        yield text
