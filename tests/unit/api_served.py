"""A served API for tests, and a client that sends exactly the bytes it is told to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
import trio
from p2pd_daemon.api import Access, ApiBinding, ApiBound, serve_api
from unit.api_control import MemoryControl


@dataclass
class Served:
    """A running API. `raw_*` give a fresh connection, `ask` one request on the unix socket."""

    control: MemoryControl
    bound: ApiBound
    token_file: Path

    @property
    def token(self) -> str:
        return self.token_file.read_text().strip()

    @property
    def cookie(self) -> str:
        """As a browser sends it that showed a code."""
        return f"p2pd_page_{self.bound.port}={self.control.access.cookie}"

    async def raw_unix(self) -> trio.SocketStream:
        return await trio.open_unix_socket(str(self.bound.socket))

    async def raw_tcp(self) -> trio.SocketStream:
        assert self.bound.port is not None
        return await trio.open_tcp_stream("127.0.0.1", self.bound.port)

    async def ask(self, method: str, target: str, body: object = None, **headers: str) -> Answer:
        async with await self.raw_unix() as stream:
            return await ask_on(stream, method, target, body, headers)

    async def ask_tcp(self, method: str, target: str, body: object = None, **headers: str) -> Answer:
        """`Host` is right unless it is given; no token is sent by itself."""
        async with await self.raw_tcp() as stream:
            given = {"host": f"127.0.0.1:{self.bound.port}", **headers}
            return await ask_on(stream, method, target, body, given)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def code(self) -> str:
        """The error code; asserts that the answer has the one error shape."""
        assert self.headers["content-type"] == "application/json"
        assert set(self.json) == {"error"}
        assert set(self.json["error"]) == {"code", "message", "hint"}
        code: str = self.json["error"]["code"]
        return code


@asynccontextmanager
async def open_api(
    folder: Path, control: MemoryControl | None = None, *, http: bool = False
) -> AsyncIterator[Served]:
    control = control or MemoryControl()
    control.access = Access(folder / "token")
    binding = ApiBinding(folder / "s", ("127.0.0.1", 0) if http else None, control.access)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            bound = await nursery.start(serve_api, control, binding)
            yield Served(control, bound, folder / "token")
            nursery.cancel_scope.cancel()


async def ask_on(
    stream: trio.SocketStream,
    method: str,
    target: str,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Sends one request as it is: `body` is bytes, or becomes JSON. Underscores in header names become hyphens."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    given = {"host": "p2pd", **{name.replace("_", "-"): value for name, value in (headers or {}).items()}}
    if body is not None:
        given.setdefault("content-type", "application/json")
        given.setdefault("content-length", str(len(content)))
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in given.items()
    )
    await stream.send_all(head.encode("latin-1") + b"\r\n" + content)
    return await read_answer(stream, method)


async def read_answer(stream: trio.SocketStream, method: str = "GET") -> Answer:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("host", "p2pd")]))
    client.send(h11.EndOfMessage())
    answer = Answer(0, {}, b"")
    while True:
        event = client.next_event()
        if event is h11.NEED_DATA:
            client.receive_data(await stream.receive_some())
        elif isinstance(event, h11.Response):
            answer.status = event.status_code
            answer.headers = {name.decode(): value.decode() for name, value in event.headers}
        elif isinstance(event, h11.Data):
            answer.content += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            return answer


async def read_until(stream: trio.SocketStream, wanted: bytes) -> bytes:
    """Everything received up to and with the first `wanted` (and what came along with it)."""
    received = b""
    while wanted not in received:
        part = await stream.receive_some()
        assert part, f"the connection ended before {wanted!r}; received {received[-500:]!r}"
        received += part
    return received
