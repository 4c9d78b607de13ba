"""How the chat shows things: lines that are harmless for a terminal, coloured where it knows colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p2pd_daemon.core.terminal import sanitise

from p2pd_cli.output import coloured, one_line
from p2pd_cli.places import Place

DIM = "2"
RED = "31"


def show_place(place: Place) -> str:
    """`#lobby`, or `@ana`."""
    return f"#{one_line(place.name)}" if place.room is not None else f"@{one_line(place.name)}"


def notice(text: str) -> str:
    """Something that the chat itself says."""
    return coloured(f"-- {sanitise(text)}", DIM)


def failure(message: str, hint: str = "") -> str:
    return coloured(f"!! {sanitise(message)}", RED) + (f"\n   {sanitise(hint)}" if hint else "")


def delivery_line(event: Mapping[str, Any], text: str) -> str:
    """What to say when an own direct message was delivered late, or refused."""
    shown = f": {one_line(text if len(text) <= 40 else text[:39] + '…')}" if text else ""
    if event["state"] == "refused":
        return failure(f"refused{shown}", f"They answered: {event['reason']}." if event.get("reason") else "")
    return notice(f"delivered{shown}")
