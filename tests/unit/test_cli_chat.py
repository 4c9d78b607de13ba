"""The chat's parts that need neither terminal nor daemon: lines, completion, help."""

from __future__ import annotations

import pytest
from p2pd_cli.chat.actions import ACTIONS
from p2pd_cli.chat.lines import COMMANDS, Command, Say, help_lines, parse_line
from p2pd_cli.chat.names import ChatCompleter
from p2pd_cli.chat.view import delivery_line, show_place
from p2pd_cli.places import Place
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("hello", Say("hello")),
        ("  hello \n world  ", Say("hello \n world")),
        ("//etc", Say("/etc")),
        ("/join lobby", Command("join", "lobby")),
        ("/JOIN  two words ", Command("join", "two words")),
        ("/quit", Command("quit", "")),
        ("/msg ana hello\nthere", Command("msg", "ana hello\nthere")),
    ],
)
def test_lines(line: str, parsed: object) -> None:
    assert parse_line(line) == parsed


@pytest.mark.parametrize(
    ("line", "said"), [("/jion x", "did you mean /join?"), ("/", "/help lists"), ("/xyzzy", "/help")]
)
def test_unknown_commands(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_line(line)


def test_words() -> None:
    assert Command("msg", "ana  hello there").words() == ("ana", "hello there")
    assert Command("msg", "").words() == ("", "")


def test_every_command_has_an_action_and_help() -> None:
    assert ACTIONS.keys() == COMMANDS.keys()
    for name in COMMANDS:
        assert any(line.startswith(f"/{name}") for line in help_lines())


def complete(text: str) -> list[str]:
    completer = ChatCompleter()
    completer.rooms = {"lobby", "lounge", "böse räume"}
    completer.people = {"ana", "Anton", "bob"}
    document = Document(text, len(text))
    return [
        text[: len(text) + found.start_position] + found.text
        for found in completer.get_completions(document, CompleteEvent())
    ]


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("/jo", ["/join "]),
        ("/q", ["/quit"]),
        ("/join lo", ["/join lobby", "/join lounge"]),
        ("/join böse r", ["/join böse räume"]),
        ("/msg an", ["/msg ana ", "/msg Anton "]),
        ("an", ["ana: ", "Anton: "]),
        ("hi b", ["hi bob "]),
        ("hi @b", ["hi @bob "]),
        ("in #lou", ["in #lounge"]),
        ("hi ", []),
        ("", []),
        ("//jo", []),
    ],
)
def test_completion(text: str, completed: list[str]) -> None:
    assert complete(text) == completed


def test_places() -> None:
    room, person = Place(room="lobby", name="lobby"), Place(peer="12D3", name="ana\x1b")
    assert show_place(room) == "#lobby"
    assert show_place(person) == "@ana␛"
    assert room.has({"room": "lobby", "peer": None})
    assert not room.has({"room": None, "peer": "lobby"})
    assert person.has({"room": None, "peer": "12D3"})
    assert not person.has({"room": "12D3", "peer": "12D3"})


def test_delivery_lines() -> None:
    assert delivery_line({"state": "delivered"}, "hello") == "-- delivered: hello"
    assert "refused: hello\n   They answered: blocked." in delivery_line(
        {"state": "refused", "reason": "blocked"}, "hello"
    )
    assert delivery_line({"state": "delivered"}, "x" * 99) == "-- delivered: " + "x" * 39 + "…"
