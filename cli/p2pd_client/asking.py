"""How a client asks its daemon: connections for requests, a time limit for each, and an end of all of them."""

from __future__ import annotations

from types import TracebackType
from typing import Self, TypeVar

import anyio

from .calls import Call
from .errors import ConnectionLost
from .link import Address, Links

AT_ONCE = 16  # requests on their way at the same time, each on its own connection; further ones wait

T = TypeVar("T")


class Asking:
    """What `Client` is made of below its calls. `timeout`: seconds, for each whole request."""

    def __init__(self, address: Address, timeout: float) -> None:
        self._links = Links(address)
        self._timeout = timeout
        self._turns = anyio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connections and the event streams."""
        await self._links.aclose()

    async def _ask(self, call: Call[T]) -> T:
        request = self._links.request(call.method, call.target, call.body)
        try:
            async with self._turns:
                with anyio.fail_after(self._timeout):
                    async with self._links.open() as link:
                        answer = await link.ask(request, call.body or b"")
                        content = await link.read_all()
        except TimeoutError as error:
            raise ConnectionLost(f"the daemon did not answer within {self._timeout:g} s") from error
        return call.decode(answer.status_code, content)
