"""Addresses: what we may listen on, that the port is ours alone, and what we tell others to dial."""

from __future__ import annotations

import errno
import ipaddress
import logging
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import ifaddr
from multiaddr import Multiaddr
from multiaddr.exceptions import Error as MultiaddrError

from p2pd_daemon.errors import AddressInUse, BadMultiaddr, NetworkError

log = logging.getLogger(__name__)

_TRANSPORTS = {("tcp",), ("tcp", "ws"), ("tcp", "wss"), ("tcp", "tls", "ws")}
_HINT = "Give for example --listen /ip4/0.0.0.0/tcp/4001, or …/tcp/4002/ws for browsers."
_INTERFACES_FRESH_S = 5.0  # a laptop that changes networks is announced right within this time


def parse_listen(addrs: Sequence[str]) -> list[Multiaddr]:
    """BadMultiaddr unless each is /ip4|ip6/<ip>/tcp/<port>, with /ws or /wss at the end if at all."""
    return [_listen_addr(text) for text in addrs]


def _listen_addr(text: str) -> Multiaddr:
    try:
        addr = Multiaddr(text)
        names = tuple(protocol.name for protocol in addr.protocols())
    except (MultiaddrError, ValueError) as error:
        raise BadMultiaddr(f"{text!r} is not a multiaddr: {error}", hint=_HINT) from None
    if names[:1] not in {("ip4",), ("ip6",)} or names[1:] not in _TRANSPORTS:
        raise BadMultiaddr(f"cannot listen on {text}: only TCP and WebSocket on an IP address", hint=_HINT)
    return addr


def host_and_port(addr: Multiaddr) -> tuple[str, int]:
    """IP and TCP port of a listen address."""
    name = addr.protocols()[0].name
    return str(addr.value_for_protocol(name)), int(addr.value_for_protocol("tcp") or 0)


@contextmanager
def claim_ports(listen: Sequence[Multiaddr]) -> Iterator[None]:
    """Make sure that we alone listen there, while the block lasts (trap 13).

    libp2p binds with SO_REUSEPORT, so a second daemon would get the same port without an error and half of the
    connections. A bind without that option finds others; an abstract socket (Linux) settles two that start at once.
    Raises AddressInUse, or NetworkError where the address is not ours to bind.
    """
    with ExitStack() as held:
        for addr in listen:
            host, port = host_and_port(addr)
            if port and sys.platform == "linux":
                held.enter_context(_port_lock(addr, host, port))
            _probe(addr, host, port)
        yield


@contextmanager
def _port_lock(addr: Multiaddr, host: str, port: int) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as lock:
        try:
            lock.bind(f"\0p2pd-listen-{host}-{port}")
        except OSError:
            raise _in_use(addr) from None
        yield


def _probe(addr: Multiaddr, host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            # Connections of an earlier run that linger in TIME_WAIT are no obstacle; a listener is.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((host, port))
            sock.listen(1)
    except OSError as error:
        raise _bind_error(addr, error) from error


def _in_use(addr: Multiaddr) -> AddressInUse:
    return AddressInUse(
        f"{addr} is in use by another program, or by another p2pd",
        hint="Stop the other one or choose another port (0: any free one). TCP and WebSocket need a port each.",
    )


def _bind_error(addr: Multiaddr, error: OSError) -> NetworkError:
    if error.errno == errno.EADDRINUSE:
        return _in_use(addr)
    if error.errno in {errno.EACCES, errno.EPERM}:
        return NetworkError(f"not allowed to listen on {addr}", hint="Choose a port of 1024 or above.")
    if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
        return NetworkError(
            f"cannot listen on {addr}: this machine has no such address",
            hint="Use /ip4/0.0.0.0/… or /ip6/::/… for all addresses of this machine.",
        )
    return NetworkError(f"cannot listen on {addr}: {error.strerror}", hint=_HINT)


class Announcer:
    """Turns what we listen on into what others can dial; libp2p would announce 0.0.0.0 literally (trap 13)."""

    def __init__(self, announce: Sequence[str]) -> None:
        try:
            self._announce = [Multiaddr(text) for text in announce]
        except (MultiaddrError, ValueError) as error:
            raise BadMultiaddr(
                f"cannot announce: {error}", hint="Give for example /ip4/203.0.113.7/tcp/4001."
            ) from None
        self._interfaces: list[str] = []
        self._read_at = -_INTERFACES_FRESH_S

    def __call__(self, listening: list[Multiaddr]) -> list[Multiaddr]:
        if self._announce:
            return list(self._announce)
        return list(dict.fromkeys(expand(listening, self._current_interfaces)))

    def _current_interfaces(self) -> list[str]:
        now = time.monotonic()
        if now - self._read_at >= _INTERFACES_FRESH_S:
            self._read_at = now
            self._interfaces = interface_ips()
        return self._interfaces


def expand(listening: Iterable[Multiaddr], interfaces: Callable[[], Sequence[str]]) -> Iterator[Multiaddr]:
    """Each unspecified address once per IP of this machine, of its family; others as they are."""
    for addr in sorted(listening, key=lambda one: len(list(one.protocols()))):  # TCP before WebSocket
        host, _ = host_and_port(addr)
        if not ipaddress.ip_address(host).is_unspecified:
            yield addr
            continue
        family = addr.protocols()[0].name
        for ip in interfaces():
            if (":" in ip) == (family == "ip6"):
                yield Multiaddr(str(addr).replace(f"/{family}/{host}/", f"/{family}/{ip}/", 1))


def interface_ips() -> list[str]:
    """IPs that others may reach us at. Link-local IPv6 needs a zone and is left out; loopback is the last resort."""
    found = [one.ip for adapter in ifaddr.get_adapters() for one in adapter.ips]
    ips = [ip if isinstance(ip, str) else ip[0] for ip in found]
    outside = [ip for ip in ips if _reachable(ip)]
    families = {":" in ip for ip in outside}
    return outside + [ip for ip in ("127.0.0.1", "::1") if ip in ips and (":" in ip) not in families]


def _reachable(ip: str) -> bool:
    parsed = ipaddress.ip_address(ip)
    return not (parsed.is_loopback or (parsed.version == 6 and parsed.is_link_local))
