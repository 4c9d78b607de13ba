"""The page: files of the package's `web` folder, for anybody who asks. They hold code and no secret.

Which files there are is looked up at the first request, and each is read when it is first asked for, so a start pays
for none of it. What is not in that list has no address, whatever a path says.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import msgspec
from starlette.datastructures import Headers
from starlette.responses import Response

from .replies import HEADERS, NotFound, error_reply

FOLDER = Path(__file__).parent.parent / "web"
PREFIX = "/web/"
PATHS = frozenset({"/", "/receive", "/send"})
"""The page's own addresses: the same document, which shows what its address says."""

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
    "": "text/plain; charset=utf-8",  # LICENSE
}
PACKED = frozenset({".png"})  # gzip makes nothing of them

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types lit-html"
)
"""No script or style but our own files, and no other origin; style properties that a script sets are not concerned.

With trusted types a browser refuses text as markup, whatever script asks for it; lit-html has its templates parsed so.
"""

# Always asked again and mostly answered with 304: after an update of p2pd no page mixes old and new modules.
PAGE_HEADERS = {
    **HEADERS,
    "cache-control": "no-cache",
    "content-security-policy": POLICY,
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
# What a file that is no document needs of them: there are many, and what all of them say is a part of the first load.
FILE_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class Asset(msgspec.Struct, frozen=True):
    """One file; `packed` is None where gzip does not make it smaller."""

    media_type: str
    plain: bytes
    packed: bytes | None
    tag: str


def is_public(path: str) -> bool:
    return path in PATHS or path.startswith(PREFIX)


def page_reply(path: str, headers: Headers) -> Response:
    """The answer to GET or HEAD of a path that `is_public`."""
    asset = _asset("index.html" if path in PATHS else path.removeprefix(PREFIX))
    if asset is None:
        return error_reply(NotFound("there is no such file of the page", hint="open / instead"))
    packed = asset.packed if _takes_gzip(headers.get("accept-encoding", "")) else None
    tag = f'"{asset.tag}"' if packed is None else f'"{asset.tag}-gz"'
    is_document = asset.media_type.startswith("text/html")
    given = {**(PAGE_HEADERS if is_document else FILE_HEADERS), "etag": tag, "vary": "Accept-Encoding"}
    if _matches(headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=given)
    if packed is not None:
        given["content-encoding"] = "gzip"
    given["content-type"] = asset.media_type  # not `media_type`, to which a charset would be added
    return Response(asset.plain if packed is None else packed, headers=given)


@cache
def _files() -> dict[str, Path]:
    """By the path below the folder."""
    found = (path for path in FOLDER.rglob("*") if path.suffix in TYPES and path.is_file())
    return {path.relative_to(FOLDER).as_posix(): path for path in found}


def _asset(name: str) -> Asset | None:
    path = _files().get(name)
    if path is None:
        return None
    try:
        changed_ns = path.stat().st_mtime_ns
    except FileNotFoundError:  # an update took it away while we run
        return None
    return _read(path, changed_ns)


@cache
def _read(path: Path, changed_ns: int) -> Asset:
    """`changed_ns` makes the page follow its files while somebody works on them."""
    import gzip  # noqa: PLC0415 - no start needs it

    plain = path.read_bytes()
    packed = None if path.suffix in PACKED else gzip.compress(plain, 9, mtime=0)
    if packed is not None and len(packed) >= len(plain):
        packed = None
    return Asset(TYPES[path.suffix], plain, packed, hashlib.sha256(plain).hexdigest()[:16])


def _takes_gzip(accepted: str) -> bool:
    """RFC 9110, 12.5.3, as far as it concerns gzip."""
    weights = {}
    for part in accepted.lower().split(","):
        coding, _, weight = part.partition(";")
        weights[coding.strip()] = weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return weights.get("gzip", weights.get("*", False))


def _matches(wanted: str, tag: str) -> bool:
    return wanted.strip() == "*" or tag in {one.strip().removeprefix("W/") for one in wanted.split(",")}
