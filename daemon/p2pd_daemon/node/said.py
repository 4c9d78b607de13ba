"""What waits in a timeline's inbox: what we say, and what others said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from p2pd_daemon.core.event import Body, ChatEvent
from p2pd_daemon.core.record import Record
from p2pd_daemon.node.reply import Reply
from p2pd_daemon.store.flusher import Flush
from p2pd_daemon.store.rows import Ingested


@dataclass(frozen=True, slots=True)
class Composed:
    """A record of ours, committed, and soon on the disk too."""

    record: Record
    ts_ms: int
    on_disk: Flush


@dataclass(frozen=True, slots=True)
class Say:
    """The reply comes after the commit; `then` is called before it, in the order of the commits."""

    bodies: Sequence[Body]
    reply: Reply[list[Composed]]
    then: Callable[[Sequence[Composed]], None] | None = None


@dataclass(frozen=True, slots=True)
class Take:
    record: Record
    event: ChatEvent
    reply: Reply[Ingested] | None


@dataclass(frozen=True, slots=True)
class TakeMany:
    """Records that reconciliation brought."""

    records: Sequence[tuple[Record, ChatEvent]]
    reply: Reply[list[Ingested]]


Item: TypeAlias = Say | Take | TakeMany


def size(item: Item) -> int:
    """How many records it adds to a transaction that others share; what reconciliation brings has one of its own."""
    return len(item.bodies) if isinstance(item, Say) else 1
