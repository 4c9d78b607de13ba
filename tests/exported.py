"""Rooms as signed records, and exports of them, made without a node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from p2pd_daemon.core.event import Body, ChatEvent, Text, decode_event, encode_event
from p2pd_daemon.core.export import (
    Line,
    Manifest,
    PlacesHash,
    export_line,
    line_fields,
    manifest_fields,
    sign_manifest,
)
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.record import Record, sign_record
from p2pd_daemon.core.seal import direct_box
from p2pd_daemon.core.terminal import json_line

START_MS = 1_700_000_000_000
TOPIC = "p2pd/1/lobby"


@cache
def key(number: int) -> SigningKey:
    return SigningKey.from_seed(number.to_bytes(32))


def said(
    author: SigningKey, body: Body | str, *, ts_ms: int = START_MS, seqno: int = 1, topic: str = TOPIC
) -> Record:
    event = ChatEvent(ts_ms, (), Text(body) if isinstance(body, str) else body)
    return sign_record(author, seqno, topic, encode_event(event))


def sealed(author: SigningKey, to: SigningKey, text: str, *, ts_ms: int = START_MS) -> tuple[Record, Line]:
    """A direct message, and the line in which one of the two exports it."""
    box = direct_box(author, to.peer_id)
    nonce = ts_ms.to_bytes(24)
    body = box.seal(Text(text), sender=author.peer_id, seqno=ts_ms, ts_ms=ts_ms, nonce=nonce)
    record = sign_record(author, ts_ms, box.topic, encode_event(ChatEvent(ts_ms, (), body)))
    return record, export_line(record, ChatEvent(ts_ms, (), Text(text)), sealed=True)


def line_of(record: Record) -> Line:
    return export_line(record, decode_event(record.data, text_bytes=0), sealed=False)


def lines_of(records: Sequence[Record]) -> list[Line]:
    """In the order of a room, each once."""
    by_place = {(line.ts_ms, line.id): line for line in map(line_of, records)}
    return [by_place[place] for place in sorted(by_place)]


def manifest_of(
    lines: Sequence[Line], *, by: SigningKey | None = None, topic: str = TOPIC, **changed: object
) -> Manifest:
    """True for these lines, but for what is `changed` before it is signed."""
    exporter = by or key(9)
    places = PlacesHash()
    for line in lines:
        places.add(line.ts_ms, line.id, gone=line.raw is None)
    fields: dict[str, object] = {
        "room": topic.removeprefix("p2pd/1/"),
        "peer": None,
        "topic": topic,
        "exported_ms": START_MS + 1_000_000,
        "by": exporter.peer_id,
        "since_ms": None,
        "after": None,
        "count": len(lines),
        "first_ts_ms": lines[0].ts_ms if lines else None,
        "last_ts_ms": lines[-1].ts_ms if lines else None,
        "records_sha256": places.hexdigest(),
    }
    return sign_manifest(exporter, Manifest(**(fields | changed)))  # type: ignore[arg-type]  # as the test says


def export_of(records: Sequence[Record]) -> bytes:
    """Of the first record's room."""
    lines = lines_of(records)
    return file_of(manifest_of(lines, topic=records[0].topic if records else TOPIC), lines)


def file_of(manifest: Manifest, lines: Sequence[Line]) -> bytes:
    return b"".join(file_lines(manifest, lines))


def file_lines(manifest: Manifest, lines: Sequence[Line]) -> Iterator[bytes]:
    for fields in (manifest_fields(manifest), *map(line_fields, lines)):
        yield json_line(fields).encode() + b"\n"
