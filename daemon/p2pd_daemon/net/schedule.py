"""Whom to dial next, and when: the dialler's state machine. No I/O, no clock, no libp2p.

Times are seconds of any monotonic clock, passed in as `now`; randomness is a function that gives [0, 1).

    idle ──next_dials──▶ dialling ──dialled(ok)──▶ connected ──disconnected──▶ idle
      ▲                      │
      └────dialled(failed)───┘          hold: idle and not dialled until `release`, or until the peer dials us after
                                              the time for which its own redials are refused

The promise behind the numbers: a peer that was connected in the last `fresh` seconds is tried again at the latest
`fresh_ceiling` seconds after the last attempt ended, so that it is back within 10 s of its return even when it cannot
dial us itself. Who is away for longer is tried less and less often: it dials us when it comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from p2pd_daemon.core.peer_id import PeerId


class Kind(IntEnum):
    """Why a peer is wanted; a lower one is dialled first and never becomes a higher one."""

    BOOTSTRAP = 0  # configured: always wanted, does not count against `kept`
    KNOWN = 1  # we were connected once, now or in an earlier run
    FOUND = 2  # named by discovery, never met


@dataclass(frozen=True, slots=True)
class Pace:
    """The constants of the schedule. Seconds unless said otherwise."""

    first: float = 0.5  # the delay after the first failure; doubles with each further one
    ceiling: float = 300.0  # the largest delay for who is long gone: 100 such peers cost one dial every 3 s
    fresh: float = 600.0  # a peer lost less than this ago counts as restarting, not as gone
    fresh_ceiling: float = 5.0  # + 4 s for a dial that hangs stays under the promised 10 s
    redial: float = 0.2  # after a lost connection, on the side with the smaller ID …
    redial_other: float = 1.0  # … and on the other, so that rarely both dial at once
    stable: float = 5.0  # a connection that lived shorter was no success: no churn with who drops us at once
    dropped: int = (
        3  # who dropped us at once so often in a row does not want us: no longer counted as restarting
    )
    refused: float = (
        600.0  # for so long a disconnected peer may not come back by itself; its redials take 5 min at most
    )
    gap: float = 2.0  # between two dials to one peer, whatever news arrives about it
    spacing: float = 0.05  # between two dials to anyone: 20/s
    burst: int = 8  # dials that may start together when there was none for a while
    dials: int = 8  # dials at the same time
    kept: int = 64  # connections the dialler itself aims at; gossip needs about 12 for each room
    book: int = 2000  # peers remembered in memory
    addrs: int = 12  # addresses remembered of one peer
    expiry: float = 3600.0  # a FOUND peer that nobody mentioned for this long is forgotten


@dataclass(frozen=True, slots=True)
class Dial:
    """One attempt to make. `lookup` advises asking discovery for new addresses first: the old ones failed."""

    peer: PeerId
    addrs: tuple[str, ...]
    lookup: bool


@dataclass(slots=True)
class Entry:
    """What is known of one peer. `addrs`: those that worked last come first."""

    peer: PeerId
    kind: Kind
    addrs: list[str] = field(default_factory=list)
    failures: int = 0
    next_at: float = 0.0
    dialled_at: float = float("-inf")
    connected_at: float | None = None
    lost_at: float = float("-inf")
    heard_at: float = 0.0
    dropped: int = 0  # connections in a row that ended at once
    dialling: bool = False
    held: bool = False
    refused_until: float = float("-inf")

    @property
    def busy(self) -> bool:
        return self.dialling or self.connected_at is not None or self.held


class Schedule:
    """The book of peers and the order in which to dial them. One task owns it."""

    def __init__(self, own: PeerId, random: Callable[[], float], pace: Pace | None = None) -> None:
        self._own = own
        self._random = random
        self.pace = pace or Pace()
        self._book: dict[PeerId, Entry] = {}
        self._slot = float("-inf")  # when the next dial would start if dials were evenly spaced (GCRA)

    def entry(self, peer: PeerId) -> Entry | None:
        return self._book.get(peer)

    def addrs(self, peer: PeerId) -> tuple[str, ...]:
        found = self._book.get(peer)
        return tuple(found.addrs) if found else ()

    def __len__(self) -> int:
        return len(self._book)

    def connected_peers(self) -> list[PeerId]:
        return [entry.peer for entry in self._book.values() if entry.connected_at is not None]

    # What others tell us

    def learn(self, peer: PeerId, addrs: Iterable[str], kind: Kind, now: float) -> bool:
        """Takes news of a peer; True when an address is new. A new one is tried soon, whatever the back-off says."""
        if peer == self._own:
            return False
        entry = self._book.get(peer)
        if entry is None:
            if not self._make_room(kind, now):
                return False
            entry = self._book[peer] = Entry(peer, kind, next_at=now)
        entry.kind = min(entry.kind, kind)
        entry.heard_at = now
        fresh = [addr for addr in dict.fromkeys(addrs) if addr not in entry.addrs][: self.pace.addrs]
        if not fresh:
            return False
        # New addresses go behind the one that worked last, before those that never did.
        worked = 1 if entry.lost_at > float("-inf") or entry.connected_at is not None else 0
        entry.addrs[worked:worked] = fresh
        del entry.addrs[self.pace.addrs :]
        entry.next_at = min(entry.next_at, max(now, entry.dialled_at + self.pace.gap))
        return True

    def connected(self, peer: PeerId, now: float, *, inbound: bool = False, addr: str = "") -> None:
        """A connection is up. One that the peer made ends a `hold`; `addr` is the address that worked for us.

        Only who we reached ourselves becomes KNOWN: anybody can dial us with any number of new IDs.
        """
        if peer == self._own:
            return
        entry = self._book.get(peer)
        if entry is None:
            if not self._make_room(Kind.FOUND, now):
                return
            entry = self._book[peer] = Entry(peer, Kind.FOUND)
        entry.heard_at = now
        if inbound:
            entry.held = False
        else:
            entry.kind = min(entry.kind, Kind.KNOWN)
        if entry.connected_at is None:
            entry.connected_at = now
        if addr:
            entry.addrs = [addr, *(other for other in entry.addrs if other != addr)][: self.pace.addrs]

    def disconnected(self, peer: PeerId, now: float) -> None:
        """The last connection is gone."""
        entry = self._book.get(peer)
        if entry is None or entry.connected_at is None:
            return
        lived = now - entry.connected_at
        entry.connected_at = None
        entry.lost_at = now
        entry.dropped = 0 if lived >= self.pace.stable else entry.dropped + 1
        if entry.dropped == 0:
            entry.failures = 0
            first = self.pace.redial if self._own < peer else self.pace.redial_other
            entry.next_at = now + first * self._jitter()
        else:
            entry.failures += 1
            entry.next_at = now + self.delay(entry, now)

    def hold(self, peer: PeerId, now: float) -> None:
        """A person disconnected this peer: it is not dialled until `release`, and its daemon's redials, which come
        within a second, are refused. When it still wants to be connected after that, it may."""
        if peer == self._own:
            return
        entry = self._book.setdefault(peer, Entry(peer, Kind.KNOWN))
        entry.held = True
        entry.refused_until = now + self.pace.refused

    def refuses(self, peer: PeerId, now: float) -> bool:
        """True while a connection that this peer makes shall be closed at once."""
        entry = self._book.get(peer)
        return entry is not None and entry.held and now < entry.refused_until

    def release(self, peer: PeerId) -> None:
        entry = self._book.get(peer)
        if entry is not None:
            entry.held = False

    # What to do

    def next_dials(self, now: float) -> list[Dial]:
        """The dials to start now; each must be answered by `dialled`."""
        pace = self.pace
        dialling = sum(entry.dialling for entry in self._book.values())
        kept = sum(
            entry.kind is not Kind.BOOTSTRAP and (entry.dialling or entry.connected_at is not None)
            for entry in self._book.values()
        )
        due = sorted(
            (entry for entry in self._book.values() if not entry.busy and entry.next_at <= now),
            key=lambda entry: (entry.kind, entry.next_at),
        )
        dials: list[Dial] = []
        for entry in due:
            if dialling >= pace.dials or not self._may_start(now):
                break
            if entry.kind is not Kind.BOOTSTRAP:
                if kept >= pace.kept:
                    continue
                kept += 1
            dialling += 1
            self._slot = max(self._slot, now) + pace.spacing
            entry.dialling = True
            entry.dialled_at = now
            dials.append(Dial(entry.peer, tuple(entry.addrs), lookup=entry.failures > 0 or not entry.addrs))
        return dials

    def dialled(self, peer: PeerId, now: float, *, ok: bool, addr: str = "") -> None:
        """How a dial of `next_dials` ended; `ok` means that a connection is up now, `addr` that there was one."""
        entry = self._book.get(peer)
        if entry is None:
            return
        entry.dialling = False
        if ok:
            self.connected(peer, now, addr=addr)
        elif entry.connected_at is None:
            if addr and entry.lost_at < entry.dialled_at:  # dropped before `connected` was told
                entry.dropped += 1
            entry.failures += 1
            entry.next_at = now + self.delay(entry, now)

    def wake_at(self, now: float) -> float | None:
        """When `next_dials` may have something, None when only news can change that."""
        kept = sum(
            entry.kind is not Kind.BOOTSTRAP and (entry.dialling or entry.connected_at is not None)
            for entry in self._book.values()
        )
        if sum(entry.dialling for entry in self._book.values()) >= self.pace.dials:
            return None  # the end of a dial is news
        times = [
            entry.next_at
            for entry in self._book.values()
            if not entry.busy and (entry.kind is Kind.BOOTSTRAP or kept < self.pace.kept)
        ]
        if not times:
            return None
        return max(min(times), self._slot - (self.pace.burst - 1) * self.pace.spacing)

    def delay(self, entry: Entry, now: float) -> float:
        """Seconds until the next attempt after `entry.failures` failures in a row."""
        pace = self.pace
        restarting = now - entry.lost_at < pace.fresh and entry.dropped < pace.dropped
        fresh = entry.kind is Kind.BOOTSTRAP or restarting
        ceiling = pace.fresh_ceiling if fresh else pace.ceiling
        return min(ceiling, pace.first * 2.0 ** min(max(entry.failures, 1) - 1, 20)) * self._jitter()

    def _jitter(self) -> float:
        """In [0.5, 1): never above the promised delay, and two nodes that failed together part."""
        return 0.5 + 0.5 * self._random()

    def _may_start(self, now: float) -> bool:
        return self._slot - now <= (self.pace.burst - 1) * self.pace.spacing

    def _make_room(self, kind: Kind, now: float) -> bool:
        """False when the book is full of peers that matter more than a new one of this kind."""
        if len(self._book) < self.pace.book:
            return True
        idle = [entry for entry in self._book.values() if not entry.busy and entry.kind is not Kind.BOOTSTRAP]
        for entry in idle:
            if entry.kind is Kind.FOUND and now - entry.heard_at > self.pace.expiry:
                del self._book[entry.peer]
        if len(self._book) < self.pace.book:
            return True
        worst = max(idle, key=lambda entry: (entry.kind, entry.failures, -entry.heard_at), default=None)
        if worst is None or worst.kind < kind:
            return False
        del self._book[worst.peer]
        return True
