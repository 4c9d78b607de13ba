"""The table of the daemon's settings: each with its key, what is expected, and how it is checked and read.

`limits.<name>` is made from `core.limits.Limits`, so a new limit is a new setting without further work here.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.retention import Keep, parse_keep
from p2pd_daemon.errors import BadConfig

LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class HttpAddress:
    """Where the page and the API listen on TCP. Port 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: how a typed value from TOML or an option is checked, and how an environment text is read.

    Both return the value or raise ValueError or TypeError; `expected` completes the sentence "expected …".
    """

    key: str
    expected: str
    check: Callable[[object], object]
    from_text: Callable[[str], object]


# Checks. Each takes what TOML gave and returns the value; ValueError means "not what is expected".


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _nick(value: object) -> str | None:
    text = _text(value).strip()
    if "\n" in text or len(text) > 32:
        raise ValueError
    return text or None


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def boolean_from_text(text: str) -> bool:
    known = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    if text.lower() not in known:
        raise ValueError
    return known[text.lower()]


def _multiaddrs(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise TypeError
    for addr in value:
        if not isinstance(addr, str) or not addr.startswith("/") or addr != addr.strip():
            raise ValueError
    return tuple(value)


def _multiaddrs_from_text(text: str) -> tuple[str, ...]:
    return _multiaddrs(text.replace(",", " ").split())


def _http(value: object) -> HttpAddress | None:
    text = _text(value).strip()
    if text.lower() == "off":
        return None
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError
    return HttpAddress(host, int(port))


def _path(value: object) -> Path | None:
    text = os.fspath(value) if isinstance(value, Path) else _text(value)
    return Path(os.path.abspath(os.path.expanduser(text))) if text else None


def _keep(value: object) -> Keep:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    try:
        return parse_keep(_text(value))
    except BadConfig as error:
        raise ValueError from error


def _log_level(value: object) -> str:
    text = _text(value).lower()
    if text not in LOG_LEVELS:
        raise ValueError
    return text


def _limit(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    if not 0 <= value < 1 << 53:
        raise ValueError
    return value


def _limit_from_text(text: str) -> int:
    return _limit(int(text))


MULTIADDRS = 'a list of multiaddrs, like ["/ip4/0.0.0.0/tcp/4100"]'

_SETTINGS: tuple[Setting, ...] = (
    Setting("listen", MULTIADDRS, _multiaddrs, _multiaddrs_from_text),
    Setting("announce", MULTIADDRS, _multiaddrs, _multiaddrs_from_text),
    Setting("bootstrap", MULTIADDRS, _multiaddrs, _multiaddrs_from_text),
    Setting("mdns", "true or false", _boolean, boolean_from_text),
    Setting("http", '"HOST:PORT" or "off"', _http, _http),
    Setting("nick", "a nickname of at most 32 characters", _nick, _nick),
    Setting("key", "the path of a key file", _path, _path),
    Setting("keep", "all, an age like 90d, or a number of records", _keep, _keep),
    Setting("store", "true or false", _boolean, boolean_from_text),
    Setting("log_level", "one of " + ", ".join(LOG_LEVELS), _log_level, _log_level),
)


_WHOLE_NUMBER = "a whole number from 0 on (0 = no limit)"


def _limit_settings() -> tuple[Setting, ...]:
    names = [field.name for field in dataclasses.fields(Limits)]
    return tuple(Setting(f"limits.{name}", _WHOLE_NUMBER, _limit, _limit_from_text) for name in names)


def settings() -> dict[str, Setting]:
    """Every setting by its dotted key."""
    return {setting.key: setting for setting in (*_SETTINGS, *_limit_settings())}


def setting_keys() -> list[str]:
    return list(settings())
