"""What gossip remembers for a while, both bounded: ids of messages seen, and the records of the last heartbeats."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import trio

SEEN_S = 120.0  # at least; as go-libp2p. An IHAVE is repeated for 3 s only
SEEN_MOST = 200_000  # ids remembered, some 30 MB when a peer does its worst
HISTORY = 5  # heartbeats for which an IWANT is answered
WINDOW = 3  # of which an IHAVE tells
RECENT_BYTES = 32 * 1024 * 1024  # of records; the oldest go first


class SeenIds:
    """Message ids of the last SEEN_S seconds and up to as long again, at most SEEN_MOST, in two sets that take turns.

    libp2p's cache runs a thread, and is not bounded.
    """

    def __init__(self) -> None:
        self._new: set[bytes] = set()
        self._old: set[bytes] = set()
        self._turn = trio.current_time() + SEEN_S

    def has(self, message_id: bytes) -> bool:
        return message_id in self._new or message_id in self._old

    def add(self, message_id: bytes) -> None:
        if len(self._new) >= SEEN_MOST // 2 or trio.current_time() >= self._turn:
            self._new, self._old = set(), self._new
            self._turn = trio.current_time() + SEEN_S
        self._new.add(message_id)


class RecentRecords:
    """The records of the last HISTORY heartbeats, for IHAVE, IWANT and who has just come.

    Called as libp2p's MessageCache, which holds decoded messages, to be encoded each time, and any number of them.
    """

    def __init__(self) -> None:
        self.history: deque[dict[bytes, tuple[str, bytes]]] = deque(({} for _ in range(HISTORY)), HISTORY)
        self._held = 0

    def put(self, message_id: bytes, topic: str, raw: bytes) -> None:
        for slot in self.history:
            if message_id in slot:
                return
        self.history[0][message_id] = topic, raw
        self._held += len(raw)
        while self._held > RECENT_BYTES:
            self._drop_oldest()

    def get(self, message_id: bytes) -> bytes | None:
        return next((slot[message_id][1] for slot in self.history if message_id in slot), None)

    def window(self, topic: str) -> list[bytes]:
        """Ids of the last WINDOW heartbeats' records, the newest heartbeat first."""
        return [
            message_id
            for slot in list(self.history)[:WINDOW]
            for message_id, (where, _) in slot.items()
            if where == topic
        ]

    def recent(self, topic: str) -> Iterator[bytes]:
        """The records of `window`, in the order in which they came."""
        for slot in reversed(list(self.history)[:WINDOW]):
            yield from (raw for where, raw in slot.values() if where == topic)

    def shift(self) -> None:
        """A heartbeat has passed."""
        self._held -= sum(len(raw) for _, raw in self.history.pop().values())
        self.history.appendleft({})

    def _drop_oldest(self) -> None:
        oldest = next(slot for slot in reversed(self.history) if slot)
        _, raw = oldest.pop(next(iter(oldest)))
        self._held -= len(raw)
