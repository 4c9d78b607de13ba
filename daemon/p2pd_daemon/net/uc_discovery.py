"""Addresses for universal-connectivity's peer-discovery topic: which of ours to tell, which of others' to dial."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from multiaddr import Multiaddr

from p2pd_daemon.core.uc_discovery import MAX_ADDRS, Announcement
from p2pd_daemon.errors import BadMultiaddr, BadPeerId
from p2pd_daemon.net.targets import Target, parse_target

DIALLED_ADDRS = 8  # of one announcement; honest peers have two or three that we can dial

WEB_PORTS = (80, 443)  # which servers share with web sites
BROADCAST = "255.255.255.255"

PUBLIC, PRIVATE, LOOPBACK = range(3)


def addrs_to_announce(addrs: Sequence[str]) -> list[bytes]:
    """Of our own full multiaddrs those with the widest reach, as bytes: public ones if there are any, else those of
    the local network, else (tests on one machine) loopback. Whoever reads the topic learns no more than it can use.
    """
    targets = [target for target in map(_target, addrs) if target is not None]
    widest = min((reach(target.addr) for target in targets), default=PUBLIC)
    chosen = [target.full for target in targets if reach(target.addr) == widest]
    return [Multiaddr(full).to_bytes() for full in chosen[:MAX_ADDRS]]


def addrs_to_dial(announced: Announcement, own: Sequence[str]) -> list[str]:
    """The transport addresses in it that we can dial, where a stranger may send us: no farther into a network than
    we are ourselves, so that nobody makes a public node knock on the doors of the network or the machine behind it.
    """
    reaches = [reach(target.addr) for target in map(_target, own) if target is not None]
    farthest = min(reaches, default=PUBLIC)
    found = []
    for raw in announced.addrs:
        target = _target(_text(raw))
        if target is not None and target.peer == announced.peer and _may_lead(target.addr, farthest):
            found.append(target.addr)
    return list(dict.fromkeys(found))[:DIALLED_ADDRS]


def _may_lead(addr: str, farthest: int) -> bool:
    """Names may lead anywhere by the time they are asked for, and below 1024 other services listen."""
    _, _, host, _, port = addr.split("/")[:5]
    try:
        ip = _plain(ipaddress.ip_address(host))
    except ValueError:
        return False
    nowhere = ip.is_unspecified or ip.is_multicast or ip.is_link_local or str(ip) == BROADCAST
    return not nowhere and reach(addr) <= farthest and (int(port) >= 1024 or int(port) in WEB_PORTS)


def reach(addr: str) -> int:
    """PUBLIC, PRIVATE or LOOPBACK; what is no IP address counts as public, but for `localhost`."""
    host = addr.split("/")[2]
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return LOOPBACK if host == "localhost" or host.endswith(".localhost") else PUBLIC
    ip = _plain(ip)
    if ip.is_loopback:
        return LOOPBACK
    return PUBLIC if ip.is_global else PRIVATE


def _plain(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An IPv4 address that is written as one of IPv6 as what it is."""
    return (ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None) or ip


def _text(raw: bytes) -> str:
    """The multiaddr as text; "" where it is none."""
    try:
        return str(Multiaddr(raw))
    except Exception:  # the library raises a dozen kinds, some of them plain ValueError and KeyError
        return ""


def _target(full: str) -> Target | None:
    """None when it is no address that one can dial."""
    try:
        target = parse_target(full)
    except (BadMultiaddr, BadPeerId):
        return None
    return target if target.addr else None
