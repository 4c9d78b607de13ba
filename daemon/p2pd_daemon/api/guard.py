"""Who may use the API over TCP. The unix socket is guarded by its file mode and needs nothing of this.

Every process and every web page on this machine can reach a port on loopback. So:
- the Host header must name loopback: a page whose name was made to resolve to 127.0.0.1 (DNS rebinding) does
  not;
- Origin, where a browser sends one, must be this very server, and Sec-Fetch-Site must not be another site's;
- all but the public paths need the token, as `Authorization: Bearer`, or the cookie that a one-time code was traded
  for (`login.py`).
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response

from p2pd_daemon.errors import Refused, Unauthorized

from .access import Access
from .http11 import Scope
from .login import log_in
from .pages import PATHS, is_public
from .replies import error_reply

PUBLIC_PATHS = frozenset({"/health", "/openapi.json"})
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Guard:
    """Decides about one request on TCP. `port` tells the cookies of several daemons on one host apart."""

    def __init__(self, access: Access, host: str, port: int) -> None:
        self._access = access
        self._names = LOOPBACK_NAMES | {f"[{host}]" if ":" in host else host}
        self.cookie = f"p2pd_page_{port}"

    def refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that is refused, or that brings a one-time code; None for one to let through."""
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
        known = self._is_known(headers)
        if (answer := log_in(self._access, self.cookie, scope, headers, known=known)) is not None:
            return answer
        path = scope["path"]
        if known or path in PUBLIC_PATHS or is_public(path):
            return None
        return error_reply(
            Unauthorized(
                "the token is missing or wrong",
                hint="programs find it in the file `token` of the home folder, a browser gets in by: p2pd web",
            ),
            {"www-authenticate": 'Bearer realm="p2pd"'},
        )

    def _is_known(self, headers: Headers) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme:
            return scheme.lower() == "bearer" and self._access.is_token(bearer.strip())
        return self._access.is_cookie(cookie_parser(headers.get("cookie", "")).get(self.cookie, ""))


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
