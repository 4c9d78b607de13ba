"""Writes docs/COMMANDS.md, the help text of every command. With --check it only says whether the file is true."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from p2pd_cli.app import COMMANDS, cli

TARGET = Path(__file__).parent.parent / "docs" / "COMMANDS.md"

HEAD = """# The commands

This page is the help text of every command (`p2pd COMMAND --help`); `scripts/gen_commands_doc.py` writes it.

- `--home FOLDER` (or `P2PD_HOME`) says which node is meant.
- With `--json` a command prints JSON: an object, or for lists and streams one object a line. Without it the text
  is for people and may change.
- Data goes to standard output; `error: …` and `hint: …` go to standard error.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | usage: the command line, a name or a setting is wrong |
| 3 | the daemon is not running |
| 4 | no such room, peer or message |
| 5 | network |
| 6 | refused, or over a limit |
| 130 | ended by Ctrl-C |
| 141 | the reader of the output has gone |
"""


def render() -> str:
    """The whole page."""
    parts = [HEAD]
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli, info_name="p2pd"), name)
        if command is None:
            raise LookupError(name)
        for path, found in _with_subcommands(f"p2pd {name}", command):
            context = click.Context(found, info_name=path, terminal_width=100, max_content_width=100)
            context.help_option_names = ["-h", "--help"]
            parts.append(f"## {path}\n\n```text\n{found.get_help(context)}\n```\n")
    return "\n".join(parts)


def _with_subcommands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _with_subcommands(f"{path} {name}", inner)


def main() -> int:
    page = render()
    if "--check" in sys.argv[1:]:
        if TARGET.exists() and TARGET.read_text(encoding="utf-8") == page:
            return 0
        print(f"{TARGET} is not up to date: run python {__file__}", file=sys.stderr)
        return 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
