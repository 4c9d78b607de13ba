"""One request to the daemon with nothing but `socket` and `json`: for commands that must start in no time.

status, answer = request(find_daemon().socket, "GET", "/v1/status")
"""

from __future__ import annotations

import json
import os
import socket

from .discover import find_daemon
from .errors import ConnectionLost, DaemonNotRunning, error_from

TYPE_CHECKING = False  # importing it from `typing` costs 5 ms
if TYPE_CHECKING:
    from typing import Any

READ_BYTES = 65536


def ask(
    method: str,
    path: str,
    body: object = None,
    *,
    home: str | os.PathLike[str] | None = None,
    timeout: float = 30.0,
) -> Any:
    """The decoded answer of the daemon in `home`. Raises ApiError (also DaemonNotRunning, ConnectionLost)."""
    status, answer = request(find_daemon(home).socket, method, path, body, timeout=timeout)
    if not 200 <= status < 300:
        raise error_from(status, answer)
    return answer


def request(
    socket_path: str | os.PathLike[str],
    method: str,
    path: str,
    body: object = None,
    *,
    timeout: float = 30.0,
) -> tuple[int, Any]:
    """Status and decoded JSON of one request. `path` is percent-encoded; `body` is anything `json` can
    encode.

    Raises DaemonNotRunning and ConnectionLost. `timeout` (seconds) is for each step, not for the whole.
    """
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: p2pd\r\nConnection: close\r\n"
    if body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(timeout)
        try:
            link.connect(os.fspath(socket_path))
        except OSError as error:
            raise DaemonNotRunning(f"nobody listens on {os.fspath(socket_path)}") from error
        try:
            link.sendall(head.encode("ascii") + b"\r\n" + content)
            status, answer = _read_answer(link)
        except TimeoutError as error:
            raise ConnectionLost(f"the daemon did not answer within {timeout:g} s") from error
        except OSError as error:
            raise ConnectionLost(f"the daemon hung up: {error}") from error
    return status, json.loads(answer) if answer else None


def _read_answer(link: socket.socket) -> tuple[int, bytes]:
    """Every answer of the daemon, but for the event stream, says its length."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _read(link)
    head, _, content = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = 0
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    parts = [content]
    left = length - len(content)
    while left > 0:
        parts.append(_read(link))
        left -= len(parts[-1])
    return int(lines[0].split(" ")[1]), b"".join(parts)


def _read(link: socket.socket) -> bytes:
    received = link.recv(READ_BYTES)
    if not received:
        raise ConnectionLost("the daemon hung up before it answered")
    return received
