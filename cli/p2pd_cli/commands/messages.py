"""`p2pd send`, `msg`, `history`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import click
from p2pd_client.errors import ApiError
from p2pd_daemon.errors import BadText

from p2pd_cli.call import ask
from p2pd_cli.complete import complete_peer, complete_place, complete_room
from p2pd_cli.failures import CliError
from p2pd_cli.history import newest
from p2pd_cli.output import message_lines, note, one_line, print_json
from p2pd_cli.params import home_option, json_option
from p2pd_cli.sent import checked_text, show_sent

WHOLE_BYTES = 1024 * 1024  # the daemon says how much of it is too much for a message
SHORT_ID = 8  # digits: two of 100,000 messages begin alike with a chance of 1 in 43,000 for each


@click.command("send")
@click.argument("room", shell_complete=complete_room)
@click.argument("text", nargs=-1)
@click.option("--action", is_flag=True, help="Say what you do: `* ana waves`.")
@click.option("--whole", is_flag=True, help="All of standard input is one message, with its line breaks.")
@home_option
@json_option
def send_command(room: str, text: Sequence[str], *, action: bool, whole: bool, as_json: bool) -> None:
    """Say something in a room you have joined. It returns when the message is stored.

    With `-` each line of standard input is a message, empty lines are skipped, and all of them travel in one request:
    so it is quick, and slows down to what the room's members take: 900 at once, then 20 a second. A line that is
    refused is named on stderr and costs none of the others; the exit code is the first such line's. Text that begins
    with a dash goes after `--`.

    \b
    Example:
      p2pd send lobby "hello, everybody"
      uptime | p2pd send lobby -
      p2pd send lobby --whole - < poem.txt
      p2pd tail lobby --others --text | sed -u 's/^/you said: /' | p2pd send lobby -
    """
    kind = "action" if action else "text"
    if whole or not _from_stdin(text):
        words = _whole_stdin(text) if whole else checked_text(" ".join(text))
        show_sent(ask("POST", "/v1/send", {"room": room, "text": words, "kind": kind}), as_json)
        return
    import anyio  # noqa: PLC0415 - a message of the command line does without

    from p2pd_cli.lines import send_lines  # noqa: PLC0415

    anyio.run(partial(send_lines, room, kind, as_json=as_json), backend="asyncio")


@click.command("msg")
@click.argument("peer", shell_complete=complete_peer)
@click.argument("text", nargs=-1)
@click.option("--action", is_flag=True, help="Say what you do: `* ana waves`.")
@home_option
@json_option
def msg_command(peer: str, text: Sequence[str], action: bool, as_json: bool) -> None:
    """Write to one person. PEER is a peer ID, a name from `p2pd contacts` or a multiaddr.

    The message is stored at once; while the peer is away it waits (`queued`) and goes out when they are back.
    With `-` each line of standard input is a message.

    It is sealed for the two of you and signed. To somebody who uses a universal-connectivity program instead of
    p2pd it goes by that program's protocol: encrypted on its way, but not signed, and told so.

    \b
    Example:
      p2pd msg ana "are you there?"
      p2pd msg 12D3KooW… hello --json
    """
    kind = "action" if action else "text"
    told = False

    def say(words: str) -> Any:
        nonlocal told
        sent = ask("POST", "/v1/msg", {"to": peer, "text": words, "kind": kind})
        if sent.get("via") and not told:
            told = True
            note(
                f"They use {one_line(sent['via'])}, not p2pd: it went encrypted on its way, but without your signature."
            )
        return sent

    _say(text, as_json, say)


def _say(words: Sequence[str], as_json: bool, say: Callable[[str], Any]) -> None:
    if not _from_stdin(words):
        show_sent(say(checked_text(" ".join(words))), as_json)
        return
    for number, line in _lines_of_stdin():
        try:
            show_sent(say(line), as_json)
        except (ApiError, CliError) as error:
            raise CliError(
                f"line {number}: {error.message}", hint=error.hint, exit_code=error.exit_code
            ) from error


def _from_stdin(words: Sequence[str]) -> bool:
    if not words and sys.stdin.isatty():
        raise click.UsageError(
            "There is no text to send: give it, or - to read lines.", click.get_current_context()
        )
    return not words or tuple(words) == ("-",)


def _whole_stdin(words: Sequence[str]) -> str:
    if words and tuple(words) != ("-",):
        raise click.UsageError(
            "--whole reads standard input: leave the text out.", click.get_current_context()
        )
    try:
        text = sys.stdin.buffer.read(WHOLE_BYTES).decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise BadText("the text is not UTF-8", hint="Convert it first, for example with iconv.") from error
    return checked_text(text)


def _lines_of_stdin() -> Iterator[tuple[int, str]]:
    """(number, line) as each arrives, without its end, empty ones skipped."""
    for number, raw in enumerate(iter(sys.stdin.buffer.readline, b""), start=1):
        try:
            line = raw.decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise BadText(
                f"line {number} is not UTF-8", hint="Convert it first, for example with iconv."
            ) from error
        if line.strip():
            yield number, line


@click.command("history")
@click.argument("target", metavar="ROOM|PEER", shell_complete=complete_place)
@click.option(
    "--limit", "-n", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many."
)
@click.option("--before", metavar="ID", help="Only what is older than this message.")
@click.option("--search", metavar="TEXT", help="Only what contains these words.")
@click.option(
    "--ids", is_flag=True, help="Show how each message's id begins, for edit, delete, react and reply."
)
@home_option
@json_option
def history_command(
    target: str, *, limit: int, before: str | None, search: str | None, ids: bool, as_json: bool
) -> None:
    """Show what was said in a room or with a peer.

    The newest messages, oldest first.

    \b
    Example:
      p2pd history lobby
      p2pd history lobby --limit 200 --search "release notes"
      p2pd history ana --json | jq -r .text
    """
    for message in newest(target, limit, before=before, search=search):
        if as_json:
            print_json(message)
        else:
            print((f"{message['id'][:SHORT_ID]} " if ids else "") + message_lines(message))
