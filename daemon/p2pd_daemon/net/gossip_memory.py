"""What gossip remembers for a while, all bounded: ids of messages seen and asked for, the last heartbeats' records."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import trio

SEEN_S = 120.0  # at least; as go-libp2p. An IHAVE is repeated for 3 s only
SEEN_MOST = 200_000  # ids remembered, some 30 MB when a peer does its worst
HISTORY = 5  # heartbeats for which an IWANT is answered
WINDOW = 3  # of which an IHAVE tells
OWN_ID_BYTES = 46  # the peer ID of an Ed25519 key, and a seqno
OWN_ID_START = b"\x00\x24\x08\x01\x12\x20"
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


class AskedOnce:
    """Of whom an id was wanted in the last HISTORY heartbeats, where hearing the message will not tell that we have it.

    Rust's default, and many applications, make ids of something else than author and seqno. Such an id is never among
    ours, so each IHAVE with it would have us ask again, and be sent again what we have. Another peer that offers the
    same one is asked too: the first need not answer.
    """

    def __init__(self) -> None:
        self._asked: deque[set[int]] = deque((set() for _ in range(HISTORY)), HISTORY)

    def may_ask(self, peer: bytes, message_id: bytes) -> bool:
        """Notes that we do."""
        if len(message_id) == OWN_ID_BYTES and message_id.startswith(OWN_ID_START):
            return True
        key = hash((peer, message_id))
        if any(key in asked for asked in self._asked):
            return False
        self._asked[0].add(key)
        return True

    def shift(self) -> None:
        """A heartbeat has passed."""
        self._asked.appendleft(set())


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
