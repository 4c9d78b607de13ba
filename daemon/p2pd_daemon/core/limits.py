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
