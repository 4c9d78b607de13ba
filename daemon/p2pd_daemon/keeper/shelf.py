"""The (ts, id) trees of kept rooms that were asked for lately: what reconciliation compares."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from p2pd_daemon.core.reconcile_storage import KeyTree
from p2pd_daemon.node.places import Places
from p2pd_daemon.store.kept import KeptSet
from p2pd_daemon.store.kept_store import KeptStore

ROOMS = 32  # trees in memory: at 100,000 records about 5 MB each


class Shelf:
    """Least recently used trees are loaded again when they are asked for."""

    def __init__(self, store: KeptStore) -> None:
        self._store = store
        self._places: OrderedDict[int, Places] = OrderedDict()

    async def tree(self, kept: KeptSet | None) -> KeyTree:
        """Of a room that is not kept yet: an empty one."""
        if kept is None:
            return KeyTree()
        places = self._places.pop(kept.n, None) or Places(self._store, kept.n)
        self._places[kept.n] = places
        if len(self._places) > ROOMS:
            self._places.popitem(last=False)
        return await places.tree()

    def add(self, kept: KeptSet | None, new: Iterable[tuple[int, bytes]], also: KeyTree) -> None:
        """Records that were kept just now; `also` is the tree of the session that brought them."""
        places = self._places.get(kept.n) if kept is not None else None
        for place in new:
            if places is not None:
                places.add(*place)
            also.insert(*place)

    def forget(self, set_n: int) -> None:
        """Records of the room went: the tree has to be loaded again."""
        self._places.pop(set_n, None)
