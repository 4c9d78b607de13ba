"""The SDK of p2pd: talks to a running daemon.

`connect` gives the asynchronous client (trio or asyncio), `p2pd_client.sync.connect` a synchronous one.
Names are loaded when they are used, so that `import p2pd_client.quick` costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take it for true; importing it from `typing` costs 5 ms
if TYPE_CHECKING:
    from .client import Client, connect
    from .discover import Daemon, find_daemon
    from .errors import ApiError, ConnectionLost, DaemonNotRunning
    from .events import Events, Messages
    from .export_shapes import ExportLine, ExportManifest
    from .line_chat import LineChat
    from .receipts import Receipts
    from .shapes import Event, Message, Receipt

__all__ = [
    "ApiError",
    "Client",
    "ConnectionLost",
    "Daemon",
    "DaemonNotRunning",
    "Event",
    "Events",
    "ExportLine",
    "ExportManifest",
    "LineChat",
    "Message",
    "Messages",
    "Receipt",
    "Receipts",
    "connect",
    "find_daemon",
]

_HOMES = {
    "ApiError": "errors",
    "Client": "client",
    "ConnectionLost": "errors",
    "Daemon": "discover",
    "DaemonNotRunning": "errors",
    "Event": "shapes",
    "Events": "events",
    "ExportLine": "export_shapes",
    "ExportManifest": "export_shapes",
    "LineChat": "line_chat",
    "Message": "shapes",
    "Messages": "events",
    "Receipt": "shapes",
    "Receipts": "receipts",
    "connect": "client",
    "find_daemon": "discover",
}


def __getattr__(name: str) -> object:
    """PEP 562: what `__all__` names is loaded from its own module."""
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    from importlib import import_module  # noqa: PLC0415  # not needed by `quick`

    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return __all__
