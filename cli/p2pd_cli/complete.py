"""Completion of room and peer names from the running daemon. Without one there is nothing to complete."""

from __future__ import annotations

from typing import Any

import click
from p2pd_client.errors import ApiError

from p2pd_cli.call import ask
from p2pd_cli.failures import CliError

COMPLETION_VARIABLE = "_P2PD_COMPLETE"  # click sets it when the shell asks for completions
PATIENCE_S = 1.0  # a person waits with a finger on Tab


def _names(context: click.Context, path: str, field: str, incomplete: str) -> list[str]:
    try:
        with context.scope(cleanup=False):  # for --home
            found: list[dict[str, Any]] = ask("GET", path, timeout=PATIENCE_S)
    except (ApiError, CliError, OSError):
        return []  # an error message in the middle of somebody's command line helps nobody
    return [item[field] for item in found if item[field].startswith(incomplete)]


def complete_room(context: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return _names(context, "/v1/rooms", "room", incomplete)


def complete_peer(context: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    names = _names(context, "/v1/contacts", "name", incomplete)
    return names or _names(context, "/v1/peers", "peer_id", incomplete)


def complete_place(context: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Rooms, then people."""
    return complete_room(context, param, incomplete) + complete_peer(context, param, incomplete)
