"""Completion in the chat: commands, rooms and the names of people."""

from __future__ import annotations

from collections.abc import Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from p2pd_cli.chat.lines import COMMANDS

ROOM_COMMANDS = frozenset({"join", "leave"})


class ChatCompleter(Completer):
    """`rooms` and `people` are kept up to date by the session."""

    def __init__(self) -> None:
        self.rooms: set[str] = set()
        self.people: set[str] = set()

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        before = document.text_before_cursor
        if before.startswith("/") and not before.startswith("//") and " " not in before:
            return self._commands(before[1:])
        word = before.rsplit(None, 1)[-1] if before and not before[-1].isspace() else ""
        first = before.split(None, 1)[0] if before.strip() else ""
        if first.startswith("/") and first[1:] in ROOM_COMMANDS:
            return _matching(before[len(first) :].lstrip(), self.rooms, end="")
        if word.startswith("#"):
            return _matching(word[1:], self.rooms, end="")
        starts_line = before == word
        return _matching(
            word.removeprefix("@"), self.people, end=": " if starts_line and word[:1] != "@" else " "
        )

    def _commands(self, begun: str) -> Iterable[Completion]:
        for name, (rest, what) in COMMANDS.items():
            if name.startswith(begun.lower()):
                yield Completion(name + (" " if rest else ""), -len(begun), f"/{name}", display_meta=what)


def _matching(begun: str, names: Iterable[str], *, end: str) -> Iterable[Completion]:
    if not begun:
        return
    for name in sorted(names, key=str.casefold):
        if name.casefold().startswith(begun.casefold()):
            yield Completion(name + end, -len(begun), name)
