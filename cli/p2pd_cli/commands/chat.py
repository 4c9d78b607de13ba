"""`p2pd chat`."""

from __future__ import annotations

import sys

import click

from p2pd_cli.complete import complete_place
from p2pd_cli.params import given_home, home_option, wire_option


@click.command("chat")
@click.argument("target", metavar="[ROOM|PEER]", required=False, shell_complete=complete_place)
@wire_option
@click.option(
    "--stream",
    is_flag=True,
    help="Chat by lines with one person who uses a /chat/1.0.0 program, or wait for one who calls.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="With --stream in a pipe: after the end of standard input listen on until nothing has come for so long.",
)
@home_option
def chat_command(target: str | None, *, wire: str | None, stream: bool, wait: float) -> None:
    """Chat in a room or with somebody.

    A room that you are not in is joined. Messages arrive above the prompt. /help lists the commands, Tab
    completes them and people's names, Alt-Enter makes a new line, Ctrl-C clears the line, Ctrl-D ends the
    chat (the node goes on). With --wire it is a room of another program's format.

    --stream speaks /chat/1.0.0, as the chat examples of go-libp2p and py-libp2p do: plain lines to one peer, by
    multiaddr, peer ID or name. Without a peer it waits for the next one who calls. It works in pipes too. Nothing
    of such a chat is signed or stored, and it lasts only while both are there.

    \b
    Example:
      p2pd chat lobby
      p2pd chat ana
      p2pd chat --stream /ip4/192.0.2.7/tcp/3001/p2p/12D3KooW…
      p2pd chat universal-connectivity --wire text
    """
    if stream:
        if wire:
            raise click.UsageError("--wire is for rooms; --stream has none.", click.get_current_context())
        import anyio  # noqa: PLC0415 - as below

        from p2pd_cli.line_chat import run_line_chat  # noqa: PLC0415

        anyio.run(run_line_chat, given_home(), target, wait, backend="asyncio")
        return
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
