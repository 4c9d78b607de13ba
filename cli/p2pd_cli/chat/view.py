"""How the chat shows things: lines that are harmless for a terminal, coloured where it knows colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p2pd_client.shapes import Delivery
from p2pd_daemon.core.terminal import sanitise

from p2pd_cli.output import beginning, coloured, one_line
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


def change_line(kind: str, change: Mapping[str, Any], name: str, *, where: str = "") -> str:
    """What somebody did to a message, which the person knows by `name`; the data of such an event."""
    who = change.get("by_name") or change["by"][-6:]
    if kind == "edit":
        what = f"edited {name}: {change['text']}"
    elif kind == "delete":
        what = f"deleted {name}"
    else:
        verb = "takes back" if change["remove"] else "reacts with"
        what = f"{verb} {one_line(change['symbol'])} to {name}: {beginning(change['text'])}"
    line = notice(f"{one_line(who)} {what}")
    return f"{where} {line}" if where else line


def delivery_line(event: Mapping[str, Any], text: str) -> str:
    """What to say when an own direct message was delivered late, or refused."""
    shown = f": {beginning(text)}" if text else ""
    if event["state"] == "refused":
        return failure(f"refused{shown}", f"They answered: {event['reason']}." if event.get("reason") else "")
    return notice(f"delivered{shown}")


BAR_CELLS = 20
WORTH_A_BAR = 50  # records: less is here before anybody could read it


def progress_bar(got: int, total: int) -> str:
    """`catching up ███████░░░ 7,000 of 10,000`; empty when there is little to wait for."""
    if total < WORTH_A_BAR or got >= total:
        return ""
    full = BAR_CELLS * got // total
    return f"catching up {'█' * full}{'░' * (BAR_CELLS - full)} {got:,} of {total:,}"


def delivery_text(delivery: Delivery | None, state: str) -> str:
    """`sent, held by 2 of 3`: what is known of one's own message."""
    if delivery is None or not delivery.held_by or delivery.members < delivery.held_by:
        return state
    return f"{state}, held by {delivery.held_by} of {delivery.members}"
