"""`python -m p2pd_bootstrap`: the bootstrap node as a process. `p2pd bootstrap` runs it with the same options."""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import resource
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from p2pd_daemon.errors import AlreadyRunning, P2pdError
from p2pd_daemon.identity import import_identity, load_or_create_identity
from p2pd_daemon.interrupts import let_interrupts_end
from p2pd_daemon.paths import hold_home, open_home
from p2pd_daemon.ready import ready_line, write_ready
from p2pd_daemon.version import __version__

from p2pd_bootstrap.options import Options, parse_options

if TYPE_CHECKING:
    from p2pd_bootstrap.serve import Ready


def main(argv: Sequence[str] | None = None) -> int:
    """Runs until stopped. The exit code is 0, or that of the error that it printed."""
    let_interrupts_end()
    try:
        options = parse_options(sys.argv[1:] if argv is None else argv)
        _run(options)
    except AlreadyRunning as error:
        _print_error(
            error.message.replace("a daemon is", "a bootstrap node is"),
            "Give this one another --home FOLDER.",
        )
        return error.exit_code
    except P2pdError as error:
        _print_error(error.message, error.hint)
        return error.exit_code
    return 0


def _run(options: Options) -> None:
    home = open_home(options.home)
    with hold_home(home):
        logging.basicConfig(
            level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        key = import_identity(home, options.key) if options.key else load_or_create_identity(home)
        _allow_many_connections()
        # As in the daemon: an error above should not wait for the rest, and nothing of it is garbage.
        gc.disable()
        importlib.import_module("p2pd_daemon.net")  # first: it puts off what the others import and do not use
        import trio  # noqa: PLC0415

        from p2pd_bootstrap.serve import serve_bootstrap  # noqa: PLC0415

        gc.freeze()
        gc.enable()

        trio.run(serve_bootstrap, options, key, lambda ready: _print_ready(ready, as_json=options.json))


def _allow_many_connections() -> None:
    """A connection is a file descriptor, and the usual soft limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and (hard == resource.RLIM_INFINITY or soft < hard):
        with contextlib.suppress(OSError, ValueError):  # then the limit stays as it is
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536) if hard > 0 else 65536, hard))


def _print_ready(ready: Ready, *, as_json: bool) -> None:
    if as_json:
        write_ready(ready_line({"peer_id": ready.peer_id, "addrs": list(ready.addrs), "http": ready.http}))
        return
    lines = [f"p2pd bootstrap {__version__} is ready.", f"  peer ID  {ready.peer_id}"]
    lines += [f"  address  {addr}" for addr in ready.addrs]
    lines += [f"  page     {ready.http or 'off'}"]
    lines += [f"note: {note}" for note in ready.notes]
    if ready.addrs:
        lines.append(f"Others meet through it with: p2pd start --bootstrap {_best(ready.addrs)}")
    write_ready("\n".join(lines))


def _best(addrs: Sequence[str]) -> str:
    """The address most likely to work from elsewhere: plain TCP, not this machine alone."""
    return min(addrs, key=lambda addr: ("/127." in addr or "/::1/" in addr, "/ws" in addr, "/ip6/" in addr))


def _print_error(message: str, hint: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
