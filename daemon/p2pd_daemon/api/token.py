"""The token that clients on TCP show: whoever can read the home folder's file may use the API."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

TOKEN_BYTES = 32
MIN_CHARACTERS = 32


def load_or_create_token(path: Path) -> str:
    """The token in `path` (mode 0600), made at the first call; made anew when others could have read it."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        token = path.read_text("ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return create_token(path)
    if mode & 0o077 or len(token) < MIN_CHARACTERS or not token.isprintable():
        return create_token(path)
    return token


def create_token(path: Path) -> str:
    """Another token from now on, in one step for whoever reads the file."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(
        os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii"
    ) as file:
        file.write(token + "\n")
    fresh.rename(path)
    return token
