"""`p2pd edit`, `delete`, `react`, `reply`, `show`: what can be done with one message."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import click

from p2pd_cli.call import ask
from p2pd_cli.output import local_time, message_lines, print_json, say
from p2pd_cli.params import home_option, json_option
from p2pd_cli.sent import checked_text, show_sent


@click.command("edit")
@click.argument("message", metavar="ID")
@click.argument("text", nargs=-1, required=True)
@home_option
@json_option
def edit_command(message: str, text: tuple[str, ...], as_json: bool) -> None:
    """Give a message of yours another text.

    ID is the message's id or its first digits, at least 6: `p2pd send` prints it, and `p2pd history --ids`.
    Everybody sees the new text, marked as edited; `p2pd show` still has the old ones.

    \b
    Example:
      p2pd edit 3fa9c1 "hello, everybody"
    """
    show_sent(ask("POST", "/v1/edit", {"id": message, "text": checked_text(" ".join(text))}), as_json)


@click.command("delete")
@click.argument("message", metavar="ID")
@home_option
@json_option
def delete_command(message: str, as_json: bool) -> None:
    """Take a message of yours back.

    Every node that plays by the rules drops its text; who has read or copied it still knows it.

    \b
    Example:
      p2pd delete 3fa9c1
    """
    show_sent(ask("POST", "/v1/delete", {"id": message}), as_json)


@click.command("react")
@click.argument("message", metavar="ID")
@click.argument("symbol")
@click.option("--remove", is_flag=True, help="Take the reaction back.")
@home_option
@json_option
def react_command(message: str, symbol: str, remove: bool, as_json: bool) -> None:
    """React to a message with an emoji or a short word.

    \b
    Example:
      p2pd react 3fa9c1 👍
      p2pd react 3fa9c1 👍 --remove
    """
    asked = {"id": message, "symbol": checked_text(symbol), "remove": remove}
    show_sent(ask("POST", "/v1/react", asked), as_json)


@click.command("reply")
@click.argument("message", metavar="ID")
@click.argument("text", nargs=-1, required=True)
@home_option
@json_option
def reply_command(message: str, text: tuple[str, ...], as_json: bool) -> None:
    """Answer a message, in its room or conversation.

    \b
    Example:
      p2pd reply 3fa9c1 "I think so, too"
    """
    show_sent(ask("POST", "/v1/reply", {"id": message, "text": checked_text(" ".join(text))}), as_json)


@click.command("show")
@click.argument("message", metavar="ID")
@home_option
@json_option
def show_command(message: str, as_json: bool) -> None:
    """Show one message, and what it said before it was edited.

    \b
    Example:
      p2pd show 3fa9c1
    """
    found: dict[str, Any] = ask("GET", f"/v1/message?{urlencode({'id': message})}")
    if as_json:
        print_json(found)
        return
    print(message_lines(found["message"]))
    for version in found["versions"][:-1]:
        say(f"    {local_time(version['ts_ms'])} it said: {version['text']}")
