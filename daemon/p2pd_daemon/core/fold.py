"""What a message shows, from the records that are about it: edits, deletes and reactions.

Any order of arrival gives the same, because what counts depends on the records alone (PROTOCOL.md, section 3):
    delete    every record that it names, if its author is the deleter: a message shows nothing any more, an edit does
              not count
    edit      by the message's author; the newest by (ts, id) is what the message says
    reaction  for each author and symbol the newest by (ts, id) says whether it stands; of one author those
              MAX_SYMBOLS symbols count that were touched last
The store keeps the outcome up to date record by record (`store/changes.py`); tests compare it with this.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from p2pd_daemon.core.bodies import Action, Body, Delete, Edit, Reaction, Text
from p2pd_daemon.core.peer_id import PeerId

DELETABLE = frozenset({"text", "action", "file", "edit"})
"""Kinds that a delete takes the body from. Never a delete itself: it is the proof for those who come later."""

MAX_SYMBOLS = 16
"""Symbols of one author at one message: nobody can make others keep more, however often they react."""


@dataclass(frozen=True, slots=True)
class Said:
    """A record that is due, with its opened body."""

    id: bytes
    author: PeerId
    ts_ms: int
    body: Body

    @property
    def place(self) -> tuple[int, bytes]:
        return self.ts_ms, self.id


@dataclass(frozen=True, slots=True)
class Shown:
    """`texts` are what the message said, oldest first; the last one is shown. Deleted: nothing at all."""

    texts: tuple[str, ...]
    reactions: frozenset[tuple[str, PeerId]] = frozenset()

    @property
    def deleted(self) -> bool:
        return not self.texts

    @property
    def edited(self) -> bool:
        return len(self.texts) > 1


def fold(message: Said, others: Iterable[Said]) -> Shown:
    """`others` are records of the same room, in any order; those that are not about `message` change nothing."""
    if not isinstance(message.body, Text | Action):
        raise TypeError(f"a {type(message.body).__name__} is no message")
    others = sorted(others, key=lambda said: said.place)
    deleted: set[bytes] = set()
    for said in others:
        if isinstance(said.body, Delete) and said.author == message.author:
            deleted.update((said.body.target, *said.body.edits))
    if message.id in deleted:
        return Shown(())
    texts = [message.body.text]
    for said in others:
        if isinstance(said.body, Edit) and said.author == message.author and said.id not in deleted:
            texts += [said.body.text] * (said.body.target == message.id)
    return Shown(tuple(texts), _standing(message.id, others))


def _standing(target: bytes, ordered: Iterable[Said]) -> frozenset[tuple[str, PeerId]]:
    """`ordered` by place, so that a later one overrides."""
    touched: dict[PeerId, dict[str, bool]] = {}
    for said in ordered:
        if isinstance(said.body, Reaction) and said.body.target == target:
            symbols = touched.setdefault(said.author, {})
            symbols.pop(said.body.symbol, None)  # the last one touched is the last in the dict
            symbols[said.body.symbol] = not said.body.remove
    return frozenset(
        (symbol, author)
        for author, symbols in touched.items()
        for symbol, stands in list(symbols.items())[-MAX_SYMBOLS:]
        if stands
    )
