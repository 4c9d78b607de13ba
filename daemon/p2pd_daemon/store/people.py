"""People: what they call themselves, what we call them, whom we block, and where they were last seen."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.store.rows import KnownPeer, ProfileRow

KNOWN_PEERS = 1_000
"""Peers remembered for redialling; the longest unseen are forgotten. Any peer can tell us of others."""

KNOWN_ADDRS = 8
"""Addresses remembered per peer, the newest first: a moved peer's old ones fall out."""


def load_profiles(conn: sqlite3.Connection, authors: Collection[PeerId] | None) -> dict[PeerId, ProfileRow]:
    """Of these authors, or of all with None; who has said nothing is not in it."""
    query = (
        "SELECT p.author, p.nick, p.status, p.ts_ms, r.raw"
        " FROM profiles p CROSS JOIN records r ON r.n = p.record_n"
    )
    if authors is None:
        found = conn.execute(query)
    else:
        found = conn.execute(
            query + " WHERE p.author IN (SELECT value FROM json_each(?))",  # noqa: S608 - our own words
            (json.dumps(sorted(authors)),),
        )
    return {
        PeerId(author): ProfileRow(nick, status, ts_ms, raw) for author, nick, status, ts_ms, raw in found
    }


def load_latest_profile(conn: sqlite3.Connection, author: PeerId, room_n: int) -> bytes | None:
    """The signed bytes of the newest profile that `author` announced in this room."""
    row = conn.execute(
        "SELECT raw FROM records WHERE kind = 'profile' AND author = ? AND room_n = ? AND raw IS NOT NULL"
        " ORDER BY ts_ms DESC, id DESC LIMIT 1",
        (author, room_n),
    ).fetchone()
    return None if row is None else row[0]


def load_contacts(conn: sqlite3.Connection) -> dict[PeerId, str]:
    """The petnames."""
    return {
        PeerId(peer): name
        for peer, name in conn.execute("SELECT peer, petname FROM contacts ORDER BY petname")
    }


def save_petname(conn: sqlite3.Connection, peer: PeerId, petname: str, now_ms: int) -> None:
    conn.execute(
        "INSERT INTO contacts (peer, petname, added_ms) VALUES (?, ?, ?)"
        " ON CONFLICT (peer) DO UPDATE SET petname = excluded.petname",
        (peer, petname, now_ms),
    )


def remove_contact(conn: sqlite3.Connection, peer: PeerId) -> bool:
    return conn.execute("DELETE FROM contacts WHERE peer = ?", (peer,)).rowcount > 0


def block(conn: sqlite3.Connection, peer: PeerId, now_ms: int) -> bool:
    """False if it was blocked already."""
    return (
        conn.execute(
            "INSERT INTO blocks (peer, since_ms) VALUES (?, ?) ON CONFLICT (peer) DO NOTHING", (peer, now_ms)
        ).rowcount
        > 0
    )


def unblock(conn: sqlite3.Connection, peer: PeerId) -> bool:
    """False if it was not blocked."""
    return conn.execute("DELETE FROM blocks WHERE peer = ?", (peer,)).rowcount > 0


def remember_peer(
    conn: sqlite3.Connection, peer: PeerId, addrs: Sequence[str], now_ms: int, source: str
) -> None:
    """Puts `addrs` before the addresses known so far."""
    row = conn.execute("SELECT addrs FROM known_peers WHERE peer = ?", (peer,)).fetchone()
    before: list[str] = [] if row is None else json.loads(row[0])
    kept = list(dict.fromkeys([*addrs, *before]))[:KNOWN_ADDRS]
    conn.execute(
        "INSERT INTO known_peers (peer, addrs, last_seen_ms, source) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (peer) DO UPDATE SET addrs = excluded.addrs, last_seen_ms = excluded.last_seen_ms,"
        " source = excluded.source",
        (peer, json.dumps(kept), now_ms, source),
    )
    if row is None:
        conn.execute(
            "DELETE FROM known_peers WHERE peer IN"
            " (SELECT peer FROM known_peers ORDER BY last_seen_ms DESC, peer LIMIT -1 OFFSET ?)",
            (KNOWN_PEERS,),
        )


def load_known_peers(conn: sqlite3.Connection, limit: int) -> list[KnownPeer]:
    """The last seen first."""
    found = conn.execute(
        "SELECT peer, addrs, last_seen_ms, source FROM known_peers ORDER BY last_seen_ms DESC, peer LIMIT ?",
        (limit,),
    )
    return [
        KnownPeer(PeerId(peer), tuple(json.loads(addrs)), seen, source) for peer, addrs, seen, source in found
    ]


def forget_peer(conn: sqlite3.Connection, peer: PeerId) -> None:
    conn.execute("DELETE FROM known_peers WHERE peer = ?", (peer,))
