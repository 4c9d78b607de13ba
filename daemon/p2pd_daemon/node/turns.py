"""Whose turn it is to compare a room with us.

Two sessions about one room with one peer would bring everything twice; so would two that pull a room's history at the
same time, whoever they are with. Both are easily begun: two nodes that meet both begin, and a newcomer meets everybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from p2pd_daemon.core.peer_id import PeerId


class NotNow(Exception):
    """This session would do what another one is doing: later."""


@dataclass(slots=True, eq=False)
class Turn:
    """A session under way, ours or theirs by who began it."""

    ours: bool
    ended: trio.Event = field(default_factory=trio.Event)


class Turns:
    """What goes on at present."""

    def __init__(self, me: PeerId) -> None:
        self._me = me
        self._with: dict[tuple[str, PeerId], Turn] = {}
        self._pulling: dict[str, Turn] = {}

    async def wait(self, topic: str, peer: PeerId) -> None:
        """Returns when no session is under way with this peer about this topic."""
        while (turn := self._with.get((topic, peer))) is not None:
            await turn.ended.wait()

    @contextmanager
    def take(self, topic: str, peer: PeerId, *, ours: bool) -> Iterator[Turn]:
        """For one session. Raises NotNow.

        When both sides begin at the same time, the session of the one with the smaller peer ID goes on.
        """
        key = (topic, peer)
        other = self._with.get(key)
        if other is not None and (ours or not other.ours or self._me < peer):
            raise NotNow
        turn = self._with[key] = Turn(ours)
        try:
            yield turn
        finally:
            turn.ended.set()
            if self._with.get(key) is turn:
                del self._with[key]
            if self._pulling.get(topic) is turn:
                del self._pulling[topic]

    def pull(self, topic: str, turn: Turn) -> None:
        """Before a session pulls what we lack, page by page. Raises NotNow."""
        if self._pulling.setdefault(topic, turn) is not turn:
            raise NotNow
