"""Time as numbers: the timestamp of the next event, the next sequence number, what is due. Reads no clock."""

from __future__ import annotations

from p2pd_daemon.errors import LocalProtocolError

QUARANTINE_AHEAD_MS = (
    300_000  # a record further ahead of our clock than this is kept, but not shown or relayed
)
MAX_TS_MS = (1 << 53) - 1  # exact in JavaScript and JSON numbers
MAX_SEQNO = (1 << 64) - 1


def next_ts(now_ms: int, heads_max_ts: int | None) -> int:
    """The ts of a new event: now, but after every head, so that sorting by (ts, id) is a causal order."""
    return now_ms if heads_max_ts is None else max(now_ms, heads_max_ts + 1)


def next_seqno(now_ns: int, last: int) -> int:
    """Strictly above `last`, the newest one this key ever used (0: none), whatever the clock does."""
    seqno = max(now_ns, last + 1)
    if not 0 < seqno <= MAX_SEQNO:
        raise LocalProtocolError(f"sequence number {seqno} does not fit in 8 bytes")
    return seqno


def is_due(ts_ms: int, now_ms: int) -> bool:
    """False while a record of that ts belongs in quarantine."""
    return ts_ms <= now_ms + QUARANTINE_AHEAD_MS
