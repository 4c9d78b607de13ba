"""The messages that this chat has shown, each with a number by which the person can mean it: `^12`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from p2pd_cli.places import Place

REMEMBERED = 5000  # messages that a number still means
SHORT_ID = 8  # digits of the id, for a message that has no number

_REF = re.compile(r"\^?([0-9a-fA-F]{1,64})")


class Shown:
    """Numbers rise from 1 and are never given twice."""

    def __init__(self) -> None:
        self._messages: dict[int, dict[str, Any]] = {}
        self._numbers: dict[str, int] = {}
        self._next = 1

    def add(self, message: Mapping[str, Any]) -> int:
        """The message's number, a new one if it has none; what is known of it is replaced."""
        number = self._numbers.get(message["id"])
        if number is None:
            number, self._next = self._next, self._next + 1
            self._numbers[message["id"]] = number
            if len(self._messages) >= REMEMBERED:
                oldest = next(iter(self._messages))
                del self._numbers[self._messages.pop(oldest)["id"]]
        self._messages[number] = dict(message)
        return number

    def update(self, message: Mapping[str, Any]) -> str:
        """A message has changed; how to name it to the person."""
        number = self._numbers.get(message["id"])
        if number is None:
            return f"^{message['id'][:SHORT_ID]}"
        self._messages[number] = dict(message)
        return f"^{number}"

    def find(self, ref: str) -> str:
        """The id, or digits for the daemon to look up, that `12`, `^12` or `^3fa9c1` mean. Raises ValueError."""
        match = _REF.fullmatch(ref)
        if match is None:
            raise ValueError(f"{ref} is no message; each shows its number before it: ^12")
        digits = match[1]
        if digits.isdecimal() and int(digits) in self._messages:
            return str(self._messages[int(digits)]["id"])
        if len(digits) < 6:
            raise ValueError(f"there is no message ^{digits} on the screen")
        return digits.lower()

    def split(self, rest: str) -> tuple[str | None, str]:
        """`^12 text` → (id, text); without a reference in front (None, rest). Raises ValueError."""
        first, _, after = rest.partition(" ")
        if len(first) > 1 and _REF.fullmatch(first) and first.startswith("^"):
            return self.find(first), after.strip()
        return None, rest

    def last(self, place: Place | None, *, own: bool) -> str:
        """The last message said here: by oneself, or else by somebody else where there is one. Raises ValueError."""
        here = [
            message
            for message in reversed(self._messages.values())
            if place is not None and place.has(message) and not message.get("deleted")
        ]
        wanted = [message for message in here if (message["state"] != "received") == own]
        if not wanted and (own or not here):
            raise ValueError("you have said nothing here" if own else "nothing was said here yet")
        return str((wanted or here)[0]["id"])
