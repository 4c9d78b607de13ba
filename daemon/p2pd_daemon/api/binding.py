"""The sockets the API listens on: a unix socket that only its owner can open, and a port on loopback."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from p2pd_daemon.errors import AddressInUse, AlreadyRunning, BadConfig, NetworkError

from .access import Access

BACKLOG = 128


@dataclass(frozen=True)
class ApiBinding:
    """Where to serve. `http` is (host, port), port 0 for any free one, or None for the unix socket alone.

    `access` is what clients on TCP need.
    """

    socket: Path
    http: tuple[str, int] | None
    access: Access


@dataclass(frozen=True)
class ApiBound:
    """Where it is served: `http` is the URL with the real port, without a slash at the end."""

    socket: Path
    http: str | None
    port: int | None


@contextmanager
def open_unix_socket(path: Path) -> Iterator[socket.socket]:
    """Listens at `path` with mode 0600, and removes it at the end. AlreadyRunning when somebody listens
    there.

    The socket is made under another name and renamed when it is ready: no umask (it is the whole process's)
    and no moment in which others could connect, and what a killed daemon left behind is replaced in one step.
    """
    if _somebody_listens(path):
        raise AlreadyRunning(f"another daemon listens on {path}", hint="stop it first: p2pd stop")
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        _bind_unix(listener, fresh)
        fresh.chmod(0o600)
        inode = fresh.stat().st_ino
        listener.listen(BACKLOG)
        fresh.rename(path)
        try:
            yield listener
        finally:
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ino == inode:
                    path.unlink()


def _bind_unix(listener: socket.socket, path: Path) -> None:
    try:
        listener.bind(os.fspath(path))
    except OSError as error:
        raise BadConfig(
            f"cannot make the socket {path}: {error.strerror or error}",
            hint="choose a shorter or a writable home folder with P2PD_HOME",
        ) from error


def _somebody_listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except OSError as error:
            return error.errno == errno.EAGAIN  # its backlog is full: alive
        return True


@contextmanager
def open_http_socket(host: str, port: int) -> Iterator[socket.socket]:
    """Listens on a loopback address. AddressInUse when the port is taken, BadConfig when it is not
    loopback.
    """
    address = _loopback(host)
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((str(address), port))
            listener.listen(BACKLOG)
        except OverflowError as error:
            raise BadConfig(f"{port} is no port", hint="ports go from 0 (any free one) to 65535") from error
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise AddressInUse(
                    f"port {port} on {host} is in use",
                    hint=f"choose another, or any free one: --http {host}:0",
                ) from error
            raise NetworkError(
                f"cannot listen on {host}:{port}: {error.strerror or error}",
                hint="choose another: --http HOST:PORT",
            ) from error
        yield listener


def _loopback(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    name = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        address = ipaddress.ip_address(name)
    except ValueError as error:
        raise BadConfig(f"{host!r} is no IP address", hint="use --http 127.0.0.1:PORT") from error
    if not address.is_loopback:
        raise BadConfig(
            f"{host} is not a loopback address, and the API is for this machine only",
            hint="use --http 127.0.0.1:PORT, and an SSH tunnel from elsewhere",
        )
    return address


def http_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
