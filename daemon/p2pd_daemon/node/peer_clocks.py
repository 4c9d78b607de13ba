"""What the others' clocks say about ours. It is told to the person, and used for nothing else."""

from __future__ import annotations

import logging
from statistics import median

from p2pd_daemon.core.clock import QUARANTINE_AHEAD_MS
from p2pd_daemon.core.peer_id import PeerId

log = logging.getLogger(__name__)

REMEMBERED = 16  # peers: enough that a few liars do not count


class PeerClocks:
    """The last known differences, one a peer."""

    def __init__(self) -> None:
        self._ahead_ms: dict[PeerId, int] = {}
        self._warned = False

    def note(self, peer: PeerId, ahead_ms: int) -> None:
        """The peer's clock is so far ahead of ours. Warns once when ours seems so wrong that records are held back."""
        self._ahead_ms.pop(peer, None)
        self._ahead_ms[peer] = ahead_ms
        if len(self._ahead_ms) > REMEMBERED:
            del self._ahead_ms[next(iter(self._ahead_ms))]
        skew_ms = self.skew_ms or 0
        wrong = abs(skew_ms) > QUARANTINE_AHEAD_MS
        if wrong and not self._warned:
            way = "behind" if skew_ms > 0 else "ahead of"
            log.warning(
                "this machine's clock is %d s %s the others': set it, or they and you will see each other's"
                " messages late",
                abs(skew_ms) // 1000,
                way,
            )
        self._warned = wrong

    @property
    def skew_ms(self) -> int | None:
        """The others' clocks less ours, in the middle; None before anybody told."""
        return round(median(self._ahead_ms.values())) if self._ahead_ms else None
