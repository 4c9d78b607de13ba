"""The (ts, id) of every record of a room, in memory: what reconciliation compares."""

from __future__ import annotations

from typing import Protocol

import trio

from p2pd_daemon.core.reconcile_storage import KeyTree


class HasPlaces(Protocol):
    """A node's own store, or what it keeps for others."""

    async def places(self, room_n: int) -> list[tuple[int, bytes]]:
        """(ts_ms, id) of every record of the room, in order."""


class Places:
    """Loaded from the store when first asked for, then kept up to date by whoever stores records."""

    def __init__(self, store: HasPlaces, room_n: int) -> None:
        self._store = store
        self._room_n = room_n
        self._tree: KeyTree | None = None
        self._late: list[tuple[int, bytes]] | None = None  # what came while the tree was being loaded
        self._loading = trio.Lock()

    async def tree(self) -> KeyTree:
        async with self._loading:
            if self._tree is None:
                late: list[tuple[int, bytes]] = []
                self._late = late
                found = await self._store.places(self._room_n)
                tree = await trio.to_thread.run_sync(KeyTree.from_sorted, found)
                for place in late:
                    tree.insert(*place)
                self._tree, self._late = tree, None
            return self._tree

    def add(self, ts_ms: int, record_id: bytes) -> None:
        """A record that was stored just now."""
        if self._tree is not None:
            self._tree.insert(ts_ms, record_id)
        elif self._late is not None:
            self._late.append((ts_ms, record_id))
