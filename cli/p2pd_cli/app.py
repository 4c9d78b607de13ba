"""The command tree. Each command's module is imported when it is used, so that short commands start quickly."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click
from click.shell_completion import shell_complete
from p2pd_client.errors import ApiError
from p2pd_daemon.errors import P2pdError
from p2pd_daemon.version import __version__

from p2pd_cli.complete import COMPLETION_VARIABLE
from p2pd_cli.failures import INTERRUPTED, CliError, leave_closed_pipe, report
from p2pd_cli.output import prepare_streams
from p2pd_cli.params import home_option

# Command → module in p2pd_cli.commands, in the order that --help shows.
COMMANDS: dict[str, str] = {
    "start": "start",
    "stop": "node",
    "status": "node",
    "id": "node",
    "web": "web",
    "chat": "chat",
    "join": "rooms",
    "leave": "rooms",
    "rooms": "rooms",
    "send": "messages",
    "msg": "messages",
    "tail": "tail",
    "history": "messages",
    "show": "changes",
    "edit": "changes",
    "delete": "changes",
    "react": "changes",
    "reply": "changes",
    "export": "exports",
    "verify": "exports",
    "import": "exports",
    "nick": "people",
    "contacts": "people",
    "block": "people",
    "unblock": "people",
    "connect": "peers",
    "disconnect": "peers",
    "peers": "peers",
    "addrs": "peers",
    "ping": "peers",
    "bootstrap": "start",
    "config": "setup",
    "version": "setup",
    "completion": "setup",
}


class LazyGroup(click.Group):
    """Looks commands up in COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        found: click.Command = getattr(
            importlib.import_module(f"p2pd_cli.commands.{module}"), f"{cmd_name}_command"
        )
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib  # noqa: PLC0415 - only for an error

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            remedy = f"Did you mean `p2pd {close[0]}`?" if close else "`p2pd --help` lists them all."
            raise click.UsageError(f"There is no command {args[0]!r}. {remedy}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, message="p2pd %(version)s")
@home_option
def cli() -> None:
    """Chat that needs no server: start your node, meet others, talk.

    \b
    Example:
      p2pd start --detach --nick ana
      p2pd join lobby
      p2pd send lobby "hello"
      p2pd chat lobby

    Exit codes: 0 done, 1 failed, 2 usage, 3 daemon not running, 4 no such room, peer or message, 5 network,
    6 refused or over a limit.
    """


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code. Every error is reported on stderr."""
    prepare_streams()
    instruction = os.environ.get(COMPLETION_VARIABLE)
    if instruction:
        return shell_complete(cli, {}, "p2pd", COMPLETION_VARIABLE, instruction)
    try:
        with cli.make_context("p2pd", list(arguments)) as context:
            cli.invoke(context)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        return _outcome(_first(error))
    return 0


def _first(error: BaseException) -> BaseException:
    """The error itself, or the first in the group that tasks ended with."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _outcome(error: BaseException) -> int:
    """Tells the person where there is something to tell, and returns the exit code. Raises what is a bug of ours."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        return leave_closed_pipe()
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        return INTERRUPTED
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and error.ctx is not None:
        print(error.ctx.get_help())
    elif isinstance(error, click.ClickException):
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "p2pd"
        report(error.format_message(), f"`{command} --help` explains it with an example.")
    elif isinstance(error, (P2pdError, ApiError, CliError)):
        report(error.message, error.hint)
    elif isinstance(error, OSError):
        report(f"{error.filename}: {error.strerror}" if error.filename is not None else str(error))
    else:
        raise error
    return int(getattr(error, "exit_code", 1))
