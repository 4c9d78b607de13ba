"""Reading what people reacted with."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from msgspec.structs import replace

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.store.rows import MessageRow, ReactionRow

_AT_ONCE = 500
"""Messages in one query: SQLite before 3.32 allows 999 parameters."""

NAMED = 20
"""Peers that a reaction names; the others are only counted."""


def with_reactions(conn: sqlite3.Connection, rows: Sequence[MessageRow]) -> list[MessageRow]:
    """The same messages with their reactions: the most frequent first. Blocked peers' do not count."""
    found: dict[tuple[bytes, int], dict[str, list[tuple[str, bool]]]] = {}
    for start in range(0, len(rows), _AT_ONCE):
        ids = [row.id for row in rows[start : start + _AT_ONCE]]
        marks = ",".join("?" * len(ids))
        for target, room_n, symbol, author, own in conn.execute(
            "SELECT target, room_n, symbol, author, own FROM reactions"  # noqa: S608 - our own words
            f" WHERE target IN ({marks}) AND stands = 1 AND author NOT IN (SELECT peer FROM blocks)",
            ids,
        ):
            found.setdefault((target, room_n), {}).setdefault(symbol, []).append((author, bool(own)))
    return [
        replace(row, reactions=_counted(found[row.id, row.room_n]))
        if (row.id, row.room_n) in found and not row.deleted
        else row
        for row in rows
    ]


def _counted(by_symbol: dict[str, list[tuple[str, bool]]]) -> tuple[ReactionRow, ...]:
    ordered = sorted(by_symbol.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(
        ReactionRow(
            symbol=symbol,
            count=len(who),
            mine=any(own for _, own in who),
            by=tuple(PeerId(author) for author, _ in sorted(who)[:NAMED]),
        )
        for symbol, who in ordered
    )


def load_own_symbols(conn: sqlite3.Connection, target: bytes, room_n: int) -> dict[str, bool]:
    """Our symbols at a record that are remembered, and whether each stands."""
    return {
        symbol: bool(stands)
        for symbol, stands in conn.execute(
            "SELECT symbol, stands FROM reactions WHERE target = ? AND room_n = ? AND own = 1",
            (target, room_n),
        )
    }
