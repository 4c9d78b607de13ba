"""`python -m p2pd_daemon`: the daemon as a process. `p2pd start` runs it with the same options."""

from __future__ import annotations

import gc
import importlib
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from p2pd_daemon.config import load_config
from p2pd_daemon.errors import P2pdError
from p2pd_daemon.identity import import_identity, load_or_create_identity
from p2pd_daemon.interrupts import let_interrupts_end
from p2pd_daemon.options import parse_start_options
from p2pd_daemon.paths import hold_home, home_path, open_home
from p2pd_daemon.ready import ready_line, write_ready
from p2pd_daemon.version import __version__

if TYPE_CHECKING:
    from p2pd_daemon.node.serve import Ready


def main(argv: Sequence[str] | None = None) -> int:
    """Runs until stopped. The exit code is 0, or that of the error that it printed."""
    let_interrupts_end()
    options = parse_start_options(sys.argv[1:] if argv is None else argv)
    try:
        home = open_home(home_path(options.home))
        with hold_home(home):
            config = load_config(home.path, options.settings)
            logging.basicConfig(
                level=config.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
            )
            key = import_identity(home, config.key) if config.key else load_or_create_identity(home)
            # The rest costs most of a second, and an error above should not wait for it. Nothing of it is garbage:
            # looking for some meanwhile takes an eighth of that time, and later collections need not look again.
            gc.disable()
            importlib.import_module(
                "p2pd_daemon.net"
            )  # first: it puts off what the others import and do not use
            import trio  # noqa: PLC0415

            from p2pd_daemon.node.serve import serve_node  # noqa: PLC0415

            gc.freeze()
            gc.enable()

            def announce(ready: Ready) -> None:
                print_ready(ready, as_json=options.json)

            trio.run(serve_node, home, config, key, announce)
    except P2pdError as error:
        print_error(error)
        return error.exit_code
    return 0


def print_ready(ready: Ready, *, as_json: bool) -> None:
    """The peer ID, every address, and the link that opens the page."""
    if as_json:
        write_ready(
            ready_line(
                {
                    "peer_id": ready.peer_id,
                    "addrs": ready.addrs,
                    "http": ready.http,
                    "page": ready.page,
                    "socket": ready.socket,
                }
            )
        )
        for note in ready.notes:
            print(f"note: {note}", file=sys.stderr)
        return
    lines = [f"p2pd {__version__} is ready.", f"  peer ID  {ready.peer_id}"]
    lines += [f"  address  {addr}" for addr in ready.addrs]
    lines += [f"  page     {ready.page or 'off'}"]
    lines += [f"note: {note}" for note in ready.notes]
    if ready.page:
        lines.append("Open the page by this link; it works once. `p2pd web` makes another.")
    write_ready("\n".join(lines))


def print_error(error: P2pdError) -> None:
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
