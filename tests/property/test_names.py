"""Room names, nicknames and text for the terminal: any text is refused with a reason, or harmless."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st
from p2pd_daemon.core.event import check_nick, check_text
from p2pd_daemon.core.room import (
    Wire,
    check_room_name,
    open_room_topic,
    rendezvous_tag,
    room_of_topic,
    room_topic,
)
from p2pd_daemon.core.terminal import BIDI_CONTROLS, sanitise
from p2pd_daemon.errors import BadRoomName, BadText, P2pdError, TooLarge

any_text = st.text(st.characters(), max_size=80) | st.text(
    st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Zs", "Mn", "Lo"]), max_size=20
)


def outcome(check: Callable[[str], str], text: str) -> str | P2pdError:
    """What the check gives, or its refusal, which must say why and what to do."""
    try:
        return check(text)
    except P2pdError as error:
        refusal = error
    assert refusal.message
    assert refusal.hint
    return refusal


def is_harmless(char: str) -> bool:
    return char in "\n\t" or (
        char not in BIDI_CONTROLS and unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"}
    )


@given(any_text)
@example("\x1b]0;owned\x07")
@example("\x9b31m")
def test_sanitised_text_holds_no_control_characters(text: str) -> None:
    shown = sanitise(text)
    assert all(is_harmless(char) for char in shown)
    assert sanitise(shown) == shown
    shown.encode()


@given(st.text(st.characters(codec="utf-8").filter(is_harmless)))
def test_harmless_text_is_left_alone(text: str) -> None:
    assert sanitise(text) == text


@given(any_text)
def test_a_room_name_is_normal_or_refused_with_a_reason(text: str) -> None:
    name = outcome(check_room_name, text)
    if isinstance(name, P2pdError):
        assert isinstance(name, BadRoomName)
        return
    assert name == unicodedata.normalize("NFC", text)
    assert 1 <= len(name) <= 64
    assert all(is_harmless(char) and char not in "\n\t" for char in name)
    assert check_room_name(name) == name
    assert room_of_topic(open_room_topic(name)) == (name, Wire.P2PD)
    assert len(rendezvous_tag(open_room_topic(name))) == 52


@given(any_text)
def test_a_nickname_is_normal_or_refused_with_a_reason(text: str) -> None:
    nick = outcome(check_nick, text)
    if isinstance(nick, P2pdError):
        assert isinstance(nick, BadText)
        return
    assert len(nick) <= 32
    assert check_nick(nick) == nick


@given(any_text)
def test_a_text_is_taken_as_it_is_or_refused_with_a_reason(text: str) -> None:
    taken = outcome(check_text, text)
    if isinstance(taken, P2pdError):
        assert isinstance(taken, BadText | TooLarge)
        return
    assert taken == text
    assert 1 <= len(text.encode()) <= 8192


@given(any_text)
def test_any_topic_has_a_name_or_none(topic: str) -> None:
    found = room_of_topic(topic)
    assert found is None or room_topic(*found) == topic
