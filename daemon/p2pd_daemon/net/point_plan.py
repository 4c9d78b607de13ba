"""What to ask of one rendezvous point, and when. No I/O and no clock: `now` is in seconds of any monotonic clock."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum

TTL_S = 600  # asked for: who dies without a word is forgotten after 10 minutes, or 2 when the point notices
RENEW = 0.5  # of the granted TTL: one lost renewal does no harm
FIRST_S = 5.0  # between the first two looks for a room's members; doubles up to …
LATER_S = (
    60.0  # … this: those who join register, look and dial at once, so polling only catches what that missed
)
SPREAD_S = 0.5  # at least this per room between two looks: 1,000 rooms are looked up every 8 minutes
RETRY_S = 2.0  # after a request failed, doubling up to …
RETRY_MAX_S = 60.0


class Op(Enum):
    REGISTER = "register"
    UNREGISTER = "unregister"
    DISCOVER = "discover"


@dataclass(frozen=True, slots=True)
class Step:
    op: Op
    tag: str
    cookie: bytes = b""


@dataclass(slots=True)
class _Tag:
    renew_at: float
    look_at: float
    every: float = FIRST_S
    cookie: bytes = b""


class PointPlan:
    """The state of our registrations at one point. `own_tag` is registered and never looked up."""

    def __init__(self, own_tag: str, rng: Callable[[], float]) -> None:
        self._own_tag = own_tag
        self._rng = rng
        self._tags: dict[str, _Tag] = {}
        self._gone: list[str] = []
        self._failures = 0
        self._not_before = float("-inf")

    def reset(self) -> None:
        """A new connection, perhaps to a point that has forgotten everything; or our addresses changed."""
        self._tags.clear()
        self._gone.clear()
        self._failures = 0
        self._not_before = float("-inf")

    def want(self, tags: Collection[str], now: float) -> None:
        """The rooms' tags, as they are now."""
        wanted = {self._own_tag, *tags}
        self._gone.extend(self._tags.keys() - wanted)
        for tag in self._tags.keys() - wanted:
            del self._tags[tag]
        for tag in sorted(wanted - self._tags.keys()):
            look_at = float("inf") if tag == self._own_tag else now
            self._tags[tag] = _Tag(renew_at=now, look_at=look_at)
            if tag in self._gone:
                self._gone.remove(tag)

    def due(self, now: float) -> list[Step]:
        """What to do now: everything is announced before anything is looked up, so that of two who start together at
        least the later one sees the other.
        """
        if now < self._not_before:
            return []
        return [
            *(Step(Op.UNREGISTER, tag) for tag in self._gone),
            *(Step(Op.REGISTER, tag) for tag, one in self._tags.items() if one.renew_at <= now),
            *(Step(Op.DISCOVER, tag, one.cookie) for tag, one in self._tags.items() if one.look_at <= now),
        ]

    def wake_at(self) -> float:
        """When `due` has something next, if nothing changes."""
        times = [min(one.renew_at, one.look_at) for one in self._tags.values()]
        if self._gone:
            times.append(self._not_before)
        return max(min(times, default=float("inf")), self._not_before)

    # How the steps went

    def registered(self, tag: str, granted: int, now: float) -> None:
        self._failures = 0
        if tag in self._tags:
            self._tags[tag].renew_at = now + max(granted, 2) * RENEW * self._jitter()

    def unregistered(self, tag: str) -> None:
        if tag in self._gone:
            self._gone.remove(tag)

    def looked(self, tag: str, cookie: bytes, now: float, *, more: bool) -> None:
        """`more`: the page was full, so the next one is wanted at once."""
        self._failures = 0
        one = self._tags.get(tag)
        if one is None:
            return
        one.cookie = cookie
        if more:
            one.look_at = now
            return
        one.look_at = now + max(one.every, SPREAD_S * len(self._tags)) * self._jitter()
        one.every = min(one.every * 2, LATER_S)

    def refused(self, step: Step, now: float) -> None:
        """The point said no to this one step. It is asked again later; a cookie that it no longer knows is dropped."""
        if step.op is Op.UNREGISTER:
            self.unregistered(step.tag)
        elif step.tag in self._tags:
            one = self._tags[step.tag]
            if step.op is Op.REGISTER:
                one.renew_at = now + RETRY_MAX_S * self._jitter()
            elif one.cookie:
                one.cookie, one.look_at = b"", now
            else:
                one.look_at = now + LATER_S * self._jitter()

    def failed(self, now: float) -> None:
        """The conversation broke: everything waits."""
        self._failures += 1
        self._not_before = (
            now + min(RETRY_S * 2.0 ** min(self._failures - 1, 10), RETRY_MAX_S) * self._jitter()
        )

    def _jitter(self) -> float:
        """In [0.75, 1): a thousand nodes that lost a point together do not come back in one instant."""
        return 0.75 + 0.25 * self._rng()
