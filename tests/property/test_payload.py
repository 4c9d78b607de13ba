"""Other people's formats: what is written is read again, and any other bytes give RemoteProtocolError."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from p2pd_daemon.core.bodies import NamedText, label_fault_char
from p2pd_daemon.core.event import ChatEvent, Text
from p2pd_daemon.core.payload import false_claim, read_payload, shown_nick, write_payload
from p2pd_daemon.core.room import Wire
from p2pd_daemon.errors import LocalProtocolError, RemoteProtocolError

from .strategies import bodies, peers

FOREIGN = [Wire.TEXT, Wire.CHAT_ROOM]
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
named = st.builds(NamedText, texts, st.none(), texts | st.just(""), texts | st.just(""))
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
chat_like = st.dictionaries(
    st.sampled_from(["Message", "SenderID", "SenderNick", "message", "More"]), json_values | texts
)


@given(texts)
def test_a_text_is_its_utf8(text: str) -> None:
    data = write_payload(Text(text), Wire.TEXT)
    assert data == text.encode()
    assert read_payload(data, Wire.TEXT) == ChatEvent(0, (), Text(text))


@given(named)
def test_a_chat_room_s_line_is_read_as_it_was_written(body: NamedText) -> None:
    data = write_payload(body, Wire.CHAT_ROOM)
    assert read_payload(data, Wire.CHAT_ROOM) == ChatEvent(0, (), body)
    fields = json.loads(data)
    assert list(fields) == ["Message", "SenderID", "SenderNick"]


@given(st.binary(max_size=300), st.sampled_from(FOREIGN))
def test_any_bytes_are_a_text_or_refused(data: bytes, wire: Wire) -> None:
    try:
        event = read_payload(data, wire)
    except RemoteProtocolError:
        return
    assert isinstance(event.body, Text)
    assert (event.ts_ms, event.parents, event.body.reply_to) == (0, (), None)
    event.body.text.encode()  # no lone surrogate gets in
    assert write_payload(event.body, wire) == data or wire is Wire.CHAT_ROOM


@given(chat_like, st.booleans())
def test_any_json_is_a_line_or_refused(fields: dict[str, object], escaped: bool) -> None:
    data = json.dumps(fields, ensure_ascii=escaped).encode(errors="surrogatepass")
    with contextlib.suppress(RemoteProtocolError):
        body = read_payload(data, Wire.CHAT_ROOM, text_bytes=0).body
        assert isinstance(body, NamedText)
        assert (body.text, body.sender_id, body.nick) == (
            fields["Message"],
            fields["SenderID"],
            fields["SenderNick"],
        )
        assert read_payload(write_payload(body, Wire.CHAT_ROOM, text_bytes=0), Wire.CHAT_ROOM).body == body


@given(bodies, st.sampled_from(FOREIGN))
def test_nothing_but_texts_is_written(body: object, wire: Wire) -> None:
    if type(body) is Text and body.reply_to is None and wire is Wire.TEXT:
        return
    with pytest.raises(LocalProtocolError):
        write_payload(body, wire)  # type: ignore[arg-type]


@given(st.integers(1, 40), st.integers(1, 40))
def test_a_limit_holds_for_what_is_said_and_what_is_read(size: int, limit: int) -> None:
    body = NamedText("é" * size, None, "nick" * 20, "id" * 20)
    for wire, said in ((Wire.TEXT, Text(body.text)), (Wire.CHAT_ROOM, body)):
        data = write_payload(said, wire)
        if 2 * size <= limit:
            assert read_payload(data, wire, text_bytes=limit).body == said
            continue
        with pytest.raises(RemoteProtocolError):
            read_payload(data, wire, text_bytes=limit)
        with pytest.raises(LocalProtocolError):
            write_payload(said, wire, text_bytes=limit)


@given(st.text(max_size=100))
def test_a_nick_is_shown_without_what_could_harm(nick: str) -> None:
    shown = shown_nick(nick)
    assert len(shown) <= 32
    assert shown == shown.strip()
    assert label_fault_char(shown) is None
    assert shown_nick(shown) == shown


@given(peers, texts)
def test_a_claim_is_false_unless_it_names_the_author(author: str, other: str) -> None:
    assert false_claim(NamedText("hi", None, "", author), author) is None  # type: ignore[arg-type]
    claim = false_claim(NamedText("hi", None, "", other), author)  # type: ignore[arg-type]
    assert claim
    assert len(claim) <= 128
    assert label_fault_char(claim) is None
