"""`p2pd tail`: messages as they arrive."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from typing import Any

import anyio
import click
from p2pd_client import Client, connect
from p2pd_daemon.core.terminal import sanitise

from p2pd_cli.complete import complete_place
from p2pd_cli.live import open_live
from p2pd_cli.output import Whereabouts, message_lines, note, print_json
from p2pd_cli.params import given_home, home_option, json_option
from p2pd_cli.places import Place, all_places, find_place, read_since
from p2pd_cli.since import Since, SinceType


@click.command("tail")
@click.argument("target", metavar="[ROOM|PEER]", required=False, shell_complete=complete_place)
@click.option(
    "--since",
    type=SinceType(),
    metavar="WHEN",
    help="First what was said since: 10m, 2h, a date, or a message's id.",
)
@click.option("--others", is_flag=True, help="Leave out your own messages.")
@click.option("--text", "text_only", is_flag=True, help="Print nothing but each message's text.")
@home_option
@json_option
def tail_command(
    target: str | None, since: Since | None, others: bool, text_only: bool, as_json: bool
) -> None:
    """Show messages as they arrive.

    Those of one room or person, or of all, until Ctrl-C. It goes on, without losing any, when the daemon is restarted.

    \b
    Example:
      p2pd tail lobby --since 1h
      p2pd tail --json | jq -r '.nick + ": " + .text'
      p2pd tail lobby --others --text | sed -u 's/^/you said: /' | p2pd send lobby -
    """

    printer = _Printer(others=others, text_only=text_only, as_json=as_json)
    anyio.run(_follow, target, since, printer, backend="asyncio")


async def _follow(target: str | None, since: Since | None, printer: _Printer) -> None:
    async with connect(given_home()) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(_end_with_reader)
        place = await find_place(client, target) if target is not None else None
        printer.place = place
        printer.whereabouts = Whereabouts({talk.peer_id: talk.name for talk in await client.conversations()})
        async with open_live(client, kinds=("message",), room=place.room if place else None) as events:
            if since is not None:
                printer.show_earlier(await _earlier(client, place, since))
            async for event in events:
                if event.kind == "gap":
                    note("Some messages came while the daemon was away for long; see `p2pd history`.")
                else:
                    printer.show(event.data)


async def _earlier(client: Client, place: Place | None, since: Since) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for one in [place] if place else await all_places(client):
        found += await read_since(client, one, since)
    return sorted(found, key=lambda message: (message["ts_ms"], message["id"]))


async def _end_with_reader() -> None:
    """Raises BrokenPipeError as soon as the reader of our output has gone, not only with the next message."""
    out = sys.stdout.fileno()
    if not stat.S_ISFIFO(os.fstat(out).st_mode):
        return
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(out, gone.set)  # the write end of a pipe becomes "readable" when its reader closes
    try:
        await gone.wait()
    finally:
        loop.remove_reader(out)
    raise BrokenPipeError


class _Printer:
    """Prints each message once, those of `place` only where that is set."""

    def __init__(self, *, others: bool, text_only: bool, as_json: bool) -> None:
        self.place: Place | None = None
        self.whereabouts = Whereabouts()
        self._others = others
        self._text_only = text_only
        self._as_json = as_json
        self._earlier: set[str] = set()

    def show_earlier(self, messages: list[dict[str, Any]]) -> None:
        """Prints what history has; what the live stream brings of it once more is passed over."""
        self._earlier.update(message["id"] for message in messages)
        for message in messages:
            self._print(message)

    def show(self, message: dict[str, Any]) -> None:
        if message["id"] not in self._earlier and (self.place is None or self.place.has(message)):
            self._print(message)

    def _print(self, message: dict[str, Any]) -> None:
        if self._others and message["state"] != "received":
            return
        if self._as_json:
            print_json(message)
        elif self._text_only:
            if not message.get("deleted"):
                print(sanitise(message["text"]))
        else:
            print(message_lines(message, where=self.whereabouts.of(message) if self.place is None else ""))
