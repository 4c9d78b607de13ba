"""Search: words in any script, the last one as a prefix, and no input that fails."""

from __future__ import annotations

import sqlite3

import pytest
from p2pd_daemon.store.history import load_history
from p2pd_daemon.store.records import ingest
from p2pd_daemon.store.rooms import add_room
from p2pd_daemon.store.search import MAX_WORDS, parse_search
from store_records import BOB, START_MS, TOPIC, make, open_in_memory

TEXTS = [
    "Good morning, Zürich!",
    "the morning after",
    "你好世界，今天天气很好",
    "สวัสดีชาวโลก",
    "안녕하세요 여러분",
    "Привет, как дела?",
    "हिन्दी में नमस्ते",
    "nice 👍 100% done_it",
    'he said "no" AND left (really)',
    "foo.bar@example.org",
]


@pytest.fixture(scope="module")
def conn() -> sqlite3.Connection:
    opened = open_in_memory()
    add_room(opened, "lobby", TOPIC, START_MS)
    add_room(opened, "other", "p2pd/1/other", START_MS)
    ingest(opened, [make(1, text, ts_ms=START_MS + i) for i, text in enumerate(TEXTS)])
    ingest(opened, [make(2, "morning in another room", author=BOB, topic="p2pd/1/other")])
    return opened


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("morning", [0, 1]),
        ("MORNING good", [0]),
        ("morn", [0, 1]),  # the last word is a prefix
        ("morn good", []),  # the first is not
        ("morn ", []),  # nor is a last one that is finished
        ("zurich", [0]),
        ("ZÜRICH", [0]),
        ("世界", [2]),
        ("天气 你好", [2]),
        ("ชาว", [3]),
        ("안녕", [4]),
        ("ПРИВЕТ", [5]),
        ("नमस्ते", [6]),
        ("हिन्दी", [6]),
        ("👍", [7]),
        ("nice 👍", [7]),
        ("100%", [7]),
        ("%", [7]),
        ("_", [7]),
        ("done_it", [7]),
        ('"no"', [8]),
        ("AND", [8]),
        ("left (really)", [8]),
        ("NEAR(", []),
        ("text:morning", []),
        ("foo.bar", [9]),
        ("example.org", [9]),
        ("morning\0", [0, 1]),
        ("morning\0after", [1]),
        ("\ud800", []),
        ("*", []),
        ("?", [5]),
    ],
)
def test_words_are_found(typed: str, found: list[int], conn: sqlite3.Connection) -> None:
    rows = load_history(conn, 1, limit=100, search=typed)
    assert [TEXTS.index(row.text) for row in rows] == found


@pytest.mark.parametrize("typed", ["", "   ", "\n\t", "\0"])
def test_a_search_without_words_finds_all(typed: str, conn: sqlite3.Connection) -> None:
    assert len(load_history(conn, 1, limit=100, search=typed)) == len(TEXTS)


def test_it_pages_like_history(conn: sqlite3.Connection) -> None:
    [newest] = load_history(conn, 1, limit=1, search="morning")
    assert newest.text == TEXTS[1]
    [older] = load_history(conn, 1, limit=1, search="morning", before=newest.id)
    assert older.text == TEXTS[0]
    assert load_history(conn, 1, limit=1, search="morning", hide_authors={older.author}) == []


def test_what_nobody_types_is_cut(conn: sqlite3.Connection) -> None:
    load_history(conn, 1, limit=1, search="x" * 1_000_000)
    load_history(conn, 1, limit=1, search="世" * 1_000_000)
    load_history(conn, 1, limit=1, search="%" * 100_000)
    parsed = parse_search("word " * 10_000 + "世 " * 10_000)
    assert parsed.match.count(" AND ") == MAX_WORDS - 1
