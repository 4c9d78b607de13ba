"""`p2pd join`, `leave`, `rooms`."""

from __future__ import annotations

from typing import Any

import click

from p2pd_cli.call import ask
from p2pd_cli.complete import complete_room
from p2pd_cli.output import local_time, note, one_line, print_json, print_table
from p2pd_cli.params import home_option, json_option, wire_option


def shown_wire(joined: dict[str, Any]) -> str:
    """What to add to a room's name where it is not one of p2pd's own."""
    return "" if joined["wire"] == "p2pd" else f" ({joined['wire']}, topic {one_line(joined['topic'])})"


@click.command("join")
@click.argument("room")
@wire_option
@click.option(
    "--announce/--no-announce",
    default=None,
    help="Of a text room: read universal-connectivity's discovery topic, and tell this node's addresses there or not."
    "  [default: as it was; at first --announce for the room universal-connectivity, neither for others]",
)
@home_option
@json_option
def join_command(room: str, wire: str | None, announce: bool | None, as_json: bool) -> None:
    """Join a room. The node stays in it, over restarts, until `p2pd leave`.

    Everybody who joins a room of the same name and can be reached is in it. Other libp2p programs have rooms of their
    own formats, which have texts and nothing else: no edits, reactions, replies or nicknames of p2pd's.

    \b
    Example:
      p2pd join lobby
      p2pd join universal-connectivity --wire text
    """
    given = {"room": room, "wire": wire, "announce": announce}
    joined = ask("POST", "/v1/join", {name: value for name, value in given.items() if value is not None})
    if as_json:
        print_json(joined)
        return
    print(f"joined {one_line(joined['room'])}{shown_wire(joined)}")
    if joined["announce"]:
        note("This node tells its addresses to everybody there; --no-announce does without.")


@click.command("leave")
@click.argument("room", shell_complete=complete_room)
@home_option
@json_option
def leave_command(room: str, as_json: bool) -> None:
    """Leave a room. What was said stays in `p2pd history`.

    \b
    Example:
      p2pd leave lobby
    """
    left = ask("POST", "/v1/leave", {"room": room})
    if as_json:
        print_json(left)
    else:
        print(f"left {one_line(room)}")


@click.command("rooms")
@home_option
@json_option
def rooms_command(as_json: bool) -> None:
    """List the joined rooms.

    \b
    Example:
      p2pd rooms
      p2pd rooms --json | jq -r .room
    """
    rooms = ask("GET", "/v1/rooms")
    if as_json:
        for room in rooms:
            print_json(room)
        return
    print_table(
        ("ROOM", "UNREAD", "MEMBERS", "LAST MESSAGE", "WIRE"),
        [
            (
                room["room"],
                str(room["unread"]),
                str(room["members"]),
                local_time(room["last_ts_ms"]),
                room["wire"] if room["wire"] != "p2pd" else "",
            )
            for room in rooms
        ],
    )
