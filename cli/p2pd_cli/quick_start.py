"""`p2pd start` without click and without a second interpreter: a fifth of the way to a ready node."""

# ruff: noqa: PLC0415 - each import is paid only where it is needed

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from p2pd_daemon.paths import Home

FLAGS = ("--json", "--store", "--mdns", "--no-mdns", "--no-bootstrap")
WITH_VALUE = (
    "--home", "--listen", "--announce", "--bootstrap", "--http", "--nick", "--key", "--keep", "--log-level",
)  # fmt: skip


def quick_start(arguments: Sequence[str]) -> int | None:
    """Runs `p2pd start` and returns its exit code; None, with nothing done, leaves it to the full command line.

    That is for whatever is not plain: help, an abbreviation, options that contradict each other, a wrong setting.
    """
    options = plain_options(arguments)
    if options is None:
        return None
    from p2pd_daemon.config import load_config
    from p2pd_daemon.errors import P2pdError
    from p2pd_daemon.options import parse_start_options
    from p2pd_daemon.paths import Home, home_path

    detach = "--detach" in options
    options = [option for option in options if option != "--detach"]
    given = parse_start_options(options)
    home = Home(home_path(given.home))
    if given.home is not None and home.path.exists() and not home.path.is_dir():
        return None
    try:
        load_config(home.path, given.settings)
    except P2pdError:
        return None
    options = [f"--home={home.path}", *(option for option in options if not option.startswith("--home="))]
    if detach:
        return _detached(home, options)
    # By its name: the command line as such imports nothing of what a node is made of.
    daemon = importlib.import_module("p2pd_daemon.__main__")
    code: int = daemon.main(options)
    return code


def _detached(home: Home, options: Sequence[str]) -> int:
    from p2pd_daemon.errors import P2pdError

    from p2pd_cli.detach import start_detached
    from p2pd_cli.failures import CliError, leave_closed_pipe, report
    from p2pd_cli.output import prepare_streams

    prepare_streams()
    try:
        start_detached([sys.executable, "-m", "p2pd_daemon", *options], home)
    except (CliError, P2pdError) as error:
        report(error.message, error.hint)
        return error.exit_code
    except BrokenPipeError:
        return leave_closed_pipe()
    except OSError as error:
        report(str(error))
        return 1
    return 0


def plain_options(arguments: Sequence[str]) -> list[str] | None:
    """The options as `python -m p2pd_daemon` takes them (and --detach); None when anything is unusual."""
    options: list[str] = []
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name in WITH_VALUE:
            if not equals and rest:
                value = rest.pop(0)
            if not value or value.startswith("-"):
                return None
            options.append(f"{name}={os.path.abspath(value) if name == '--key' else value}")
        elif (name in FLAGS or name == "--detach") and not equals:
            options.append(name)
        else:
            return None
    return None if {"--mdns", "--no-mdns"} <= set(options) else options
