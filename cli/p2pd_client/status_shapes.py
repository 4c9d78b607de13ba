"""The shapes of what a node says of itself: its state, and its settings."""

from __future__ import annotations

from typing import Any

import msgspec


class Outbox(msgspec.Struct, frozen=True):
    """Direct messages that wait for their peer."""

    queued: int
    sent: int


class Syncing(msgspec.Struct, frozen=True):
    """A reconciliation under way: `got` new records so far; the peer has `total`."""

    room: str
    peer_id: str
    got: int
    total: int


class Kept(msgspec.Struct, frozen=True):
    """What a store node keeps for others: records of rooms, and direct messages in mailboxes."""

    rooms: int
    mailboxes: int
    records: int
    bytes: int


class Status(msgspec.Struct, frozen=True):
    """The node at a glance. `dropped` counts, by reason, what was refused or not relayed since the start.

    `newest_event` is the number of the newest event: what is asked for afterwards has all up to there. `store` is null
    unless this is a store node. `tasks` are the daemon's concurrent tasks: some for each connection,
    room and client; a number that only grows is a leak.
    """

    peer_id: str
    nick: str
    uptime_ms: int
    peers: int
    rooms: int
    outbox: Outbox
    version: str
    pid: int
    addrs: list[str]
    http: str | None
    home: str
    bootstrap: list[str]
    dropped: dict[str, int]
    syncing: list[Syncing] = []
    clock_skew_ms: int | None = None
    store: Kept | None = None
    tasks: int = 0
    newest_event: int = 0


class ConfigValue(msgspec.Struct, frozen=True):
    """One setting and where its value comes from: `default`, `file`, `environment` or `option`."""

    key: str
    value: Any
    source: str
