"""Exports that are true, and those in which somebody says something else than was signed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from export_rooms import ANN, BOB, HELLO, ROOM, WORLD, a_conversation, a_room, faults_of
from exported import START_MS, export_of, file_lines, file_of, key, line_of, lines_of, manifest_of, said
from p2pd_daemon.core.event import Action, Delete, Edit, Text
from p2pd_daemon.core.export import (
    Line,
    line_fields,
    opened_sha256,
    sign_manifest,
)
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.terminal import json_line

VECTORS = Path(__file__).parents[1] / "vectors"


def test_a_true_export() -> None:
    manifest, lines = a_room()
    faults, summary = faults_of(file_of(manifest, lines))
    assert faults == []
    assert (summary.records, summary.gone, summary.unopened, len(summary.authors)) == (7, 1, 0, 2)
    assert (summary.first_ts_ms, summary.last_ts_ms) == (START_MS, START_MS + 7)
    assert summary.manifest == manifest


def test_the_vectors() -> None:
    """Files of version 1 stay what they are: written so, and true."""
    for name, (manifest, lines) in (("export", a_room()), ("export-direct", a_conversation()[:2])):
        vector = (VECTORS / f"{name}.jsonl").read_bytes()
        assert file_of(manifest, lines) == vector
        assert faults_of(vector, key=BOB)[0] == []


def test_an_empty_room() -> None:
    assert faults_of(export_of([]))[0] == []


def test_the_lines_are_for_people_too() -> None:
    """What is said is readable; nothing in it can harm a terminal that shows the file."""
    text = export_of(ROOM).decode()
    assert "wörld" in text
    assert not [char for char in text if (ord(char) < 32 and char != "\n") or char == "\u202e"]
    first = json.loads(text.splitlines()[1])
    assert list(first) == ["id", "ts_ms", "from", "kind", "text", "raw"]
    assert (first["from"], first["kind"], first["text"]) == (ANN.peer_id, "text", "hello")


# Forgery


def forged(line: Line, **changed: object) -> bytes:
    """The room with one line that says something else, and a manifest that knows nothing of it."""
    manifest, lines = a_room()
    fields = [line_fields(one) for one in lines]
    fields[lines.index(line)] |= changed
    head, *_ = file_lines(manifest, lines)
    return head + b"".join(json_line(one).encode() + b"\n" for one in fields)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"text": "goodbye"}, "the text shown is not what was signed"),
        ({"kind": "action"}, "the kind shown is not what was signed, text"),
        ({"from": BOB.peer_id}, f"the author shown is not the one who signed, {ANN.peer_id}"),
        ({"ts_ms": START_MS - 5}, f"the ts_ms shown is not the one that was signed, {START_MS}"),
        ({"id": WORLD.id_hex}, "the id shown is not that of the signed bytes"),
        ({"opened_sha256": "x"}, "it has an opened_sha256, but is not sealed"),
        ({"note": 1}, 'it has a field "note", which is none of an export'),
        ({"text": 1}, 'its field "text" is of a wrong type'),
        ({"ts_ms": True}, 'its field "ts_ms" is of a wrong type'),
        ({"ts_ms": 0}, "its ts_ms is not a time in ms between 1 and 2^53"),
        ({"id": HELLO.id_hex.upper()}, "its id is not 64 hexadecimal digits in lower case"),
        ({"raw": "AAAA"}, "its signed bytes are damaged: not a pubsub message"),
        ({"raw": "AAB="}, "its base64 is damaged"),
    ],
)
def test_a_line_that_says_something_else(changed: dict[str, object], what: str) -> None:
    faults, _ = faults_of(forged(line_of(HELLO), **changed))
    assert (2, what) in faults
    assert {number for number, _ in faults} <= {1, 2}


def test_a_record_that_is_not_its_authors() -> None:
    stolen = replace(HELLO, author=BOB.peer_id)
    faults, _ = faults_of(export_of([WORLD, stolen]))
    assert faults == [(2, "the record's signature is not its author's")]
    unchecked, _ = faults_of(export_of([WORLD, stolen]), signatures=False)
    assert unchecked == []  # who imports lets the daemon see to that


def test_a_deletion_that_hides_what_was_said() -> None:
    lines = lines_of([*ROOM, said(ANN, Delete(WORLD.id), ts_ms=START_MS + 9)])  # Bob's, so it does not count
    hidden = [Line(line.id, line.ts_ms) if line.id == WORLD.id else line for line in lines]
    faults, _ = faults_of(file_of(manifest_of(lines), hidden))
    assert faults == [(1, "the records are not those that the manifest names, or in another order")]
    hidden = hidden[:-1]
    faults, _ = faults_of(file_of(manifest_of(hidden), hidden))
    assert faults == [(3, "it is marked as deleted, but no record in this file deletes it")]


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"count": 9}, "the file ends after 8 of 9 records: it was cut off, or lines are missing"),
        ({"count": 7}, "the manifest counts 7 records; the file has 8"),
        ({"first_ts_ms": 5}, "the manifest's first_ts_ms or last_ts_ms is not that of the records"),
        ({"last_ts_ms": None}, "the manifest's first_ts_ms or last_ts_ms is not that of the records"),
        ({"records_sha256": "00"}, "the records are not those that the manifest names, or in another order"),
        ({"since_ms": START_MS + 1}, "it is older than the manifest's since_ms"),
        ({"room": "loby"}, "the manifest's topic is not that of its room"),
        ({"room": None}, "the manifest's topic is not that of its room"),
        ({"peer": BOB.peer_id}, "the manifest's topic is not that of its room"),
    ],
)
def test_a_manifest_that_is_signed_and_wrong(changed: dict[str, object], what: str) -> None:
    _, lines = a_room()
    faults, _ = faults_of(file_of(manifest_of(lines, **changed), lines))
    assert what in {found for _, found in faults}


def test_a_manifest_of_somebody_else() -> None:
    manifest, lines = a_room()
    faults, _ = faults_of(file_of(replace(manifest, by=BOB.peer_id), lines))
    assert faults == [(1, "the manifest was changed: its signature is not that of the exporter")]


def test_records_of_another_room() -> None:
    stray = said(ANN, "stray", topic="p2pd/1/elsewhere", ts_ms=START_MS + 9)
    faults, _ = faults_of(export_of([*ROOM, stray]))
    assert faults == [(9, "it is a record of another room (p2pd/1/elsewhere)")]
    lines = lines_of(ROOM)
    other = file_of(manifest_of(lines, topic="p2pd/1/elsewhere"), lines)
    assert len([what for _, what in faults_of(other)[0] if "another room" in what]) == len(ROOM)


def test_a_damaged_manifest_does_not_make_every_record_a_stray() -> None:
    manifest, lines = a_room()
    faults, _ = faults_of(file_of(replace(manifest, topic="p2pd/1/lobbx"), lines))
    assert {number for number, _ in faults} == {1}


# Direct conversations


@pytest.mark.parametrize(("who", "unopened"), [(ANN, 0), (BOB, 0), (key(3), 2), (None, 2)])
def test_a_conversation_is_opened_by_the_two(who: SigningKey | None, unopened: int) -> None:
    manifest, lines, _ = a_conversation()
    faults, summary = faults_of(file_of(manifest, lines), key=who)
    assert faults == []
    assert summary.unopened == unopened


def forge_sealed(change: Callable[[Line], Line]) -> bytes:
    manifest, lines, _ = a_conversation()
    lines[0] = change(lines[0])
    return file_of(manifest, lines)


def test_damage_to_a_sealed_text_is_seen_by_anybody() -> None:
    faults, _ = faults_of(forge_sealed(lambda line: replace(line, text="pssst")))
    assert faults == [(2, "the kind or text shown was changed: opened_sha256 is another")]
    faults, _ = faults_of(forge_sealed(lambda line: replace(line, opened_sha256=None)))
    assert faults == [(2, "the kind or text shown was changed: opened_sha256 is another")]


def test_a_forged_sealed_text_is_seen_by_the_two_only() -> None:
    def forge(line: Line) -> Line:
        return replace(line, text="I quit", opened_sha256=opened_sha256(line.id, "text", "I quit"))

    assert faults_of(forge_sealed(forge))[0] == []
    for who in (ANN, BOB):
        assert faults_of(forge_sealed(forge), key=who)[0] == [(2, "the text shown is not what was signed")]


def test_a_record_in_a_conversation_that_is_not_sealed() -> None:
    manifest, lines, _ = a_conversation()
    record = said(BOB, Action("shouts"), ts_ms=START_MS + 2, topic=manifest.topic)
    lines.append(line_of(record))
    head = manifest_of(lines, by=ANN, topic=manifest.topic, room=None, peer=BOB.peer_id)
    assert faults_of(file_of(head, lines))[0] == [
        (4, "it belongs to a direct conversation, but is not sealed")
    ]


def test_a_conversations_manifest_names_the_other_one() -> None:
    manifest, lines, _ = a_conversation()
    nobody = sign_manifest(ANN, replace(manifest, peer=None))
    assert faults_of(file_of(nobody, lines))[0] == [
        (1, "the manifest of a direct conversation names the other peer, and no room")
    ]
    wrong = sign_manifest(ANN, replace(manifest, peer=key(3).peer_id))
    faults, summary = faults_of(file_of(wrong, lines), key=ANN)
    assert (faults, summary.unopened) == ([], 2)  # the box with that one is another


def test_text_is_what_the_signed_bytes_say_not_what_an_edit_made_of_it() -> None:
    lines = lines_of([HELLO, said(ANN, Edit(HELLO.id, "hello!"), ts_ms=START_MS + 3)])
    assert [line.text for line in lines] == ["hello", "hello!"]
    assert lines_of([said(ANN, Text(" "))])[0].text == " "
