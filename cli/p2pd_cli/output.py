"""What the commands print: data on stdout, for people (aligned, local times) or as JSON; the rest on stderr."""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from p2pd_daemon.core.terminal import json_line, sanitise


def prepare_streams() -> None:
    """UTF-8 whatever the locale says, and each line at once, so that pipes see it when it happens."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


# JSON


def print_json(value: object) -> None:
    print(json_line(value))


# Text


def say(text: str = "") -> None:
    """Prints to stdout what may contain other people's text; newlines stay."""
    print(sanitise(text))


def note(text: str) -> None:
    """Says something to the person on stderr that is not data."""
    print(sanitise(text), file=sys.stderr)


def one_line(text: str) -> str:
    """Harmless, and on one line: newlines and tabs are shown as their pictures."""
    return sanitise(text).replace("\n", "␤").replace("\t", "␉")


def text_width(text: str) -> int:
    """The columns that text takes on a terminal: 2 for wide characters, 0 for combining ones and joiners."""
    if text.isascii():
        return len(text)
    return sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def pad(text: str, width: int) -> str:
    return text + " " * (width - text_width(text))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Aligned columns; the headers only for a person at a terminal, a pipe gets nothing but rows."""
    lines = [[one_line(cell) for cell in row] for row in rows]
    if sys.stdout.isatty() and lines:
        lines.insert(0, list(headers))
    widths = (
        [max(text_width(line[column]) for line in lines) for column in range(len(headers))] if lines else []
    )
    for line in lines:
        print("  ".join(pad(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """`name  value` lines, values aligned; an empty name continues the field above."""
    shown = list(fields)
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        print(f"{pad(name, width)}  {one_line(value)}".rstrip())


# Colour


def use_colour(stream: TextIO) -> bool:
    """Colour only for a person: at a terminal that knows colours, without NO_COLOR (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def coloured(text: str, code: str, stream: TextIO | None = None) -> str:
    """`text` in the colour with that SGR code, where colour is wanted."""
    return f"\x1b[{code}m{text}\x1b[0m" if use_colour(stream or sys.stdout) else text


# Times


NO_SUCH_TIME = "(no such time)"  # a peer can claim any 64-bit number


def local_time(ts_ms: int | None, now_ms: int | None = None) -> str:
    """`14:03:22` today, `2026-11-23 14:03:22` on other days, `-` for none, in the local time zone."""
    if ts_ms is None:
        return "-"
    try:
        at = time.localtime(ts_ms / 1000)
        today = time.localtime((now_ms if now_ms is not None else int(time.time() * 1000)) / 1000)
    except (OverflowError, ValueError, OSError):
        return NO_SUCH_TIME
    if at.tm_year > 9999:
        return NO_SUCH_TIME
    same_day = (at.tm_year, at.tm_yday) == (today.tm_year, today.tm_yday)
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S", at)


# Messages


def message_lines(message: Mapping[str, Any], *, where: str = "", state: bool = True) -> str:
    """A message for a person: `14:03:22 ana: hello`, further lines indented.

    `where` is shown before the name; with `state`, an own message that has not arrived says so at its end.
    """
    name = one_line(message.get("name") or message["nick"] or message["from"][-6:])
    shown_name = coloured(name, f"38;5;{nick_code(message['from'])}")
    shown_name += _claim(message)
    author = f"* {shown_name}" if message["kind"] == "action" else f"{shown_name}:"
    waits = state and message["state"] in {"queued", "refused"} and not message.get("deleted")
    unsent = f" [{message['state']}]" if waits else ""
    head = " ".join(part for part in (local_time(message["ts_ms"]), where, author) if part)
    text = "\n    ".join(sanitise(message["text"]).split("\n"))
    return f"{head} {_answered(message)}{text}{_marks(message)}{unsent}"


def _claim(message: Mapping[str, Any]) -> str:
    """A text of a chat-room that names somebody else as its author: who signed it is not who it says."""
    sender = message.get("sender")
    if not sender or not sender["claims"]:
        return ""
    return coloured(f" (who calls themself {one_line(sender['claims'])[-6:]}, which is not true)", "31")


QUOTED = 40  # characters of the message that another one answers


def beginning(text: str, chars: int = QUOTED) -> str:
    """Harmless, on one line, and not longer than that."""
    shown = one_line(text)
    return shown if len(shown) <= chars else f"{shown[: chars - 1]}…"


def _answered(message: Mapping[str, Any]) -> str:
    if not message.get("reply_to") or message.get("deleted"):
        return ""
    quote = message.get("quote")
    if quote is None:
        return coloured("↩ … ", "2")
    said = "(deleted)" if quote["deleted"] else f"“{beginning(quote['text'])}”" if quote["text"] else "…"
    return coloured(f"↩ {one_line(quote['name'] or quote['from'][-6:])}: {said} ", "2")


def _marks(message: Mapping[str, Any]) -> str:
    """What became of a message: edited, deleted, what people reacted with."""
    if message.get("deleted"):
        return coloured("(deleted)", "2")
    edited = coloured(" (edited)", "2") if message.get("edited") else ""
    unsigned = coloured(" (not signed)", "2") if message.get("via") else ""
    return (
        unsigned
        + edited
        + "".join(
            f"  {one_line(reaction['symbol'])} {reaction['count']}"
            for reaction in message.get("reactions", ())
        )
    )


class Whereabouts:
    """Shows where a message was said: `#room`, or `@name` of the other one in a direct conversation."""

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        self._names = dict(names or {})  # peer ID → name; learned from what peers say, too

    def of(self, message: Mapping[str, Any]) -> str:
        if message["room"] is not None:
            return f"#{one_line(message['room'])}"
        peer = message.get("peer") or "?"
        if message["from"] == peer and message.get("name"):
            self._names[peer] = message["name"]
        return f"@{one_line(self._names.get(peer) or peer[-6:])}"


# Colours of the 256-colour palette that can be read on black and on white.
_NICK_CODES = (31, 32, 34, 64, 67, 71, 94, 97, 98, 102, 124, 130, 133, 136, 161, 162, 166, 168, 172, 202)


def nick_code(peer_id: str) -> int:
    """A colour that stays the same for a peer, on every machine."""
    return _NICK_CODES[sum(peer_id.encode()[-8:]) % len(_NICK_CODES)]
