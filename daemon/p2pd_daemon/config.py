"""The daemon's settings: default < `config.toml` in the home < environment `P2PD_…` < option of `start`.

Each value knows where it comes from, so that `p2pd config` can show it and a default port that is taken can
be replaced while a port that was asked for cannot. What is unknown or of the wrong type is an error that
names the place, the key and what is expected there: a setting that is silently ignored is worse than a daemon
that does not start.
"""

from __future__ import annotations

import dataclasses
import os
import socket
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.retention import Keep
from p2pd_daemon.errors import BadConfig, P2pdError
from p2pd_daemon.settings import MULTIADDRS, HttpAddress, Setting, boolean_from_text, setting_keys, settings

Source = Literal["default", "file", "environment", "option"]

DEFAULT_TCP_PORT = 4100  # unassigned by IANA; 4001 is kubo's, which many of our users run beside us
DEFAULT_WS_PORT = 4101
DEFAULT_HTTP = "127.0.0.1:8080"


@dataclass(frozen=True)
class Config:
    """Every setting of `p2pd start`. `http` None means off. `sources` has an entry for each dotted key."""

    home: Path
    listen: tuple[str, ...]
    announce: tuple[str, ...]
    bootstrap: tuple[str, ...]
    mdns: bool
    http: HttpAddress | None
    nick: str | None
    key: Path | None
    keep: Keep
    store: bool
    log_level: str
    limits: Limits
    sources: Mapping[str, Source]

    def asked_for(self, key: str) -> bool:
        """Whether a person chose this value: then it is kept or refused, never replaced by another."""
        return self.sources[key] != "default"

    def shown(self) -> list[tuple[str, object, Source]]:
        """Each (dotted key, value as JSON can hold it, source), in a fixed order, for `p2pd config`."""
        return [(key, _shown_value(self, key), self.sources[key]) for key in setting_keys()]


def default_listen() -> tuple[str, ...]:
    """TCP and WebSocket on every interface, and the same for IPv6 where this machine has it."""
    ports = (f"tcp/{DEFAULT_TCP_PORT}", f"tcp/{DEFAULT_WS_PORT}/ws")
    hosts = ("ip4/0.0.0.0", "ip6/::") if _has_ipv6() else ("ip4/0.0.0.0",)
    return tuple(f"/{host}/{port}" for host in hosts for port in ports)


def _has_ipv6() -> bool:
    if not socket.has_ipv6:
        return False
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as trial:
            trial.bind(("::", 0))
    except OSError:
        return False
    return True


def _defaults() -> dict[str, object]:
    host, port = DEFAULT_HTTP.rsplit(":", 1)
    values: dict[str, object] = {
        "listen": default_listen(),
        "announce": (),
        "bootstrap": (),
        "mdns": True,
        "http": HttpAddress(host, int(port)),
        "nick": None,
        "key": None,
        "keep": Keep(),
        "store": False,
        "log_level": "info",
    }
    return values | {f"limits.{key}": value for key, value in dataclasses.asdict(Limits()).items()}


# Layers


def load_config(
    home: Path, options: Mapping[str, object] | None = None, environ: Mapping[str, str] = os.environ
) -> Config:
    """Lays file, environment and options over the defaults.

    `options` has the dotted keys of the settings, with the types that TOML would give (lists of text, bool,
    "off"); an option that was not given is missing or None. Raises BadConfig.
    """
    values, sources = _defaults(), dict.fromkeys(setting_keys(), "default")
    known = settings()
    for source, layer in (
        ("file", _file_layer(home / "config.toml", known)),
        ("environment", _environment_layer(environ, known)),
        ("option", _option_layer(options or {}, known)),
    ):
        values.update(layer)
        sources.update(dict.fromkeys(layer, source))
    plain: dict[str, Any] = {key: value for key, value in values.items() if not key.startswith("limits.")}
    limits = {
        key.removeprefix("limits."): value for key, value in values.items() if key.startswith("limits.")
    }
    try:
        return Config(home=home, limits=Limits.from_mapping(limits), sources=sources, **plain)  # type: ignore[arg-type]  # values of Source
    except P2pdError as error:
        raise BadConfig(f"limits: {error.message}", hint=error.hint) from error


