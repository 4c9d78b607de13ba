"""What reaches a terminal or a pipe: harmless, aligned, JSON that any parser reads."""

from __future__ import annotations

import io
import json
import re

import pytest
from p2pd_cli.output import (
    Whereabouts,
    coloured,
    local_time,
    message_lines,
    nick_code,
    one_line,
    pad,
    print_fields,
    print_table,
    text_width,
    use_colour,
)
from p2pd_daemon.core.terminal import json_line

ANA = "12D3KooWHizeSokdayftXJfmd9SSXPCozQa8gR6Cbx9Z2wRteKmL"
HOSTILE = "\x1b[31mred\x07\x9b2J\u202egnp.exe\x7f\u2028\ud800"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def message(**given: object) -> dict[str, object]:
    return {
        "id": "0" * 64,
        "room": "lobby",
        "from": ANA,
        "nick": "ana",
        "name": "ana",
        "ts_ms": 1_700_000_000_000,
        "kind": "text",
        "text": "hello",
        "state": "received",
        "peer": None,
    } | given


def is_harmless(text: str) -> bool:
    return not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]", text
    )


def test_json_is_one_harmless_line_that_says_the_same() -> None:
    line = json_line({"text": HOSTILE + "\nü漢"})
    assert is_harmless(line)
    assert "\n" not in line
    assert "ü漢" in line  # readable, and found by grep
    assert json.loads(line) == {"text": HOSTILE + "\nü漢"}


def test_a_hostile_message_is_harmless() -> None:
    shown = message_lines(message(text=HOSTILE, name=HOSTILE + "\n", nick=HOSTILE, room=HOSTILE), where="")
    assert is_harmless(shown)
    assert len(shown.splitlines()) == 1
    assert is_harmless(Whereabouts().of(message(room=HOSTILE)))


def test_a_message_of_several_lines_is_indented() -> None:
    shown = message_lines(message(text="one\ntwo"))
    assert re.fullmatch(r"2023-11-1[45] \d\d:\d\d:\d\d ana: one\n    two", shown)


def test_actions_and_states() -> None:
    assert message_lines(message(kind="action", text="waves")).endswith("* ana waves")
    assert message_lines(message(state="queued")).endswith("hello [queued]")
    assert message_lines(message(state="queued"), state=False).endswith("hello")
    assert message_lines(message(name="", nick=""), where="#lobby").endswith("#lobby RteKmL: hello")


def test_what_became_of_a_message() -> None:
    assert message_lines(message(edited=True)).endswith("ana: hello (edited)")
    assert message_lines(message(text="", deleted=True, edited=False, state="queued")).endswith(
        "ana: (deleted)"
    )
    reactions = [{"symbol": "👍", "count": 2}, {"symbol": "\x1b[2J", "count": 1}]
    assert message_lines(message(reactions=reactions)).endswith("hello  👍 2  ␛[2J 1")


@pytest.mark.parametrize(
    ("quote", "shown"),
    [
        ({"from": ANA, "name": "bob", "text": "is it\nso?", "deleted": False}, "↩ bob: “is it␤so?” hello"),
        ({"from": ANA, "name": "", "text": "x" * 99, "deleted": False}, f"↩ RteKmL: “{'x' * 39}…” hello"),
        ({"from": ANA, "name": "bob", "text": "", "deleted": True}, "↩ bob: (deleted) hello"),
        ({"from": ANA, "name": "bob", "text": "", "deleted": False}, "↩ bob: … hello"),
        (None, "↩ … hello"),
    ],
)
def test_a_reply_shows_how_the_other_message_begins(quote: object, shown: str) -> None:
    assert message_lines(message(reply_to="1" * 64, quote=quote)).endswith(f"ana: {shown}")


def test_whereabouts_learn_the_names_of_peers() -> None:
    whereabouts = Whereabouts()
    own = message(room=None, peer=ANA, state="sent", **{"from": "me", "name": "me"})
    assert whereabouts.of(own) == "@RteKmL"
    assert whereabouts.of(message(room=None, peer=ANA)) == "@ana"
    assert whereabouts.of(own) == "@ana"
    assert whereabouts.of(message()) == "#lobby"


def test_wide_and_combining_characters_are_aligned() -> None:
    assert text_width("漢字") == 4
    assert text_width("e\u0301") == 1
    assert pad("漢", 4) == "漢  "


def test_a_table_is_aligned_and_has_no_header_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME", "N"), [("漢字", "1"), ("bob\nby", "22"), ("", "3")])
    assert capsys.readouterr().out == "漢字    1\nbob␤by  22\n        3\n"
    print_table(("NAME",), [])
    assert capsys.readouterr().out == ""


def test_fields(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields([("peer ID", "x"), ("", "y\x1b")])
    assert capsys.readouterr().out == "peer ID  x\n         y␛\n"


def test_colour_only_for_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert use_colour(Terminal())
    assert not use_colour(io.StringIO())
    assert coloured("x", "31", io.StringIO()) == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert not use_colour(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not use_colour(Terminal())


def test_a_peer_keeps_its_colour() -> None:
    assert nick_code(ANA) == nick_code(str(ANA))
    assert len({nick_code(ANA[:-1] + char) for char in "abcdefgh"}) > 4


def test_times() -> None:
    now = 1_700_000_000_000
    assert re.fullmatch(r"\d\d:\d\d:\d\d", local_time(now, now))
    assert re.fullmatch(r"2023-11-1\d \d\d:\d\d:\d\d", local_time(now - 2 * 86_400_000, now))
    assert local_time(None) == "-"
    assert local_time(2**63) == "(no such time)"  # a peer may claim it


def test_one_line() -> None:
    assert one_line("a\nb\tc") == "a␤b␉c"
