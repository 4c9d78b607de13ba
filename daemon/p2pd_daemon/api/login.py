"""From a link with a one-time code to the page: `GET /?token=CODE` trades the code for a cookie."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response

from .access import Access
from .http11 import Scope
from .pages import PAGE_HEADERS, PATHS
from .replies import HEADERS

COOKIE_SECONDS = 365 * 24 * 3600


def log_in(access: Access, cookie: str, scope: Scope, headers: Headers, *, known: bool) -> Response | None:
    """The answer to a request that brings a code to the page, None for any other.

    `cookie` is the cookie's name. A browser that is `known` gets in with a spent code as well: it opens the link a
    second time, or has it in its history.
    """
    if scope["method"] != "GET" or scope["path"] not in PATHS or not scope["query_string"]:
        return None  # HEAD is for whoever looks whether a link is good, and must not spend its code
    offered = parse_qs(scope["query_string"].decode("latin-1")).get("token")
    if offered is None:
        return None
    if not access.spend(offered[0]) and not known:
        from .spent import spent_page  # noqa: PLC0415 - no start needs it

        return HTMLResponse(
            spent_page(headers.get("accept-language", "")),
            401,
            {**PAGE_HEADERS, "cache-control": "no-store", "vary": "Accept-Language"},
        )
    # A redirect, so that the code stays neither in the address bar nor in a Referer.
    reply = RedirectResponse(scope["path"], 303, headers=HEADERS)
    reply.set_cookie(
        cookie, access.cookie, max_age=COOKIE_SECONDS, path="/", httponly=True, samesite="strict"
    )
    return reply
