"""A small room and a conversation as exports, and what a check says of a file."""

from __future__ import annotations

from exported import START_MS, key, lines_of, manifest_of, said, sealed
from p2pd_daemon.core.event import Delete, Edit, Profile, Reaction, Unknown
from p2pd_daemon.core.export import Line, Manifest
from p2pd_daemon.core.export_check import ExportCheck, Summary
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.record import Record
from p2pd_daemon.core.seal import direct_box

ANN, BOB = key(1), key(2)
HELLO = said(ANN, "hello")
WORLD = said(BOB, "wörld\n\x1b[31m\u202e\U0001f44d", ts_ms=START_MS + 1)
LOST = said(ANN, "taken back", ts_ms=START_MS + 2)
ROOM = [
    HELLO,
    WORLD,
    said(ANN, Edit(HELLO.id, "hello!"), ts_ms=START_MS + 3),
    said(BOB, Delete(LOST.id), ts_ms=START_MS + 4),
    said(BOB, Reaction(HELLO.id, "\U0001f44d"), ts_ms=START_MS + 5),
    said(ANN, Profile("ann"), ts_ms=START_MS + 6),
    said(ANN, Unknown(b"\xfa\x01\x01x"), ts_ms=START_MS + 7),
]


def a_room() -> tuple[Manifest, list[Line]]:
    """One record of each sort, and one whose author has deleted it."""
    lines = lines_of([*ROOM, LOST])
    lines = [Line(line.id, line.ts_ms) if line.id == LOST.id else line for line in lines]
    return manifest_of(lines), lines


def faults_of(
    raw: bytes, *, key: SigningKey | None = None, signatures: bool = True
) -> tuple[list[tuple[int, str]], Summary]:
    check = ExportCheck(key=key, signatures=signatures)
    found = [fault for line in raw.splitlines(keepends=True) for fault in check.feed(line).faults]
    found += check.finish()
    assert check.summary.faults == len(found)
    return [(fault.line, fault.what) for fault in found], check.summary


def a_conversation() -> tuple[Manifest, list[Line], list[Record]]:
    """As Ann exports what she and Bob said."""
    pairs = [
        sealed(ANN, BOB, "psst", ts_ms=START_MS),
        sealed(BOB, ANN, "what?", ts_ms=START_MS + 1),
    ]
    lines = [line for _, line in pairs]
    topic = direct_box(ANN, BOB.peer_id).topic
    manifest = manifest_of(lines, by=ANN, topic=topic, room=None, peer=BOB.peer_id)
    return manifest, lines, [record for record, _ in pairs]
