"""The options that `p2pd start` and `p2pd bootstrap` hand to the process they start.

The CLI has the same options with help and examples; this is the other end, so that `python -m p2pd_daemon`
depends on nothing of the CLI.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What was given: `json` whether the ready line is JSON, `settings` as load_config takes them."""

    home: str | None
    json: bool
    settings: dict[str, object]


def parse_start_options(argv: Sequence[str], prog: str = "p2pd start") -> StartOptions:
    """Reads an argument list (without the program's name). A wrong one exits with 2, as argparse does."""
    parser = argparse.ArgumentParser(prog=prog, allow_abbrev=False)
    parser.add_argument("--home")
    parser.add_argument("--json", action="store_true")
    for name in ("--listen", "--announce", "--bootstrap"):
        parser.add_argument(name, action="append")
    parser.add_argument("--no-bootstrap", action="store_true")
    mdns = parser.add_mutually_exclusive_group()
    mdns.add_argument("--mdns", action="store_true", default=None)
    mdns.add_argument("--no-mdns", dest="mdns", action="store_false")
    parser.add_argument("--store", action="store_true", default=None)
    for name in ("--http", "--nick", "--key", "--keep", "--log-level"):
        parser.add_argument(name)
    given = vars(parser.parse_args(argv))
    home, json = given.pop("home"), given.pop("json")
    if given.pop("no_bootstrap"):
        given["bootstrap"] = []
    return StartOptions(home, json, {key: value for key, value in given.items() if value is not None})
