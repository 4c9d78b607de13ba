"""The control API: HTTP and server-sent events on a unix socket and on loopback TCP."""

from __future__ import annotations

from .binding import ApiBinding, ApiBound
from .control import Control
from .serve import serve_api
from .token import load_or_create_token

__all__ = ["ApiBinding", "ApiBound", "Control", "load_or_create_token", "serve_api"]
