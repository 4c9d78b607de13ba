"""The bootstrap node's settings: default < environment `P2PD_BOOTSTRAP_…` < option (as `p2pd bootstrap` gives)."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from p2pd_daemon.config import DEFAULT_TCP_PORT, DEFAULT_WS_PORT, default_listen
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.errors import BadConfig
from p2pd_daemon.paths import home_path
from p2pd_daemon.settings import boolean_from_text

from p2pd_bootstrap.registry import RegistryLimits

TCP_PORT = 4110  # beside the daemon's 4100, so that both run on one machine
WS_PORT = 4111
HTTP = ("127.0.0.1", 8110)
LISTEN = tuple(
    addr.replace(f"/tcp/{DEFAULT_TCP_PORT}", f"/tcp/{TCP_PORT}").replace(
        f"/tcp/{DEFAULT_WS_PORT}", f"/tcp/{WS_PORT}"
    )
    for addr in default_listen()
)
CONNECTIONS = 1000  # an idle one costs some 100 KB; every node that uses this point keeps one
LOG_LEVELS = ("debug", "info", "warning", "error")
STORE_LIMITS = tuple(field.name for field in fields(Limits) if field.name.startswith("store_"))
_PREFIX = "P2PD_BOOTSTRAP_"


@dataclass(frozen=True, slots=True)
class Options:
    """`listen` and `http` None: the defaults, which may give way to free ports. `http` () is off."""

    home: Path
    key: Path | None
    listen: tuple[str, ...] | None
    announce: tuple[str, ...]
    http: tuple[str, int] | tuple[()] | None
    limits: RegistryLimits
    store: bool
    store_limits: Limits
    connections: int
    log_level: str
    json: bool


def parse_options(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> Options:
    """From an argument list (without the program's name). Exits with 2 as argparse does; raises BadConfig."""
    parser = argparse.ArgumentParser(
        prog="p2pd bootstrap",
        allow_abbrev=False,
        description="A bootstrap node for p2pd: it introduces peers to each other and reads nobody's messages.",
        epilog=f"Each option can also be set as {_PREFIX}<NAME>, and limits as {_PREFIX}LIMITS_<NAME>: "
        + ", ".join(["connections", *(field.name for field in fields(RegistryLimits)), *STORE_LIMITS]),
    )
    parser.add_argument("--home", help="folder of its identity [default: `bootstrap` in the node's home]")
    parser.add_argument("--key", metavar="FILE", help="take the identity from this libp2p private key file")
    parser.add_argument(
        "--listen", action="append", metavar="MULTIADDR", help=f"[default: {' '.join(LISTEN)}]"
    )
    parser.add_argument(
        "--announce", action="append", metavar="MULTIADDR", help="tell others these addresses"
    )
    parser.add_argument(
        "--http", metavar="HOST:PORT|off", help=f"JSON about itself [default: {HTTP[0]}:{HTTP[1]}]"
    )
    parser.add_argument(
        "--store", action="store_true", help="keep rooms and sealed messages for peers that are away"
    )
    parser.add_argument("--log-level", metavar="LEVEL", help=", ".join(LOG_LEVELS))
    parser.add_argument("--json", action="store_true", help="say when it is ready in one line of JSON")
    given = parser.parse_args(argv)

    def text(name: str) -> str | None:
        value: str | None = getattr(given, name)
        return value if value is not None else environ.get(_PREFIX + name.upper()) or None

    def addrs(name: str) -> tuple[str, ...] | None:
        value: list[str] | None = getattr(given, name)
        found = value or environ.get(_PREFIX + name.upper(), "").replace(",", " ").split()
        return tuple(found) or None

    key, http = text("key"), text("http")
    return Options(
        home=home_path(given.home) if given.home else home_path(None, environ) / "bootstrap",
        key=Path(os.path.abspath(os.path.expanduser(key))) if key else None,
        listen=addrs("listen"),
        announce=addrs("announce") or (),
        http=_http(http) if http is not None else None,
        limits=RegistryLimits(**_limits(environ)),
        store=given.store or _boolean(environ, "STORE"),
        store_limits=Limits(**_store_limits(environ)),
        connections=_number(environ, "CONNECTIONS", CONNECTIONS),
        log_level=_log_level(text("log_level") or "warning"),
        json=given.json,
    )


def _http(text: str) -> tuple[str, int] | tuple[()]:
    if text.lower() == "off":
        return ()
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise BadConfig(
            f"--http: {text!r} is not right", hint='Expected HOST:PORT, like 127.0.0.1:8110, or "off".'
        )
    return host, int(port)


def _limits(environ: Mapping[str, str]) -> dict[str, int]:
    defaults = RegistryLimits()
    return {
        field.name: _number(environ, field.name, getattr(defaults, field.name)) for field in fields(defaults)
    }


def _store_limits(environ: Mapping[str, str]) -> dict[str, int]:
    """As the daemon's `limits.store_…`: 0 is no limit."""
    defaults = Limits()
    return {name: _number(environ, name, getattr(defaults, name), least=0) for name in STORE_LIMITS}


def _number(environ: Mapping[str, str], name: str, default: int, *, least: int = 1) -> int:
    variable = f"{_PREFIX}LIMITS_{name.upper()}"
    value = environ.get(variable) or str(default)
    if not (value.isascii() and value.isdigit() and least <= int(value) < 1 << 53):
        raise BadConfig(
            f"{variable}: {value!r} is not right",
            hint=f"Expected a whole number from {least} on, like {default}.",
        )
    return int(value)


def _boolean(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(_PREFIX + name) or "false"
    try:
        return boolean_from_text(value)
    except ValueError as error:
        raise BadConfig(f"{_PREFIX}{name}: {value!r} is not right", hint="Expected true or false.") from error


def _log_level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise BadConfig(
            f"--log-level: {text!r} is not right", hint=f"Expected one of {', '.join(LOG_LEVELS)}."
        )
    return text.lower()
