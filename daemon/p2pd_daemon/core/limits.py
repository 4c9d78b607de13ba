"""Limits, each a configuration key `limits.<name>` (environment `P2PD_LIMITS_<NAME>`). 0 is no limit.

Beyond one: locally a clear error or back-pressure; remotely the record is not relayed and a counter says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from p2pd_daemon.errors import BadConfig


@dataclass(frozen=True, slots=True)
class Limits:
    text_bytes: int = 8192  # UTF-8 bytes of one text
    record_bytes: int = 16384  # bytes of one record as it travels; gossip loses what is near 1 MiB
    author_rate: int = 20  # records/s per author and room, sustained
    author_burst: int = 1000  # records per author and room at once
    author_day: int = 100_000  # records per author and room in 24 hours
    authors: int = 10_000  # (author, room) pairs whose rate is remembered, about 300 bytes each
    parents: int = 8  # heads one event names; the protocol allows no more than 8
    quarantine: int = 1000  # records kept whose time is more than 5 minutes ahead
    rooms: int = 1000  # rooms joined at once
    outbox: int = 10_000  # direct messages waiting for one peer
    events: int = 100_000  # events kept for clients that reconnect
    connections: int = 250  # connections with peers
    # What a store node keeps for others. Sizes count about 200 bytes for each record beside its own.
    store_bytes: int = (
        4 << 30
    )  # bytes kept of everybody's; beyond, the largest rooms lose their oldest records
    store_rooms: int = 10_000  # rooms kept
    store_room_bytes: int = 64 << 20  # bytes of one room; beyond, its oldest records go
    store_room_records: int = 100_000  # records of one room; beyond, its oldest go
    store_peer_rooms: int = 1000  # rooms that one peer may have brought: as many as it can join
    store_peer_bytes: int = 256 << 20  # bytes kept of what one peer brought
    store_mailbox_bytes: int = 16 << 20  # bytes of direct messages that wait for one peer
    store_sender_records: int = 1000  # direct messages of one peer that wait for another one
    store_days: int = 30  # days after which a room nobody asked for goes, and a message nobody fetched

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> Limits:
        """Defaults overridden by `values`: whole numbers ≥ 0, or their decimal text; else BadConfig."""
        names = [field.name for field in fields(cls)]
        chosen: dict[str, int] = {}
        for name, value in values.items():
            if name not in names:
                raise BadConfig(
                    f"there is no limit called {name!r}", hint=f"known limits: {', '.join(names)}"
                )
            chosen[name] = _whole_number(name, value)
        return cls(**chosen)


DEFAULT_LIMITS = Limits()


def _whole_number(name: str, value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53:
        return value
    raise BadConfig(
        f"limits.{name} is {value!r}, not a whole number ≥ 0", hint="0 means no limit; write for example 1000"
    )
