"""What opens the API to a client on TCP, and how all of it is taken back at once.

- the token in the home folder's file: for programs, as a bearer token;
- one-time codes: each opens the page once, in the link that `p2pd start` and `p2pd web` print;
- a cookie's value: for a browser that showed a code. It is derived from the token, so it is good after a restart too,
  and tells nothing about the token.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from .token import create_token, load_or_create_token

CODE_BYTES = 18
CODE_SECONDS = 600.0
MAX_CODES = 16  # that are not used yet; the one that would end first makes room
COOKIE_PURPOSE = b"p2pd page cookie"


class Access:
    """`path` is the token's file, made where it is missing."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._codes: dict[bytes, float] = {}  # digest → when it ends
        self._on_reset: list[Callable[[], None]] = []
        self._take(load_or_create_token(path))

    def _take(self, token: str) -> None:
        self._token = token.encode("ascii")
        self.cookie = hmac.new(self._token, COOKIE_PURPOSE, "sha256").hexdigest()

    def is_token(self, offered: str) -> bool:
        return hmac.compare_digest(offered.encode("utf-8", "replace"), self._token)

    def is_cookie(self, offered: str) -> bool:
        return hmac.compare_digest(offered.encode("utf-8", "replace"), self.cookie.encode("ascii"))

    def new_code(self, seconds: float = CODE_SECONDS) -> str:
        """Good for one use within `seconds`, which may be `math.inf`."""
        self._forget_old()
        while len(self._codes) >= MAX_CODES:
            del self._codes[min(self._codes, key=lambda one: self._codes[one])]
        code = secrets.token_urlsafe(CODE_BYTES)
        self._codes[_digest(code)] = self._clock() + seconds
        return code

    def lasting_code(self) -> str:
        """Good for one use as long as the daemon runs."""
        return self.new_code(math.inf)

    def spend(self, code: str) -> bool:
        """Whether the code was good; it is not from now on."""
        self._forget_old()
        return self._codes.pop(_digest(code), None) is not None

    def reset(self) -> None:
        """A new token: every token, cookie and code so far is worth nothing, and who came with one is cut off."""
        self._take(create_token(self._path))
        self._codes.clear()
        for cut_off in self._on_reset:
            cut_off()

    def on_reset(self, cut_off: Callable[[], None]) -> None:
        self._on_reset.append(cut_off)

    def _forget_old(self) -> None:
        now = self._clock()
        self._codes = {digest: ends for digest, ends in self._codes.items() if ends > now}


def _digest(code: str) -> bytes:
    """Looked up instead of the code itself, so that the time of a look-up tells nothing."""
    return hashlib.sha256(code.encode("utf-8", "replace")).digest()
