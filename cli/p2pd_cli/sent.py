"""What the commands that say something have in common."""

from __future__ import annotations

from typing import Any

from p2pd_daemon.errors import BadText

from p2pd_cli.output import print_json


def checked_text(text: str) -> str:
    """A text of the command line. Raises BadText."""
    try:
        text.encode()
    except UnicodeEncodeError as error:  # bytes of the command line that are not UTF-8
        raise BadText(
            "the text is not UTF-8", hint="Use a UTF-8 locale, or convert it with iconv."
        ) from error
    return text


def show_sent(sent: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(sent)
    else:
        print(f"{sent['id']} {sent['state']}")
