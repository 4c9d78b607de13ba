"""This node's Ed25519 key: a libp2p `PrivateKey` protobuf in `identity.key`, as Go, Rust and kubo read it.

A key is an identity: losing it loses the name under which others know this node. So a file that is there is
never overwritten, whatever is wrong with it, and a new one appears complete or not at all.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path

from p2pd_daemon.core.keys import SigningKey, decode_private_key, encode_private_key
from p2pd_daemon.errors import IdentityError, P2pdError
from p2pd_daemon.paths import Home, write_private_file

KEY_FILE_BYTES = 16384  # an RSA-8192 private key is under 5 KiB; what is larger is no key file


def load_or_create_identity(home: Home) -> SigningKey:
    """The key in the home folder; a new one is written where there is none. Raises IdentityError."""
    try:
        return load_identity(home.identity)
    except FileNotFoundError:
        return _save_new(home, SigningKey.from_seed(secrets.token_bytes(32)))


def load_identity(path: Path) -> SigningKey:
    """Reads a key file. FileNotFoundError when there is none, IdentityError when it cannot be used."""
    raw = _read_private_file(path)
    try:
        return decode_private_key(raw)
    except P2pdError as error:
        raise IdentityError(
            f"{path}: {error.message}",
            hint="Put back a copy of the key, or move it away to get a new identity. It was left as it is.",
        ) from error


def import_identity(home: Home, source: Path) -> SigningKey:
    """Copies the key in `source` into a home that has none; a home with the same key is left as it is.

    Raises IdentityError when the home has a different key, or `source` is missing or no usable key.
    """
    try:
        key = load_identity(source)
    except FileNotFoundError as error:
        raise IdentityError(
            f"there is no key file {source}", hint="Give --key the path of a libp2p private key file."
        ) from error
    try:
        mine = load_identity(home.identity)
    except FileNotFoundError:
        mine = _save_new(home, key)
    if mine.peer_id != key.peer_id:
        raise IdentityError(
            f"{home.path} already has an identity, {mine.peer_id}, and {source} is another, {key.peer_id}",
            hint="Use another home with --home FOLDER for it, or leave out --key. Nothing was changed.",
        )
    return mine


def _save_new(home: Home, key: SigningKey) -> SigningKey:
    """Writes the key where there is none yet. When another process was quicker, its key is the home's."""
    try:
        write_private_file(home.identity, encode_private_key(key), replace=False)
    except FileExistsError:
        return load_identity(home.identity)
    except OSError as error:
        raise IdentityError(
            f"cannot write {home.identity}: {error.strerror}",
            hint="Make the folder writable and leave some room on the disk.",
        ) from error
    return key


def _read_private_file(path: Path) -> bytes:
    """The file's bytes, if it is a plain file that only its owner can use."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe in its place must not block
    except FileNotFoundError:
        if path.is_symlink():
            raise IdentityError(
                f"{path} is a link to a file that is not there", hint="Repair the link or remove it."
            ) from None
        raise
    except OSError as error:
        if error.errno == errno.ENOTDIR:
            raise FileNotFoundError(error.errno, error.strerror, os.fspath(path)) from error
        raise IdentityError(
            f"cannot read {path}: {error.strerror}", hint="Make it readable for you: chmod 600, chown."
        ) from error
    try:
        return _checked_bytes(fd, path)
    finally:
        os.close(fd)


def _checked_bytes(fd: int, path: Path) -> bytes:
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a plain file"
        raise IdentityError(f"{path} is {kind}, not a key file", hint="Move it away. It was left as it is.")
    if found.st_mode & 0o077:
        raise IdentityError(
            f"others can use the key in {path} (mode {stat.S_IMODE(found.st_mode):04o})",
            hint=f"If nobody has copied it: chmod 600 {path}. Otherwise move it away to get a new identity.",
        )
    if found.st_size > KEY_FILE_BYTES:
        raise IdentityError(f"{path} is too large for a key file", hint="Move it away. It was left as it is.")
    return os.read(fd, KEY_FILE_BYTES)
