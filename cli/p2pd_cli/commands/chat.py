"""`p2pd chat`."""

from __future__ import annotations

import sys

import click

from p2pd_cli.complete import complete_place
from p2pd_cli.params import given_home, home_option, wire_option


@click.command("chat")
@click.argument("target", metavar="[ROOM|PEER]", required=False, shell_complete=complete_place)
@wire_option
@home_option
def chat_command(target: str | None, wire: str | None) -> None:
    """Chat in a room or with somebody.

    A room that you are not in is joined. Messages arrive above the prompt. /help lists the commands, Tab
    completes them and people's names, Alt-Enter makes a new line, Ctrl-C clears the line, Ctrl-D ends the
    chat (the node goes on). With --wire it is a room of another program's format.

    \b
    Example:
      p2pd chat lobby
      p2pd chat ana
      p2pd chat universal-connectivity --wire text
    """
    if wire and not target:
        raise click.UsageError("--wire needs the name of a room.", click.get_current_context())
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(
            "`p2pd chat` needs a terminal; in scripts and pipes use `p2pd send` and `p2pd tail`.",
            click.get_current_context(),
        )
    import anyio  # noqa: PLC0415 - this and prompt_toolkit take longer than saying the above

    from p2pd_cli.chat.terminal import run_chat  # noqa: PLC0415

    anyio.run(run_chat, given_home(), target, wire, backend="asyncio")
