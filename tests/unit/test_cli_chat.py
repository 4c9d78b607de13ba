"""The chat's parts that need neither terminal nor daemon: lines, completion, help."""

from __future__ import annotations

import pytest
from p2pd_cli.chat.actions import ACTIONS
from p2pd_cli.chat.lines import COMMANDS, Command, Say, help_lines, parse_line
from p2pd_cli.chat.names import ChatCompleter
from p2pd_cli.chat.shown import REMEMBERED, Shown
from p2pd_cli.chat.view import change_line, delivery_line, delivery_text, progress_bar, show_place
from p2pd_cli.places import Place
from p2pd_client.shapes import Delivery
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


def test_catching_up_is_a_bar_where_it_takes_a_while() -> None:
    assert progress_bar(25_000, 100_000) == "catching up █████░░░░░░░░░░░░░░░ 25,000 of 100,000"
    assert progress_bar(0, 49) == progress_bar(100, 100) == ""


def test_delivery_tells_who_has_it() -> None:
    assert (
        delivery_text(Delivery(state="sent", sent_to=3, held_by=2, members=3), "sent")
        == "sent, held by 2 of 3"
    )
    assert delivery_text(Delivery(state="stored", sent_to=0, held_by=0, members=0), "stored") == "stored"
    assert delivery_text(None, "") == ""


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


LOBBY = Place(room="lobby", name="lobby")


def said(number: int, *, own: bool = False, room: str = "lobby", **more: object) -> dict[str, object]:
    state = "sent" if own else "received"
    return {"id": f"{number:06x}" + "e" * 58, "room": room, "peer": None, "state": state, "text": "hi"} | more


def test_messages_are_meant_by_number_or_id() -> None:
    shown = Shown()
    assert [shown.add(said(n)) for n in (10, 11, 10)] == [1, 2, 1]
    assert shown.find("2") == shown.find("^2") == said(11)["id"]
    assert shown.find("^ABCDEF12") == "abcdef12"  # for the daemon to look up
    assert shown.split("^1 hello there") == (said(10)["id"], "hello there")
    assert shown.split("1 hello there") == (None, "1 hello there")
    assert shown.split("^ hello") == (None, "^ hello")
    for wrong in ("3", "^3", "abc", "no", ""):
        with pytest.raises(ValueError, match="message"):
            shown.find(wrong)


def test_the_last_message_is_that_of_this_place() -> None:
    shown = Shown()
    with pytest.raises(ValueError, match="nothing was said"):
        shown.last(LOBBY, own=False)
    shown.add(said(1, own=True))
    assert shown.last(LOBBY, own=True) == shown.last(LOBBY, own=False) == said(1)["id"]
    shown.add(said(2))
    shown.add(said(3, own=True))
    shown.add(said(4, room="elsewhere"))
    assert shown.last(LOBBY, own=False) == said(2)["id"]
    assert shown.last(LOBBY, own=True) == said(3)["id"]
    assert shown.update(said(3, own=True, deleted=True)) == "^3"
    assert shown.last(LOBBY, own=True) == said(1)["id"]
    assert shown.update(said(0xABCDEF)) == "^abcdefee"
    with pytest.raises(ValueError, match="you have said nothing"):
        shown.last(Place(room="elsewhere", name="elsewhere"), own=True)


def test_old_messages_lose_their_numbers() -> None:
    shown = Shown()
    for number in range(REMEMBERED + 1):
        shown.add(said(number))
    with pytest.raises(ValueError, match="on the screen"):
        shown.find("^1")
    assert shown.find("^2") == said(1)["id"]
    assert shown.add(said(0)) == REMEMBERED + 2


def test_changes_are_told_in_a_line() -> None:
    change = {
        "by": "12D3KooWabcdef",
        "by_name": "ana\x07",
        "text": "new\x1b",
        "symbol": "👍",
        "remove": False,
    }
    assert change_line("edit", change, "^3") == "-- ana␇ edited ^3: new␛"
    assert change_line("delete", change, "^3", where="[#lobby]") == "[#lobby] -- ana␇ deleted ^3"
    assert change_line("reaction", change, "^3") == "-- ana␇ reacts with 👍 to ^3: new␛"
    taken = change | {"remove": True, "by_name": ""}
    assert change_line("reaction", taken, "^3") == "-- abcdef takes back 👍 to ^3: new␛"
