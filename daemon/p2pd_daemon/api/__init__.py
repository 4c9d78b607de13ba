"""The control API: HTTP and server-sent events on a unix socket and on loopback TCP."""

from __future__ import annotations

from .access import Access
from .binding import ApiBinding, ApiBound
from .control import Control
from .serve import serve_api

__all__ = ["Access", "ApiBinding", "ApiBound", "Control", "serve_api"]
