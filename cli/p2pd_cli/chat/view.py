"""How the chat shows things: lines that are harmless for a terminal, coloured where it knows colours."""

from __future__ import annotations

from typing import Any

from p2pd_daemon.core.terminal import sanitise

from p2pd_cli.output import coloured, local_time, message_lines, one_line
from p2pd_cli.places import Place

DIM = "2"
RED = "31"

# What became of an own message, in words.
STATES = {
    "stored": "stored, nobody is here to receive it yet",
    "sent": "sent",
    "queued": "queued: they are away, it goes out when they are back",
    "delivered": "delivered",
    "refused": "refused",
}


def show_place(place: Place) -> str:
    """`#lobby`, or `@ana`."""
    return f"#{one_line(place.name)}" if place.room is not None else f"@{one_line(place.name)}"


def message_here(message: dict[str, Any]) -> str:
    return message_lines(message)


def message_elsewhere(message: dict[str, Any]) -> str:
    """A message of another room or person, with the place, dimmed."""
    where = f"#{one_line(message['room'])}" if message["room"] is not None else "(to you)"
    if message["room"] is None and message["state"] != "received":
        where = f"(to {(message.get('peer') or '?')[-6:]})"
    return coloured(f"{where} ", DIM) + message_lines(message)


def notice(text: str) -> str:
    """Something that the chat itself says."""
    return coloured(f"-- {sanitise(text)}", DIM)


def failure(message: str, hint: str = "") -> str:
    return coloured(f"!! {sanitise(message)}", RED) + (f"\n   {sanitise(hint)}" if hint else "")


def delivery_line(event: dict[str, Any], text: str) -> str | None:
    """What to say when the state of an own message changes later; None where the toolbar is enough."""
    shown = one_line(text if len(text) <= 40 else text[:39] + "…")
    if event["state"] == "refused":
        reason = f": {event['reason']}" if event.get("reason") else ""
        return failure(f"refused{reason} — {shown}")
    if event["state"] == "delivered":
        return notice(f"delivered: {shown}")
    return None


def date_line(ts_ms: int) -> str:
    return notice(local_time(ts_ms))
