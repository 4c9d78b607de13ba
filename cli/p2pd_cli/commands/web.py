"""`p2pd web`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import click
from p2pd_client.errors import DaemonNotRunning
from p2pd_daemon.paths import hold_home

from p2pd_cli.call import ask
from p2pd_cli.output import print_json
from p2pd_cli.params import current_home, home_option, json_option


@click.command("web")
@click.argument("page", required=False, type=click.Choice(["receive", "send"]))
@click.option("--print", "print_only", is_flag=True, help="Print the link and open nothing.")
@click.option(
    "--new-token",
    is_flag=True,
    help="First make the token, and every browser and link that came by it, worth nothing.",
)
@home_option
@json_option
def web_command(page: str | None, print_only: bool, new_token: bool, as_json: bool) -> None:
    """Open the page in your browser.

    Where there is no desktop, it prints a link instead. The link works once, within ten minutes; the browser
    stays known from then on. `receive` and `send` open the simple page of one who waits and one who calls.

    \b
    Example:
      p2pd web
      p2pd web --print
      p2pd web receive
      p2pd web --new-token
    """
    if new_token:
        missing = _reset_token()
        if missing:
            _print_reset(missing, as_json)
            return
    link = ask("POST", "/v1/page-link", {"page": page or ""})
    if as_json:
        print_json(link)
    elif not print_only and has_desktop() and _open(link["url"]):
        print(f"opened {link['url'].partition('?')[0]} in the browser; `p2pd web --print` prints a link")
    else:
        print(link["url"])


def has_desktop(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    return platform == "darwin" or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def _open(url: str) -> bool:
    import webbrowser  # noqa: PLC0415 - it looks for browsers when imported

    return webbrowser.open(url)


def _reset_token() -> str:
    """Why there is no link to print afterwards; empty when there is one."""
    try:
        return "" if ask("POST", "/v1/token/reset", {})["link"] else "the page is switched off"
    except DaemonNotRunning:
        home = current_home()
        if home.path.is_dir():
            with hold_home(home):
                home.token.unlink(missing_ok=True)  # the next daemon makes another
        return "no daemon runs; `p2pd start` prints a link"


def _print_reset(missing: str, as_json: bool) -> None:
    if as_json:
        print_json({"url": None, "path": None, "expires_ms": None})
    else:
        print(f"the old token is worth nothing now ({missing})")
