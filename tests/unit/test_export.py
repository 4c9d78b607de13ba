"""What is wrong with an export is named, with its line: damage, forgery, files cut off, versions to come."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from exported import (
    START_MS,
    export_of,
    file_lines,
    file_of,
    key,
    line_of,
    lines_of,
    manifest_of,
    said,
    sealed,
)
from p2pd_daemon.core.event import Action, Delete, Edit, Profile, Reaction, Text, Unknown
from p2pd_daemon.core.export import (
    BadLine,
    Line,
    Manifest,
    decode_object,
    line_fields,
    opened_sha256,
    read_line,
    sign_manifest,
)
from p2pd_daemon.core.export_check import ExportCheck, Summary
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.record import Record, sign_record
from p2pd_daemon.core.seal import direct_box
from p2pd_daemon.core.terminal import json_line

VECTORS = Path(__file__).parents[1] / "vectors"
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


# Damage


def meaning(raw: bytes) -> list[object]:
    return [decode_object(line) for line in raw.splitlines() if line.strip()]


def check_flip(good: bytes, at: int, value: int) -> None:
    """A changed byte is named, or the file still says the same: white space, or one letter's escape for another."""
    bad = good[:at] + bytes((value,)) + good[at + 1 :]
    faults, _ = faults_of(bad)
    if not faults:
        assert meaning(bad) == meaning(good), (at, value)
        in_escape = b"\\u" in good[max(0, at - 5) : at]
        assert value in b" \t\r\n" or in_escape, (at, value)
        return
    line = good[:at].count(b"\n") + 1
    named = {number for number, _ in faults}
    of_gone = b'"gone"' in good.splitlines()[line - 1]  # its ts is nowhere but in the manifest's hash
    assert named & {line, line + 1, good.count(b"\n")} or (of_gone and named == {1}), (at, value, faults)


@pytest.mark.slow
def test_every_flipped_byte_is_named() -> None:
    good = file_of(*a_room())
    choice = random.Random(1)
    for at in range(len(good)):
        check_flip(good, at, (good[at] + choice.randrange(1, 256)) % 256)


@pytest.mark.all
def test_every_flipped_bit_is_named() -> None:
    good = file_of(*a_room())
    for at in range(len(good)):
        for bit in range(8):
            check_flip(good, at, good[at] ^ 1 << bit)


@pytest.mark.slow
def test_every_flipped_byte_of_a_conversation_is_named_even_without_a_key() -> None:
    manifest, lines, _ = a_conversation()
    good = file_of(manifest, lines)
    choice = random.Random(2)
    for at in range(len(good)):
        check_flip(good, at, (good[at] + choice.randrange(1, 256)) % 256)


@pytest.mark.slow
def test_a_file_that_is_cut_off_anywhere() -> None:
    good = file_of(*a_room())
    for size in range(len(good) - 1):
        assert faults_of(good[:size])[0], size
    assert not faults_of(good[:-1])[0]  # only the last line's end is missing


def test_a_file_that_is_cut_off_between_lines_says_where() -> None:
    lines = list(file_lines(*a_room()))
    faults, _ = faults_of(b"".join(lines[:5]))
    assert (5, "the file ends after 4 of 8 records: it was cut off, or lines are missing") in faults
    assert faults_of(b"")[0] == [(1, "the file is empty")]
    faults, _ = faults_of(b"".join(lines[1:]))
    assert faults == [(1, "the manifest is missing: the beginning of the file is cut off")]


@pytest.mark.parametrize("at", range(2, 8))
def test_swapped_lines(at: int) -> None:
    lines = list(file_lines(*a_room()))
    lines[at - 1], lines[at] = lines[at], lines[at - 1]
    assert faults_of(b"".join(lines))[0] == [
        (at + 1, "it is not in order: by (ts_ms, id) it belongs above the line before"),
        (1, "the records are not those that the manifest names, or in another order"),
    ]


def test_a_line_twice_and_a_line_missing() -> None:
    lines = list(file_lines(*a_room()))
    twice = [*lines[:3], lines[2], *lines[3:]]
    assert faults_of(b"".join(twice))[0] == [
        (4, "it is there twice"),
        (1, "the manifest counts 8 records; the file has 9"),
    ]
    del lines[3]
    faults, _ = faults_of(b"".join(lines))
    assert (8, "the file ends after 7 of 8 records: it was cut off, or lines are missing") in faults


def test_blank_lines_and_other_line_ends_are_nothing() -> None:
    good = file_of(*a_room())
    assert faults_of(good.replace(b"\n", b"\r\n"))[0] == []
    assert faults_of(good.replace(b"\n", b" \n\n\t\n"))[0] == []


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


# Versions, and what is no export


@pytest.mark.parametrize("version", [2, 0, "1", 1.0, None, True])
def test_a_version_that_is_not_known_is_all_that_is_said(version: object) -> None:
    head = json_line({"p2pd_export": version, "everything": "new"}).encode()
    faults, summary = faults_of(head + b"\n" + export_of(ROOM))
    assert faults == [
        (
            1,
            f"version {json_line(version)} of the export format; this p2pd reads version 1",
        )
    ]
    assert summary.records == 0


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"hello", "it is not JSON: Expecting value, at character 1"),
        (b"\xff{}", "it is not UTF-8: byte 1"),
        (b"[1]", "it is not a JSON object"),
        (b'{"id": NaN}', "it holds NaN, which is not JSON"),
        (b'{"id": 1, "id": 2}', 'it has the field "id" twice'),
        (b'{"id": ' + b"9" * 5000 + b"}", "it is not JSON of an export: too long a number"),
        (b"[" * 100_000, "it is not JSON of an export: too long a number, or nested too deeply"),
        (b'{"gone": true, "id": "", "ts_ms": 1}', "its id is not 64 hexadecimal digits in lower case"),
        (b"{}", 'it has no field "id"'),
        (b'{"id":"","ts_ms":1,"gone":true,"text":"x"}', 'it has a field "text"'),
    ],
)
def test_lines_that_are_nothing(line: bytes, what: str) -> None:
    head, *rest = file_lines(*a_room())
    faults, _ = faults_of(b"".join([head, line + b"\n", *rest]))
    assert (faults[0][0], faults[0][1][: len(what)]) == (2, what)
    assert {number for number, _ in faults} == {1, 2}


def test_gone_is_true_or_not_there() -> None:
    line = json_line({"id": HELLO.id_hex, "ts_ms": 1, "gone": False}).encode()
    with pytest.raises(BadLine, match='"gone" is not true'):
        read_line(decode_object(line))


@pytest.mark.parametrize("file", [b"hello\n", b"\x00\x01\x02", b"{}\n", b'{"room": "lobby"}\n' * 3])
def test_files_that_are_no_exports(file: bytes) -> None:
    faults, _ = faults_of(file)
    assert faults[0][0] == 1
    assert faults[0][1].startswith("this is no manifest: ")


def test_two_exports_in_one_file() -> None:
    faults, _ = faults_of(export_of(ROOM) + export_of(ROOM))
    assert (len(ROOM) + 2, "a second manifest: each export is a file of its own") in faults


def test_a_record_that_is_no_event() -> None:
    odd = sign_record(ANN, 1, "p2pd/1/lobby", b"\xff")
    line = Line(odd.id, START_MS, odd.author, "text", "x", odd.raw)
    faults, _ = faults_of(file_of(manifest_of([line]), [line]))
    assert faults == [(2, "its signed bytes are damaged: not a ChatEvent")]


# Direct conversations


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
