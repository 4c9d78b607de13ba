"""What a person typed in the chat: something to say, or a command."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

# Command → (what follows it, what it does). The order is that of /help.
COMMANDS: dict[str, tuple[str, str]] = {
    "join": ("ROOM [--wire WIRE]", "go to a room; joins it if need be"),
    "leave": ("[ROOM]", "leave a room, this one without a name"),
    "msg": ("PEER [TEXT]", "write to somebody; without a text, go to your conversation"),
    "me": ("ACTION", "say what you do: * ana waves"),
    "reply": ("[^NUMBER] TEXT", "answer a message: the last one, or the one with that number"),
    "react": ("[^NUMBER] EMOJI", "react to a message; /unreact takes that back"),
    "unreact": ("[^NUMBER] EMOJI", "take your reaction back"),
    "edit": ("[^NUMBER] TEXT", "give a message of yours another text"),
    "delete": ("[^NUMBER]", "take a message of yours back"),
    "nick": ("[NAME]", "take a nickname, or show yours"),
    "who": ("", "who is in this room"),
    "peers": ("", "who is connected"),
    "rooms": ("", "your rooms and conversations"),
    "history": ("[NUMBER]", "show more of what was said here"),
    "help": ("", "this list"),
    "quit": ("", "end the chat (the node goes on); so does Ctrl-D"),
}


@dataclass(frozen=True, slots=True)
class Say:
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """`rest` is all that follows the name, without spaces around it."""

    name: str
    rest: str

    def words(self) -> tuple[str, str]:
        """The first word and the rest after it."""
        first, _, rest = self.rest.partition(" ")
        return first, rest.strip()


def parse_line(line: str) -> Say | Command:
    """`/name rest` is a command; `//text` says `/text`. A text keeps its inner lines. Raises ValueError for an
    unknown command, with what to do instead.
    """
    text = line.strip()
    if text.startswith("//"):
        return Say(text[1:])
    if not text.startswith("/"):
        return Say(text)
    words = text[1:].split(None, 1)
    name = words[0].lower() if words else ""
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        remedy = f"did you mean /{close[0]}?" if close else "/help lists them"
        raise ValueError(f"there is no command /{name}; {remedy} (a text that begins with / is written //)")
    return Command(name, words[1].strip() if len(words) > 1 else "")


def help_lines() -> list[str]:
    """For a person, aligned."""
    usages = [f"/{name} {rest}".rstrip() for name, (rest, _) in COMMANDS.items()]
    width = max(map(len, usages))
    lines = [f"{usage:<{width}}  {what}" for usage, (_, what) in zip(usages, COMMANDS.values(), strict=True)]
    return [
        *lines,
        f"{'Alt-Enter':<{width}}  a new line in your text",
        f"{'Tab':<{width}}  completes commands and names",
    ]
