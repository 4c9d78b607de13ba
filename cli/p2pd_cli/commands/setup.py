"""`p2pd config`, `version`, `completion`."""

from __future__ import annotations

import platform
from typing import Any

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete
from p2pd_client.errors import DaemonNotRunning
from p2pd_daemon.config import load_config
from p2pd_daemon.core.terminal import json_line
from p2pd_daemon.paths import Home, socket_path
from p2pd_daemon.version import __version__

from p2pd_cli.call import ask
from p2pd_cli.complete import COMPLETION_VARIABLE
from p2pd_cli.output import print_fields, print_json, print_table
from p2pd_cli.params import current_home, home_option, json_option


@click.command("config")
@click.option("--paths", is_flag=True, help="Show where this node's files are instead.")
@home_option
@json_option
def config_command(paths: bool, as_json: bool) -> None:
    """Show each setting, its value and where it comes from.

    That is default, file, environment or option. With a daemon running these are its settings, else those
    that it would start with. To change one, write it in config.toml in the node's folder (`listen =
    ["/ip4/0.0.0.0/tcp/4100"]`, and limits below `[limits]`), set P2PD_<NAME> or P2PD_LIMITS_<NAME>, or give
    `p2pd start` the option; the later of these wins.

    \b
    Example:
      p2pd config
      p2pd config --json | jq -r 'select(.source != "default") | .key'
      p2pd config --paths
    """
    home = current_home()
    if paths:
        _show_paths(home, as_json)
        return
    values = _values(home)
    if as_json:
        for value in values:
            print_json(value)
    else:
        print_table(
            ("KEY", "VALUE", "FROM"), [(v["key"], json_line(v["value"]), v["source"]) for v in values]
        )


def _values(home: Home) -> list[dict[str, Any]]:
    try:
        running: list[dict[str, Any]] = ask("GET", "/v1/config")
    except DaemonNotRunning:
        shown = load_config(home.path).shown()
        return [{"key": key, "value": value, "source": source} for key, value, source in shown]
    return running


def _show_paths(home: Home, as_json: bool) -> None:
    places = {
        "home": home.path,
        "config": home.config,
        "identity": home.identity,
        "store": home.store,
        "token": home.token,
        "socket": socket_path(home) if home.path.is_dir() else home.path / "p2pd.sock",
        "log": home.log,
    }
    if as_json:
        print_json({name: str(path) for name, path in places.items()})
    else:
        print_fields((name, str(path)) for name, path in places.items())


@click.command("version")
@home_option
@json_option
def version_command(as_json: bool) -> None:
    """Show the version.

    \b
    Example:
      p2pd version --json
    """
    if as_json:
        print_json({"version": __version__, "python": platform.python_version()})
    else:
        print(f"p2pd {__version__}")


_SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@home_option
def completion_command(shell: str) -> None:
    """Print a completion script for your shell.

    It completes commands, options, and the names of rooms and people.

    \b
    Example:
      eval "$(p2pd completion bash)"          # in ~/.bashrc
      eval "$(p2pd completion zsh)"           # in ~/.zshrc
      p2pd completion fish | source           # in ~/.config/fish/config.fish
    """
    script = _SHELLS[shell](click.get_current_context().find_root().command, {}, "p2pd", COMPLETION_VARIABLE)
    # Not script.source(): for bash it runs `bash` to look at its version, and none need be installed here.
    print(script.source_template % script.source_vars())
