"""A room with a long history, made without a network: signed by several authors and put into a node's store.

`python -m benchmarks.big_room HOME` verifies and stores all of it in a new store, as plainly as that can be done, and
prints what it took: what a node that catches up is compared with.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import trio
from p2pd_daemon.core.event import ChatEvent, Text, decode_event, encode_event
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.record import Record, decode_record, sign_record, verify_record
from p2pd_daemon.core.room import open_room_topic
from p2pd_daemon.store.rows import RECEIVED, NewRecord
from p2pd_daemon.store.store import open_store

from .processes import memory_mib, peak_memory_mib

T = TypeVar("T")

ROOM = "archive"
STORE = "store.sqlite3"  # in a node's home
AUTHORS = 5
START_MS = 1_700_000_000_000
STEP_MS = 10_000  # between two messages
BATCH_RECORDS = 1000  # in one transaction
TEXT = "This is message number {} of a room in which people have talked for a long time, a line or two each."


def say_all(count: int) -> Iterator[Record]:
    """`count` messages, each of which names the one before as its parent. The same ones every time."""
    keys = [SigningKey.from_seed(bytes([number + 1]) * 32) for number in range(AUTHORS)]
    topic = open_room_topic(ROOM)
    parents: tuple[bytes, ...] = ()
    for number in range(count):
        event = ChatEvent(START_MS + number * STEP_MS, parents, Text(TEXT.format(number), None))
        record = sign_record(keys[number % AUTHORS], number + 1, topic, encode_event(event))
        parents = (record.id,)
        yield record


def new_record(room_n: int, record: Record, now_ms: int) -> NewRecord:
    event = decode_event(record.data)
    text = event.body.text if isinstance(event.body, Text) else None
    return NewRecord(room_n, record, event, "text", text, event.ts_ms, now_ms, state=RECEIVED, notify=False)


async def fill(home: Path, records: Iterable[Record]) -> None:
    """Puts them into the store of a node that does not run, as a room that it is in. Its home has to be there."""
    async with open_store(home / STORE) as store:
        room = await store.add_room(ROOM, open_room_topic(ROOM), START_MS)
        for batch in in_batches(records):
            await store.ingest([new_record(room.room_n, record, START_MS) for record in batch])


async def verify_and_store(home: Path, raws: Sequence[bytes]) -> dict[str, float]:
    """Seconds to check all and to insert all, one after the other; of the first batch, too; and memory's growth."""
    before, _ = memory_mib("self")
    start = time.perf_counter()
    first: float | None = None
    async with open_store(home / STORE) as store:
        room = await store.add_room(ROOM, open_room_topic(ROOM), START_MS)
        for batch in in_batches(raws):
            records = [decode_record(raw) for raw in batch]
            for record in records:
                verify_record(record)
            await store.ingest([new_record(room.room_n, record, START_MS) for record in records])
            first = first or time.perf_counter() - start
        took = time.perf_counter() - start
    return {"seconds": took, "newest": (first or took) * 1e3, "memory": peak_memory_mib("self") - before}


def in_batches(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH_RECORDS)):
        yield batch


def main() -> None:
    home, count = Path(sys.argv[1]), int(sys.argv[2])
    raws = [record.raw for record in say_all(count)]
    home.mkdir(parents=True)
    print(json.dumps(trio.run(verify_and_store, home, raws)), flush=True)


if __name__ == "__main__":
    main()
