"""`p2pd start` and `p2pd bootstrap`: each becomes the process it starts, or with --detach leaves it behind."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from p2pd_daemon.config import load_config
from p2pd_daemon.interrupts import hold_interrupts
from p2pd_daemon.options import parse_start_options
from p2pd_daemon.paths import Home

from p2pd_cli.detach import start_detached
from p2pd_cli.params import current_home, given_home, home_option

F = TypeVar("F", bound=Callable[..., Any])


def _listen_options(command: F) -> F:
    for option in (
        click.option(
            "--detach",
            is_flag=True,
            help="Return when it is ready; it goes on alone, and writes to daemon.log.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one line of JSON when it is ready."),
        click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error."),
        click.option("--key", metavar="FILE", help="Take the identity from this libp2p private key file."),
        click.option("--http", metavar="HOST:PORT|off", help="Where its page listens."),
        click.option(
            "--announce",
            metavar="MULTIADDR",
            multiple=True,
            help="Tell others this address instead of those it listens on.",
        ),
        click.option(
            "--listen", metavar="MULTIADDR", multiple=True, help="Listen here; port 0 is any free one."
        ),
    ):
        command = option(command)
    return command


_store_option = click.option(
    "--store",
    is_flag=True,
    help="Keep rooms and sealed messages for others, so that they need not be online together.",
)


@click.command("start")
@home_option
@_listen_options
@click.option("--bootstrap", metavar="MULTIADDR", multiple=True, help="Meet others through this node.")
@click.option("--no-bootstrap", is_flag=True, help="Use no bootstrap node, whatever config.toml says.")
@click.option(
    "--mdns/--no-mdns", default=None, help="Find peers on the local network, or do not.  [default: mdns]"
)
@click.option(
    "--keep", metavar="AGE|N", help="Keep records for so long (90d), or so many a room.  [default: all]"
)
@_store_option
@click.option("--nick", metavar="NAME", help="The name that others see.")
def start_command(**given: Any) -> None:
    """Start this node.

    It keeps your key, meets others and passes messages. It runs in the foreground until Ctrl-C or `p2pd
    stop`, and prints its peer ID, its full multiaddrs and the page's address. Every option can also be set
    in config.toml or the environment; see `p2pd config`.

    \b
    Example:
      p2pd start --nick ana
      p2pd start --detach --bootstrap /ip4/203.0.113.7/tcp/4100/p2p/12D3KooW…
      p2pd start --listen /ip4/127.0.0.1/tcp/0 --http off --no-mdns --json
      p2pd start --detach --store
    """
    _become("p2pd_daemon", current_home(), given)


@click.command("bootstrap")
@home_option
@_listen_options
@_store_option
def bootstrap_command(**given: Any) -> None:
    """Run a bootstrap node, which introduces peers to each other.

    It reads nobody's messages; with --store it keeps them for who is away. It has an identity of its own,
    in the folder `bootstrap` of the node's folder unless --home says otherwise, and prints the multiaddrs
    that others give to `p2pd start --bootstrap`.

    \b
    Example:
      p2pd bootstrap
      p2pd bootstrap --listen /ip4/0.0.0.0/tcp/4100 --http 127.0.0.1:0 --json
      p2pd bootstrap --store
    """
    home = current_home() if given_home() else Home(current_home().path / "bootstrap")
    _become("p2pd_bootstrap", home, given)


def _become(module: str, home: Home, given: dict[str, Any]) -> None:
    """Replaces this process by `python -m module` with the same options; returns only with --detach."""
    detach = given.pop("detach")
    arguments = _as_arguments(given)
    if module == "p2pd_daemon":
        load_config(home.path, parse_start_options(arguments).settings)  # a wrong one costs no start
    command = [sys.executable, "-m", module, "--home", str(home.path), *arguments]
    if detach:
        start_detached(command, home)
        return
    sys.stdout.flush()
    hold_interrupts()
    os.execv(sys.executable, command)  # noqa: S606 - the interpreter that runs us


def _as_arguments(given: dict[str, Any]) -> Sequence[str]:
    arguments = ["--json"] if given.pop("as_json") else []
    for name, value in given.items():
        option = "--" + name.replace("_", "-")
        if name == "mdns":
            arguments += [] if value is None else ["--mdns" if value else "--no-mdns"]
        elif isinstance(value, bool):
            arguments += [option] if value else []
        elif isinstance(value, tuple):
            arguments += [f"{option}={item}" for item in value]
        elif value is not None:
            arguments.append(f"{option}={Path(value).absolute() if name == 'key' else value}")
    return arguments