def _file_layer(path: Path, known: Mapping[str, Setting]) -> dict[str, object]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise BadConfig(f"{path} is not UTF-8 text", hint="Save it as UTF-8, or move it away.") from error
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(
            f"{path} is not TOML: {error}", hint="Correct that place; see https://toml.io."
        ) from error
    except OSError as error:
        raise BadConfig(
            f"cannot read {path}: {error.strerror}", hint="Make it a readable file, or move it away."
        ) from error
    limits = table.pop("limits", {})
    if not isinstance(limits, dict):
        raise BadConfig(
            f"{path}: limits: expected a table", hint="Write [limits] and below it NAME = NUMBER."
        )
    flat = table | {f"limits.{name}": value for name, value in limits.items()}
    return {key: _checked(known, key, value, f"{path}: {key}") for key, value in flat.items()}


def _option_layer(options: Mapping[str, object], known: Mapping[str, Setting]) -> dict[str, object]:
    given = {key: value for key, value in options.items() if value is not None}
    return {key: _checked(known, key, value, f"--{key.replace('_', '-')}") for key, value in given.items()}


def _checked(known: Mapping[str, Setting], key: str, value: object, place: str) -> object:
    setting = known.get(key)
    if setting is None:
        raise _unknown(key, place, known)
    try:
        return setting.check(value)
    except (ValueError, TypeError) as error:
        raise BadConfig(f"{place}: {value!r} is not right", hint=f"Expected {setting.expected}.") from error


def _unknown(key: str, place: str, known: Mapping[str, Setting]) -> BadConfig:
    import difflib  # noqa: PLC0415 - only for an error

    close = difflib.get_close_matches(key, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else "`p2pd config` lists every key."
    return BadConfig(f"{place}: there is no such setting", hint=hint)


def _environment_layer(environ: Mapping[str, str], known: Mapping[str, Setting]) -> dict[str, object]:
    """P2PD_<KEY>, P2PD_LIMITS_<NAME>, and P2PD_NO_MDNS and P2PD_NO_BOOTSTRAP as the options of that name.

    A variable that is empty counts as not set. Other P2PD_ variables may be somebody else's: left alone.
    """
    layer: dict[str, object] = {}
    for name, text in environ.items():
        key = _key_of_variable(name)
        if not text or (key not in known and not key.startswith("limits.")):
            continue
        if key not in known:
            raise _unknown(key, name, known)
        layer[key] = _read_text(known[key].from_text, known[key].expected, name, text)
    off: dict[str, tuple[str, object]] = {
        "P2PD_NO_MDNS": ("mdns", False),
        "P2PD_NO_BOOTSTRAP": ("bootstrap", ()),
    }
    for name in off.keys() & environ.keys():
        key, value = off[name]
        if environ[name] and _read_text(boolean_from_text, "true or false", name, environ[name]):
            layer[key] = value
    return layer


def _read_text(read: Callable[[str], object], expected: str, name: str, text: str) -> object:
    try:
        return read(text)
    except ValueError as error:
        if expected == MULTIADDRS:
            expected = "multiaddrs separated by spaces or commas, like /ip4/0.0.0.0/tcp/4100"
        raise BadConfig(f"{name}: {text!r} is not right", hint=f"Expected {expected}.") from error


def _key_of_variable(name: str) -> str:
    if name.startswith("P2PD_LIMITS_"):
        return "limits." + name.removeprefix("P2PD_LIMITS_").lower()
    return name.removeprefix("P2PD_").lower() if name.startswith("P2PD_") else ""


def _shown_value(config: Config, key: str) -> object:
    value = getattr(config.limits, key.removeprefix("limits.")) if "." in key else getattr(config, key)
    if key == "keep":
        return str(value)
    if key == "http":
        return str(value) if value else "off"
    if isinstance(value, tuple):
        return list(value)
    return os.fspath(value) if isinstance(value, Path) else value
