"""What a store node keeps for others: records that it checks and does not open.

A room's record is known to belong to a set by its tag; of the content only the header is read (when it was said,
and what it takes back, where that is not sealed).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from p2pd_daemon.core.event import ChatEvent, Delete, Sealed, decode_event
from p2pd_daemon.core.payload import read_payload
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.record import Record, decode_record, verify_record
from p2pd_daemon.core.room import DIRECT_PREFIX, Wire, room_of_topic
from p2pd_daemon.core.sync_frames import sync_tag
from p2pd_daemon.errors import RemoteProtocolError

ROW_BYTES = 200  # what the database needs for a record beside its bytes: about that, with its index entries
NAMED_BYTES = 100  # and for each record that a delete names


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record to keep. `deletes`: ids of records of the same author whose bytes go with it."""

    id: bytes
    ts_ms: int
    author: PeerId
    raw: bytes
    deletes: tuple[bytes, ...] = ()
    seen_ms: int = 0  # when others first saw it, where its room's records carry no time: then `ts_ms` is 0

    @property
    def size(self) -> int:
        """Bytes that it counts for in a quota."""
        return len(self.raw) + ROW_BYTES + NAMED_BYTES * len(self.deletes)


@dataclass(frozen=True, slots=True)
class KeptTotals:
    """What a store node keeps, all together."""

    rooms: int
    mailboxes: int
    records: int
    bytes: int


def open_room_records(
    raws: Sequence[bytes], tag: bytes, seen: Sequence[int] = ()
) -> tuple[list[KeptRecord], list[str]]:
    """The records of a room with this tag, and what is wrong with others. The signature is NOT checked. `seen` has a
    time for each where records carry none.

    Those that are no events are left out without a word: a later version of the protocol may know them.
    """
    kept: list[KeptRecord] = []
    faults: list[str] = []
    for index, raw in enumerate(raws):
        try:
            record = decode_record(raw, max_bytes=0)
        except RemoteProtocolError as error:
            faults.append(f"record {index} of {len(raws)}: {error.message}")
            continue
        if sync_tag(record.topic) != tag:
            faults.append(f"record {record.id_hex}: it is of another room")
            continue
        with suppress(RemoteProtocolError):
            room = room_of_topic(record.topic)
            wire = room[1] if room else Wire.P2PD
            one = _kept(record, read_payload(record.data, wire, text_bytes=0))
            kept.append(one if one.ts_ms or not seen else replace(one, seen_ms=seen[index]))
    return kept, faults


def open_mail(raw: bytes) -> KeptRecord:
    """A record for a mailbox: sealed, of a direct conversation, signed. RemoteProtocolError says what it is not."""
    record = decode_record(raw, max_bytes=0)
    if not record.topic.startswith(DIRECT_PREFIX):
        raise RemoteProtocolError("a mailbox takes only records of direct conversations")
    event = decode_event(record.data, text_bytes=0)
    if not isinstance(event.body, Sealed):
        raise RemoteProtocolError("a mailbox takes only what is sealed")
    verify_record(record)
    return _kept(record, event)


def verify_kept(records: Sequence[KeptRecord]) -> tuple[list[KeptRecord], list[str]]:
    """Those whose signature is their author's; what is wrong with others."""
    verified: list[KeptRecord] = []
    faults: list[str] = []
    for one in records:
        try:
            verify_record(decode_record(one.raw, max_bytes=0))
        except RemoteProtocolError as error:
            faults.append(f"record {one.id.hex()}: {error.message}")
        else:
            verified.append(one)
    return verified, faults


def _kept(record: Record, event: ChatEvent) -> KeptRecord:
    body = event.body
    named = (body.target, *body.edits) if isinstance(body, Delete) else ()
    return KeptRecord(record.id, event.ts_ms, record.author, record.raw, named)


def floor_after(places: Sequence[tuple[int, int]], records: int, size: int) -> int:
    """The ts below which records go so that at most `records` of them and `size` bytes stay (0: no limit).

    `places` are (ts, bytes) of all records, newest first. 0 when all fit. All records of one ts go together: a
    floor is a time, so that two sides that state it compare the same set.
    """
    taken = 0
    for count, (ts_ms, cost) in enumerate(places, 1):
        taken += cost
        if (records and count > records) or (size and taken > size):
            return ts_ms + 1
    return 0
