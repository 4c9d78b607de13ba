"""The gatekeeper: what happens with a record from another peer. Its signature was verified before.

Pure: the clock's readings are arguments. Reasons are stable, they name counters (`p2pd status`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum

from p2pd_daemon.core.clock import is_due
from p2pd_daemon.core.event import ChatEvent, Sealed
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.payload import read_payload
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.record import Record
from p2pd_daemon.core.room import Wire
from p2pd_daemon.errors import RemoteProtocolError

DAY_S = 86_400

# Reasons. Some are given by net/ and the node rather than here; this is the vocabulary.
TOO_LARGE = "too_large"
BAD_SIGNATURE = "bad_signature"
BAD_RECORD = "bad_record"
BAD_EVENT = "bad_event"
RATE = "rate"
QUARANTINED = "quarantined"
QUARANTINE_FULL = "quarantine_full"
BLOCKED = "blocked"
UNKNOWN_TOPIC = "unknown_topic"
BELOW_FLOOR = "below_floor"


class TopicKind(Enum):
    """What a topic is to this node."""

    OPEN = "open"  # an open room we joined
    TEXT = "text"  # a room of the text wire that we joined
    CHAT_ROOM = "chat-room"  # one of the chat-room wire
    DIRECT = "direct"  # a direct conversation of ours; its records come by stream only
    UNKNOWN = "unknown"


WIRES = {
    TopicKind.OPEN: Wire.P2PD,
    TopicKind.TEXT: Wire.TEXT,
    TopicKind.CHAT_ROOM: Wire.CHAT_ROOM,
    TopicKind.DIRECT: Wire.P2PD,
}


class Outcome(Enum):
    """What gossip does with the record."""

    ACCEPT = "accept"  # keep, relay, show
    QUARANTINE = "quarantine"  # keep; relay and show when due
    IGNORE = "ignore"  # do not relay; not the sender's fault
    REJECT = "reject"  # do not relay; the sender should have seen that it is invalid


@dataclass(frozen=True, slots=True)
class Verdict:
    outcome: Outcome
    reason: str = ""  # empty only for ACCEPT
    event: ChatEvent | None = None  # decoded, where it could be, so that nobody decodes it twice

    @property
    def relay(self) -> bool:
        return self.outcome is Outcome.ACCEPT

    @property
    def keep(self) -> bool:
        """It is part of the room's set. What a blocked author says is kept unseen: blocking is this node's
        alone, and nodes with different blocks must still agree on the set.
        """
        return self.relay or self.outcome is Outcome.QUARANTINE or self.reason == BLOCKED


@dataclass(slots=True)
class TokenBucket:
    """Holds at most `capacity` tokens, gains `rate` a second. Starts full."""

    capacity: float
    rate: float
    tokens: float
    at: float  # monotonic seconds of the last reading

    @classmethod
    def full(cls, capacity: float, rate: float, now: float) -> TokenBucket:
        return cls(capacity, rate, capacity, now)

    def refill(self, now: float) -> None:
        if now > self.at:
            self.tokens = min(self.capacity, self.tokens + (now - self.at) * self.rate)
            self.at = now

    @property
    def is_full(self) -> bool:
        return self.tokens >= self.capacity


class AuthorRates:
    """Token buckets per (author, topic): `author_burst` at once, `author_rate` a second, `author_day` a day.

    At most `authors` pairs are remembered. Beyond, the one longest unheard is forgotten: it had the most time
    to refill. Whoever owns that many keys is not held by a rate per key anyway.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buckets: OrderedDict[tuple[PeerId, str], tuple[TokenBucket, ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, author: PeerId, topic: str, monotonic: float) -> bool:
        """One token from each bucket, or none from any and False."""
        key = (author, topic)
        buckets = self._buckets.get(key)
        if buckets is None:
            buckets = self._buckets[key] = self._new(monotonic)
            self._forget(monotonic)
        self._buckets.move_to_end(key)
        for bucket in buckets:
            bucket.refill(monotonic)
        if any(bucket.tokens < 1 for bucket in buckets):
            return False
        for bucket in buckets:
            bucket.tokens -= 1
        return True

    def _new(self, now: float) -> tuple[TokenBucket, ...]:
        limits = self._limits
        buckets = []
        if limits.author_rate:
            buckets.append(TokenBucket.full(max(1, limits.author_burst), limits.author_rate, now))
        if limits.author_day:
            buckets.append(TokenBucket.full(limits.author_day, limits.author_day / DAY_S, now))
        return tuple(buckets)

    def _forget(self, now: float) -> None:
        """Idle pairs whose buckets are full again say nothing; two looks per new pair keep them few."""
        for _ in range(2):
            key, buckets = next(iter(self._buckets.items()))
            for bucket in buckets:
                bucket.refill(now)
            over = self._limits.authors and len(self._buckets) > self._limits.authors
            if len(self._buckets) == 1 or not (over or all(bucket.is_full for bucket in buckets)):
                return
            del self._buckets[key]


JITTER_S = 5.0  # by how much less the way of one record may take than that of those before it


def own_pace(limits: Limits) -> Limits:
    """What an author may use so that the others, who count as records arrive, never count more than their limits: what
    was sent over minutes may arrive together.
    """
    slack = min(limits.author_burst // 2, int(limits.author_rate * JITTER_S))
    return replace(limits, author_burst=limits.author_burst - slack)


class Admission:
    """Decides about each record from another peer, live or by push, once: duplicates are left out before."""

    def __init__(self, limits: Limits, blocked: Collection[PeerId] = ()) -> None:
        self._limits = limits
        self._blocked = set(blocked)
        self._rates = AuthorRates(limits)

    def block(self, peer: PeerId) -> None:
        self._blocked.add(peer)

    def unblock(self, peer: PeerId) -> None:
        self._blocked.discard(peer)

    def check(
        self, record: Record, topic_kind: TopicKind, now_ms: int, monotonic: float, *, quarantined: int = 0
    ) -> Verdict:
        """`monotonic` in seconds from any start; `quarantined` is how many this node keeps at present."""
        event = self._read(record, topic_kind)
        if isinstance(event, Verdict):
            return event
        if not self._rates.take(record.author, record.topic, monotonic):
            return Verdict(Outcome.IGNORE, RATE, event)
        if not is_due(event.ts_ms, now_ms):
            if self._limits.quarantine and quarantined >= self._limits.quarantine:
                return Verdict(Outcome.IGNORE, QUARANTINE_FULL, event)
            return Verdict(Outcome.QUARANTINE, QUARANTINED, event)
        if record.author in self._blocked:
            return Verdict(Outcome.IGNORE, BLOCKED, event)
        return Verdict(Outcome.ACCEPT, "", event)

    def _read(self, record: Record, topic_kind: TopicKind) -> ChatEvent | Verdict:
        """The event, or why it never can be one here."""
        limits = self._limits
        if limits.record_bytes and len(record.raw) > limits.record_bytes:
            return Verdict(Outcome.REJECT, TOO_LARGE)
        if topic_kind is TopicKind.UNKNOWN:
            return Verdict(Outcome.IGNORE, UNKNOWN_TOPIC)
        try:
            event = read_payload(record.data, WIRES[topic_kind], text_bytes=limits.text_bytes)
        except RemoteProtocolError:
            return Verdict(Outcome.REJECT, BAD_EVENT)
        if topic_kind is TopicKind.DIRECT and not isinstance(event.body, Sealed):
            return Verdict(Outcome.REJECT, BAD_EVENT)
        return event
