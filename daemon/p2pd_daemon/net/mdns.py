"""Peers on the local network: multicast DNS as https://github.com/libp2p/specs/blob/master/discovery/mdns.md has it.

zeroconf runs its own thread; what it finds is handed over with the trio token (trap 15 of LIBP2P.md). When this
machine's interfaces change, the sockets are opened anew: they are bound to the interfaces of their time.
"""

from __future__ import annotations

import importlib
import logging
import secrets
import string
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import trio

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.errors import P2pdError
from p2pd_daemon.net.addresses import interface_ips
from p2pd_daemon.net.targets import parse_target

if TYPE_CHECKING:
    from p2pd_daemon.net.mdns_service import MdnsService

log = logging.getLogger(__name__)

NAME_LENGTH = 32  # characters, at least, by the specification; random, so that it tells nothing
PEERS = 256  # remembered; a larger local network is found through rooms
ADDRS = 8  # announced, so that the answer fits into one packet
TXT_BYTES = 255  # of one string in a TXT record
CHECK_S = 5.0  # between two looks whether interfaces or addresses changed
RETRY_S = 30.0  # after multicast could not be opened
START_S = 0.1  # the node is ready first: zeroconf takes a while to import, and a second to announce anything

Found = Callable[[PeerId, list[str]], None]


class Mdns:
    """Announces us and reports others with `found`, which runs in the trio loop. `loopback` is for tests."""

    def __init__(
        self, own: PeerId, own_addrs: Callable[[], Sequence[str]], found: Found, *, loopback: bool = False
    ) -> None:
        self._own = own
        self._own_addrs = own_addrs
        self._found = found
        self._loopback = loopback
        self._peers: dict[PeerId, list[str]] = {}
        alphabet = string.ascii_lowercase + string.digits
        self._name = "".join(secrets.choice(alphabet) for _ in range(NAME_LENGTH))

    def addrs(self, peer: PeerId) -> list[str]:
        """What a peer announced on the local network."""
        return list(self._peers.get(peer, ()))

    async def run(self) -> None:
        """Until cancelled. A machine without multicast costs a log line, and a new try now and then."""
        await trio.sleep(START_S)
        service = await trio.to_thread.run_sync(importlib.import_module, "p2pd_daemon.net.mdns_service")
        while True:
            try:
                await self._run_on(service.MdnsService, self._interfaces())
            except (OSError, service.Error) as error:
                log.info("no mDNS: %r", error)
                await trio.sleep(RETRY_S)

    async def _run_on(self, service_type: type[MdnsService], interfaces: list[str]) -> None:
        """Serves these interfaces until they change."""
        if not interfaces:
            await trio.sleep(CHECK_S)
            return
        token = trio.lowlevel.current_trio_token()
        service = await trio.to_thread.run_sync(
            service_type, interfaces, self._name, token, lambda raw: self._heard(decode_txt(raw))
        )
        try:
            announced: tuple[str, ...] = ()
            while self._interfaces() == interfaces:
                current = tuple(self._suitable())
                if current != announced:
                    # Announcing takes a second, which the end of the daemon need not wait for.
                    await trio.to_thread.run_sync(  # type: ignore[call-arg]  # the old stubs that libp2p installs
                        service.announce,
                        encode_txt(current),
                        _port(current),
                        bool(announced),
                        abandon_on_cancel=True,
                    )
                    announced = current
                await trio.sleep(CHECK_S)
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(service.close)

    def _interfaces(self) -> list[str]:
        if self._loopback:
            return ["127.0.0.1"]
        return sorted(ip for ip in interface_ips() if ":" not in ip and not ip.startswith("127."))

    def _suitable(self) -> list[str]:
        """Our addresses as far as they make sense to neighbours, with /p2p/… at the end."""
        addrs = [addr for addr in self._own_addrs() if self._loopback or "/ip4/127." not in addr]
        return [addr for addr in addrs if "/ip6/::1/" not in addr and len(addr) + 8 <= TXT_BYTES][:ADDRS]

    def _heard(self, strings: Sequence[str]) -> None:
        """Runs in the trio loop, with what a neighbour announces."""
        found: dict[PeerId, list[str]] = {}
        for text in strings[: 2 * ADDRS]:
            try:
                target = parse_target(text)
            except P2pdError:
                continue
            if target.addr and target.peer != self._own:
                found.setdefault(target.peer, []).append(target.addr)
        for peer, addrs in found.items():
            self._peers.pop(peer, None)
            self._peers[peer] = addrs
            if len(self._peers) > PEERS:
                del self._peers[next(iter(self._peers))]
            self._found(peer, addrs)


def encode_txt(addrs: Sequence[str]) -> bytes:
    """A TXT record: one string `dnsaddr=<multiaddr>` for each, behind its length. (A dict could hold only one.)"""
    strings = [f"dnsaddr={addr}".encode() for addr in addrs]
    return b"".join(bytes((len(one),)) + one for one in strings if len(one) <= TXT_BYTES)


def decode_txt(raw: bytes) -> list[str]:
    """The multiaddrs in a TXT record; what is something else or cut short is left out."""
    found, offset = [], 0
    while offset < len(raw):
        size = raw[offset]
        one = raw[offset + 1 : offset + 1 + size]
        offset += 1 + size
        if len(one) == size and one.startswith(b"dnsaddr="):
            found.append(one[8:].decode(errors="replace"))
    return found


def _port(addrs: Sequence[str]) -> int:
    """For the SRV record, which nobody reads: the TCP port of the first address."""
    parts = addrs[0].split("/") if addrs else []
    return int(parts[parts.index("tcp") + 1]) if "tcp" in parts else 1
