"""Answers of the API: JSON, or the one error shape."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from p2pd_client.shapes import ErrorBody, ErrorReply
from starlette.responses import Response

from p2pd_daemon.errors import P2pdError, UsageError

log = logging.getLogger(__name__)

# Answers hold private messages: no cache keeps them, no browser guesses another type, and no other page may embed,
# open or be told of one.
HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class NotFound(P2pdError):
    """No such path."""

    code = "not_found"
    http_status = 404


class MethodNotAllowed(P2pdError):
    code = "method_not_allowed"
    http_status = 405


class WrongContentType(P2pdError):
    code = "unsupported_media_type"
    http_status = 415


class HeadTooLarge(UsageError):
    """The request line and headers together."""

    http_status = 431


class RequestTimeout(P2pdError):
    """The node did not finish within the API's own limit."""

    code = "timeout"
    http_status = 504


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(value), status, {**HEADERS, **(headers or {})}, media_type="application/json"
    )


def error_bytes(code: str, message: str, hint: str = "") -> bytes:
    """The JSON error shape, with what UTF-8 cannot carry replaced."""
    body = ErrorBody(*(part.encode("utf-8", "replace").decode() for part in (code, message, hint)))
    return msgspec.json.encode(ErrorReply(body))


def error_reply(error: P2pdError, headers: Mapping[str, str] | None = None) -> Response:
    """The error as its own status and the JSON shape."""
    return Response(
        error_bytes(error.code, error.message, error.hint),
        error.http_status,
        {**HEADERS, **(headers or {})},
        media_type="application/json",
    )


def reply_to(error: Exception) -> Response:
    """The answer to any exception: a `P2pdError` says itself what happened, everything else is a bug and
    logged.
    """
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, P2pdError):
        if error.http_status >= 500 and error.exit_code == 1:
            log.error("a request failed: %s", error, exc_info=error)
        return error_reply(error)
    log.error("a request failed unexpectedly", exc_info=error)
    return error_reply(P2pdError("the daemon failed on this request", hint="its log has the details"))
