"""Damage to an export is named, with its line; versions to come and files that are none are, too."""

from __future__ import annotations

import random

import pytest
from export_rooms import ANN, HELLO, ROOM, a_conversation, a_room, faults_of
from exported import START_MS, export_of, file_lines, file_of, manifest_of
from p2pd_daemon.core.export import (
    BadLine,
    Line,
    decode_object,
    read_line,
)
from p2pd_daemon.core.record import sign_record
from p2pd_daemon.core.terminal import json_line

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
