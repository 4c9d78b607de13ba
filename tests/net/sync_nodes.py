"""Nodes that only catch up: a real host, a real store, real rooms, and sessions that begin when the test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio
from libp2p.abc import INetStream
from net.support import Node, open_node, until
from p2pd_daemon.core.event import Text
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.record import decode_record, verify_record
from p2pd_daemon.net import sync as net_sync
from p2pd_daemon.net.streams import reset_stream, write_all
from p2pd_daemon.net.sync import SyncChannel
from p2pd_daemon.node.clock import Clock, Seqnos
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.people import People
from p2pd_daemon.node.reconciler import Reconciler
from p2pd_daemon.node.room import Room
from p2pd_daemon.node.rooms import Rooms
from p2pd_daemon.node.store_nodes import StoreNodes
from p2pd_daemon.store.store import Store, open_store

ROOM = "lobby"


class Quiet:
    """A listener of rooms that begins no session by itself."""

    async def watch(self, room: Room) -> None:
        await trio.sleep_forever()

    def met(self, room: Room, peer: PeerId) -> None: ...

    def said(self, room: Room) -> None: ...


@dataclass
class SyncNode:
    node: Node
    store: Store
    room: Room
    reconciler: Reconciler
    said: int = 0

    async def say(self, count: int) -> None:
        """Stored here, and sent to nobody."""
        for _ in range(count):
            self.said += 1
            await self.room.timeline.say(Text(f"number {self.said} " + "x" * 100, None))

    def stream(self, other: SyncNode) -> AbstractAsyncContextManager[SyncChannel]:
        return self.node.network.open_sync(other.node.peer_id)

    async def stream_to(self, peer: PeerId) -> None:
        """Opens a stream and closes it. Raises NetworkError."""
        async with self.node.network.open_sync(peer):
            pass

    async def sync(self, other: SyncNode) -> dict[str, Any] | None:
        """A session that we begin; what it said of itself, None when it brought nothing or was cut."""
        for each in (self, other):
            await until(lambda one=each: not one.reconciler.active and not one.reconciler._turns._with)
        newest = await self.store.newest_event()
        await self.reconciler._begin(self.room, other.node.peer_id)
        await until(lambda: not other.reconciler.active)
        events = [one for one in await self.store.events_after(newest) if one.kind == "synced"]
        return dict(events[-1].data) if events else None

    async def places(self) -> set[tuple[int, bytes]]:
        return set(await self.store.places(self.room.room_n))

    async def check_sound(self, may_have: set[tuple[int, bytes]]) -> None:
        """The store has nothing but whole, verified records of the room, and the tree knows exactly them."""
        places = await self.places()
        assert places <= may_have
        assert set((await self.room.timeline.places.tree()).items()) == places
        raws = await self.store.raws([one for _, one in places])
        assert len(raws) == len(places)
        for record_id, raw in raws.items():
            record = decode_record(raw)
            verify_record(record)
            assert record.id == record_id


async def no_mail(*_: object) -> Any:
    raise AssertionError("nobody holds anything for us")


@asynccontextmanager
async def open_sync_node(home: Path) -> AsyncIterator[SyncNode]:
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(home))
        node = await stack.enter_async_context(open_node())
        nursery = await stack.enter_async_context(trio.open_nursery())
        clock = Clock()
        parts = Parts(
            node.key,
            store,
            node.network,
            People(node.peer_id),
            clock,
            Seqnos(clock, 0),
            Limits(),
            nursery,
        )
        rooms = Rooms(parts)
        rooms.listener = Quiet()
        reconciler = Reconciler(parts, rooms, StoreNodes(parts, (), no_mail))
        node.events.answer_sync = reconciler.answer
        yield SyncNode(node, store, await rooms.join(ROOM), reconciler)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_pair(folder: Path) -> AsyncIterator[tuple[SyncNode, SyncNode]]:
    async with open_sync_node(folder / "ann") as ann, open_sync_node(folder / "bob") as bob:
        await ann.node.network.connect(bob.node.addr)
        await until(lambda: bob.node.network.is_connected(ann.node.peer_id))
        yield ann, bob


class Faults:
    """From byte `cut_at` of a session on what is written to `reader` is lost, and its stream; or a byte is changed."""

    def __init__(self, reader: SyncNode, *, cut_at: int | None = None, flip_at: int | None = None) -> None:
        self._reader = reader.node.peer_id
        self._cut_at = cut_at
        self._flip_at = flip_at
        self._written = 0
        self.struck = False

    @contextmanager
    def bend(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(net_sync, "write_all", self._write)
            yield

    async def _write(self, stream: INetStream, content: bytes, timeout: float) -> None:
        if stream.muxed_conn.peer_id.to_base58() != self._reader:
            await write_all(stream, content, timeout)
            return
        start, self._written = self._written, self._written + len(content)
        if self._cut_at is not None and self._written > self._cut_at:
            self.struck = True
            if start < self._cut_at:
                await write_all(stream, content[: self._cut_at - start], timeout)
            await reset_stream(stream)
            raise EOFError("cut by the test")
        if self._flip_at is not None and start <= self._flip_at < self._written:
            self.struck = True
            bent = bytearray(content)
            bent[self._flip_at - start] ^= 0x10
            content = bytes(bent)
        await write_all(stream, content, timeout)
