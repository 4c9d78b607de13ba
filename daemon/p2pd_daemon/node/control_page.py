"""What a client can ask about who may open the page."""

from __future__ import annotations

import time

from p2pd_client.page_shapes import PageLink, TokenReset

from p2pd_daemon.api import Access
from p2pd_daemon.api.access import CODE_SECONDS
from p2pd_daemon.errors import Refused


class PageControl:
    """A part of `NodeControl`."""

    _access: Access
    http: str | None

    async def page_link(self, page: str) -> PageLink:
        if self.http is None:
            raise Refused("the page is switched off", hint="Start the node with --http 127.0.0.1:8080.")
        return self._link(self.http, page)

    async def reset_token(self) -> TokenReset:
        self._access.reset()
        return TokenReset(link=self._link(self.http, "") if self.http is not None else None)

    def _link(self, http: str, page: str) -> PageLink:
        path = f"/{page}?token={self._access.new_code()}"
        return PageLink(
            url=http + path, path=path, expires_ms=time.time_ns() // 1_000_000 + int(CODE_SECONDS * 1000)
        )
