"""What a route is, and the errors that many have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from p2pd_daemon import errors
from p2pd_daemon.errors import P2pdError

from .control import Control
from .requests import BODY_BYTES

Errors = tuple[type[P2pdError], ...]

NO_ROOM: Errors = (errors.BadRoomName, errors.NoSuchRoom)
NO_PEER: Errors = (
    errors.BadPeerId,
    errors.BadMultiaddr,
    errors.NoSuchPeer,
    errors.AmbiguousPeer,
)
DIAL: Errors = (
    errors.DialFailed,
    errors.ConnectionRefused,
    errors.ConnectionEnded,
    errors.DialTimeout,
    errors.WrongPeerId,
    errors.SelfDial,
    errors.PeerUnreachable,
)
NO_MESSAGE: Errors = (errors.NoSuchMessage, errors.AmbiguousMessage, errors.NoSuchRoom)
SAY: Errors = (errors.BadText, errors.TooLarge, errors.OverLimit)


@dataclass(frozen=True)
class Route:
    """`call` gets the decoded body (POST) or query (GET); `request` is the shape of either, None for none."""

    method: str
    path: str
    summary: str
    call: Callable[[Control, Any], Awaitable[Any]]
    response: Any
    request: type[msgspec.Struct] | None = None
    errors: Errors = ()
    after_reply: bool = False  # answer first, then call: the call ends the server
    body_bytes: int = BODY_BYTES

    @property
    def name(self) -> str:
        """OpenAPI's operationId."""
        words = self.path.removeprefix("/v1/").replace("/", "_")
        return f"{self.method.lower()}_{words}"
