"""Who may use the API over TCP. The unix socket is guarded by its file mode and needs nothing of this.

Every process and every web page on this machine can reach a port on loopback. So:
- the Host header must name loopback: a page whose name was made to resolve to 127.0.0.1 (DNS rebinding) does
  not;
- Origin, where a browser sends one, must be this very server, and Sec-Fetch-Site must not be another site's;
- all but the public paths need the token, as `Authorization: Bearer` or in the cookie that `GET /?token=…`
  sets.
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response

from p2pd_daemon.errors import Refused, Unauthorized

from .http11 import Scope
from .pages import PATHS, is_public
from .replies import HEADERS, error_reply

PUBLIC_PATHS = frozenset({"/health", "/openapi.json"})
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
COOKIE_SECONDS = 30 * 24 * 3600


class Guard:
    """Decides about one request on TCP. `port` tells the cookies of several daemons on one host apart."""

    def __init__(self, token: str, host: str, port: int) -> None:
        self._token = token.encode("ascii")
        self._names = LOOPBACK_NAMES | {f"[{host}]" if ":" in host else host}
        self.cookie = f"p2pd_token_{port}"

    def refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that is refused, or that brings its token to `/`; None for one to let
        through.
        """
        headers = Headers(raw=scope["headers"])
        host = headers.get("host", "").lower()
        if _without_port(host) not in self._names:
            return _refused(
                "the Host header does not name this machine", "open http://127.0.0.1, not another name"
            )
        if not _same_site(headers, host, scope):
            return _refused(
                "requests from other web sites are refused", "use the p2pd command, or its own page"
            )
        path = scope["path"]
        if path == "/" and scope["query_string"]:
            return self._log_in(scope["query_string"])
        if path in PUBLIC_PATHS or is_public(path) or self._authorised(headers):
            return None
        return error_reply(
            Unauthorized(
                "the token is missing or wrong", hint="it is in the file `token` in the daemon's home folder"
            ),
            {"www-authenticate": 'Bearer realm="p2pd"'},
        )

    def _log_in(self, query: bytes) -> Response | None:
        offered = parse_qs(query.decode("latin-1")).get("token")
        if offered is None:
            return None
        if not self._matches(offered[0]):
            return error_reply(
                Unauthorized("this token is wrong or old", hint="take the address from: p2pd status")
            )
        # A redirect, so that the token stays neither in the address bar nor in a Referer.
        reply = RedirectResponse("/", 303, headers={**HEADERS, "referrer-policy": "no-referrer"})
        reply.set_cookie(
            self.cookie, offered[0], max_age=COOKIE_SECONDS, path="/", httponly=True, samesite="strict"
        )
        return reply

    def _authorised(self, headers: Headers) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme:
            return scheme.lower() == "bearer" and self._matches(bearer.strip())
        return self._matches(cookie_parser(headers.get("cookie", "")).get(self.cookie, ""))

    def _matches(self, offered: str) -> bool:
        return hmac.compare_digest(offered.encode("utf-8", "replace"), self._token)


def _refused(message: str, hint: str) -> Response:
    return error_reply(Refused(message, hint=hint))


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _same_site(headers: Headers, host: str, scope: Scope) -> bool:
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"http://{host}":
        return False
    if headers.get("sec-fetch-site", "none").lower() in {"none", "same-origin"}:
        return True
    # Following a link to the page is harmless: it shows nothing without the cookie, which does not travel
    # along.
    return scope["method"] == "GET" and scope["path"] in PATHS and headers.get("sec-fetch-mode") == "navigate"
