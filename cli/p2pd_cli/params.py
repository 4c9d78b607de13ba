"""Options that many commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from p2pd_daemon.paths import Home, home_path

F = TypeVar("F", bound=Callable[..., Any])

_HOME = "p2pd_cli.home"  # key in click's context


def _remember_home(context: click.Context, _param: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.meta[_HOME] = value


def home_option(command: F) -> F:
    """`--home FOLDER`, before or after the command's name."""
    return click.option(
        "--home",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="FOLDER",
        expose_value=False,
        is_eager=True,
        callback=_remember_home,
        help="The node's folder.  [default: $P2PD_HOME]",
    )(command)


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON: one object a line.")(command)


def wire_option(command: F) -> F:
    return click.option(
        "--wire",
        type=click.Choice(["p2pd", "text", "chat-room"]),
        help="Whose format the room has: text is universal-connectivity's, chat-room that of go-libp2p's example."
        "  [default: that of the room you know by this name, else p2pd]",
    )(command)


def given_home() -> Path | None:
    """What --home said, absolute; None without it."""
    found = click.get_current_context().meta.get(_HOME)
    return home_path(found) if found is not None else None


def current_home() -> Home:
    """The home that this command line is about; it need not exist."""
    return Home(home_path(given_home()))
