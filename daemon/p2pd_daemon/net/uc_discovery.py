"""Addresses for universal-connectivity's peer-discovery topic: which of ours to tell, which of others' to dial."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from multiaddr import Multiaddr

from p2pd_daemon.core.uc_discovery import MAX_ADDRS, Announcement
from p2pd_daemon.errors import BadMultiaddr, BadPeerId
from p2pd_daemon.net.targets import Target, parse_target

DIALLED_ADDRS = 8  # of one announcement; honest peers have two or three that we can dial

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
    """The transport addresses in it that we can dial. Loopback only if we have nothing else ourselves: a stranger must
    not make us knock on this machine's own doors.
    """
    reaches = [reach(target.addr) for target in map(_target, own) if target is not None]
    farthest = LOOPBACK if reaches and min(reaches) == LOOPBACK else PRIVATE
    found = []
    for raw in announced.addrs:
        target = _target(_text(raw))
        if target is not None and target.peer == announced.peer and reach(target.addr) <= farthest:
            found.append(target.addr)
    return list(dict.fromkeys(found))[:DIALLED_ADDRS]


def reach(addr: str) -> int:
    """PUBLIC, PRIVATE or LOOPBACK; what is no IP address counts as public, but for `localhost`."""
    host = addr.split("/")[2]
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return LOOPBACK if host == "localhost" or host.endswith(".localhost") else PUBLIC
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    ip = mapped or ip
    if ip.is_loopback:
        return LOOPBACK
    return PUBLIC if ip.is_global else PRIVATE


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
