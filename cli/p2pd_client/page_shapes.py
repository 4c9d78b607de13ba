"""The shapes of what lets a browser into the page."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class PageLinkRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`page` is empty for the chat, or `receive` or `send` for one side of the simple pages of two people."""

    page: Annotated[str, Meta(pattern="^(|receive|send)$")] = ""


class PageLink(msgspec.Struct, frozen=True):
    """An address that opens the page in a browser, once and until `expires_ms`; `path` is its part after the host."""

    url: str
    path: str
    expires_ms: int


class TokenReset(msgspec.Struct, frozen=True):
    """The token, all cookies and all links so far are worth nothing. `link` lets one browser in again; null where the
    page is switched off.
    """

    link: PageLink | None
