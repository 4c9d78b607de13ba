"""A name server is asked only for /dns addresses, and so imported and configured only then (40 ms)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from libp2p.network import swarm
from multiaddr import Multiaddr

if TYPE_CHECKING:
    from multiaddr.resolvers import DNSResolver


class ResolverWhenAsked:
    """multiaddr's DNSResolver, made at the first use."""

    def __init__(self) -> None:
        self._made: DNSResolver | None = None

    async def resolve(self, maddr: Multiaddr, options: dict[str, Any] | None = None) -> list[Multiaddr]:
        found: list[Multiaddr] = await self._resolver().resolve(maddr, options)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._resolver(), name)

    def _resolver(self) -> DNSResolver:
        if self._made is None:
            from multiaddr.resolvers import DNSResolver  # noqa: PLC0415 - see above

            self._made = DNSResolver()
        return self._made


def install() -> None:
    """libp2p's swarm makes one when it is made (swarm.py:321). Idempotent."""
    swarm.DNSResolver = ResolverWhenAsked  # type: ignore[attr-defined]
