"""What the commands that say something have in common."""

from __future__ import annotations

from typing import Any

from p2pd_daemon.core.terminal import json_line
from p2pd_daemon.errors import BadText


def checked_text(text: str) -> str:
    """A text of the command line, or all of standard input. Raises BadText."""
    if not text:
        raise BadText("there is nothing to say: the text is empty", hint="Give a text, or - to read lines.")
    try:
        text.encode()
    except UnicodeEncodeError as error:  # bytes of the command line that are not UTF-8
        raise BadText(
            "the text is not UTF-8", hint="Use a UTF-8 locale, or convert it with iconv."
        ) from error
    return text


def show_sent(sent: dict[str, Any], as_json: bool) -> None:
    print(sent_line(sent, as_json))


def sent_line(sent: dict[str, Any], as_json: bool) -> str:
    return json_line(sent) if as_json else f"{sent['id']} {sent['state']}"
