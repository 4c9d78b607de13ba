"""Room names, nicknames, texts and the terminal: what is taken, and that each refusal says why."""

from __future__ import annotations

import pytest
from p2pd_daemon.core.event import check_nick, check_symbol, check_text
from p2pd_daemon.core.peer_id import decode_peer_id
from p2pd_daemon.core.room import (
    Wire,
    check_room_name,
    open_room_topic,
    peer_rendezvous_tag,
    rendezvous_tag,
    room_of_topic,
    room_topic,
)
from p2pd_daemon.core.terminal import sanitise
from p2pd_daemon.errors import BadRoomName, BadText, TooLarge

ANN = decode_peer_id("12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5")


@pytest.mark.parametrize(
    "name",
    [
        "lobby",
        "a",
        "a/b",
        "two words",
        "✈️ travel",
        "👩‍👩‍👧",
        "مرحبا",
        "日本語",
        "..",
        "%2e",
        "x",
        "dm",
        "X/",
        "🇺🇳" * 32,
    ],
)
def test_good_room_names(name: str) -> None:
    assert check_room_name(name) == name
    assert room_of_topic(open_room_topic(name)) == (name, Wire.P2PD)


def test_a_room_name_becomes_nfc() -> None:
    assert check_room_name("cafe\u0301") == "caf\u00e9"
    assert check_room_name("e\u0301" * 64) == "\u00e9" * 64  # counted after that


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty"),
        ("x" * 65, "65 characters; the limit is 64"),
        ("a\nb", r"control character U\+000A"),
        ("a\x00", r"control character U\+0000"),
        ("\x1b[31m", r"control character U\+001B"),
        ("a\x7f", r"control character U\+007F"),
        ("a\x9bb", r"control character U\+009B"),
        ("a\u2028b", r"control character U\+2028"),
        ("a\u2029b", r"control character U\+2029"),
        ("a\u202eb", r"control character U\+202E"),
        ("a\u2066b", r"control character U\+2066"),
        ("a\u200fb", r"control character U\+200F"),
        ("a\ud800", r"lone surrogate U\+D800"),
        (" a", "white space"),
        ("a\u3000", "white space"),
        ("   ", "white space"),
        ("x/a", "reserved"),
        ("dm/a", "reserved"),
        (None, "is text"),
        (b"lobby", "is text"),
        (7, "is text"),
    ],
)
def test_bad_room_names_say_why(name: str, why: str) -> None:
    with pytest.raises(BadRoomName, match=why) as caught:
        check_room_name(name)
    assert caught.value.hint


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "p2pd/1/",
        "p2pd/1/x/abc",
        "p2pd/1/dm/abc",
        "p2pd/1/ a",
        "p2pd/1/e\u0301",
        "chat-room:",
        "chat-room: a",
    ],
)
def test_topics_of_no_room(topic: str) -> None:
    assert room_of_topic(topic) is None


@pytest.mark.parametrize(
    ("name", "wire", "topic"),
    [
        ("universal-connectivity", Wire.TEXT, "universal-connectivity"),
        ("x/y", Wire.TEXT, "x/y"),
        ("awesome-chat-room", Wire.CHAT_ROOM, "chat-room:awesome-chat-room"),
        ("x/y", Wire.CHAT_ROOM, "chat-room:x/y"),
    ],
)
def test_topics_of_other_wires(name: str, wire: Wire, topic: str) -> None:
    assert check_room_name(name, wire) == name
    assert room_topic(name, wire) == topic
    assert room_of_topic(topic) == (name, wire)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("p2pd/1/lobby", "p2pd join lobby --wire p2pd"),
        ("chat-room:lobby", "p2pd join lobby --wire chat-room"),
        ("universal-connectivity-file", "p2pd join universal-connectivity --wire text"),
        ("universal-connectivity-browser-peer-discovery", "p2pd join universal-connectivity --wire text"),
    ],
)
def test_a_text_room_is_none_where_others_expect_something_else(name: str, hint: str) -> None:
    with pytest.raises(BadRoomName) as caught:
        check_room_name(name, Wire.TEXT)
    assert hint in caught.value.hint


def test_tags_are_short_and_do_not_show_the_name() -> None:
    tag = rendezvous_tag(open_room_topic("lobby"))
    assert tag == tag.lower()
    assert len(tag) == 52
    assert "lobby" not in tag
    assert len({tag, rendezvous_tag("lobby"), peer_rendezvous_tag(ANN), rendezvous_tag(ANN)}) == 4


def test_texts() -> None:
    assert check_text("two\nlines\twith tab") == "two\nlines\twith tab"
    assert check_text("é" * 4096) == "é" * 4096
    assert check_text("x" * 9000, max_bytes=0) == "x" * 9000


@pytest.mark.parametrize(
    ("text", "error", "why"),
    [
        ("", BadText, "empty"),
        (" \n", BadText, "empty"),
        ("a\udc80", BadText, "surrogate"),
        ("é" * 4097, TooLarge, "8194 bytes"),
    ],
)
def test_bad_texts_say_why(text: str, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why) as caught:
        check_text(text)
    assert getattr(caught.value, "hint", "")


def test_nicknames() -> None:
    assert check_nick("Zoë") == "Zoë"
    assert check_nick("Zoe\u0308") == "Zo\u00eb"
    assert check_nick("") == ""
    assert check_nick("👩‍🚀 ann") == "👩‍🚀 ann"


@pytest.mark.parametrize(
    ("nick", "why"),
    [
        ("x" * 33, "33 characters"),
        ("a\x1b[0m", r"U\+001B"),
        ("a\u202eb", r"U\+202E"),
        (" ann", "white space"),
        ("ann\n", "white space"),
        ("a\ud800", r"U\+D800"),
    ],
)
def test_bad_nicknames_say_why(nick: str, why: str) -> None:
    with pytest.raises(BadText, match=why) as caught:
        check_nick(nick)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\t👋 é", "two\nlines\t👋 é"),
        ("a\r\nb\rc", "a\nb␍c"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x00\x08\x7f", "␀␈␡"),
        ("\x9b31m\x85", "\ufffd31m\ufffd"),
        ("abc\u202ecba\u2069", "abc\ufffdcba\ufffd"),
        ("a\u2028b\u2029c\ud800", "a\ufffdb\ufffdc\ufffd"),
        ("", ""),
    ],
)
def test_sanitise(text: str, shown: str) -> None:
    assert sanitise(text) == shown


@pytest.mark.parametrize("symbol", ["👍", "👩‍👩‍👧", "+1", "ja", "é", "🇺🇳", "x" * 64])
def test_good_reactions(symbol: str) -> None:
    assert check_symbol(symbol) == symbol
    assert check_symbol("e\u0301") == "é"


@pytest.mark.parametrize(
    "symbol", ["", " ", "two words", "a\nb", "\x1b", "\u202e", "\ud800", "x" * 65, "é" * 33]
)
def test_bad_reactions(symbol: str) -> None:
    with pytest.raises(BadText) as caught:
        check_symbol(symbol)
    assert "emoji" in caught.value.hint
