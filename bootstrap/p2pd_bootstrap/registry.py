"""Who is registered under which tag: the rendezvous point's memory. No I/O and no clock; bounded in every direction.

A peer's signed record is kept once, however many tags it registers. Each registration has a number that rises; a cookie
is the last number that a client has seen, so that it asks for the next page, or later for newcomers, in the same way.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from p2pd_daemon.core.peer_id import PeerId

_COOKIE = struct.Struct(">8sQ")


@dataclass(frozen=True, slots=True)
class RegistryLimits:
    per_peer: int = 1100  # tags of one peer: 1,000 rooms, its own, and some to spare
    per_tag: int = 10_000  # peers under one tag
    per_host: int = (
        1000  # peers with registrations from one IP address (IPv6: /64); a large NAT has that many
    )
    peers: int = 10_000  # peers with registrations: at most 4 KiB each, so 40 MB
    total: int = 200_000  # registrations: about 250 bytes each, so 50 MB
    ttl_min: int = 30  # seconds
    ttl_max: int = 2 * 3600  # seconds; the specification's default
    page: int = 64  # registrations in one answer
    linger: int = 120  # seconds that registrations outlive the connection of who made them


@dataclass(frozen=True, slots=True)
class Signed:
    """A peer's record as it signed it, checked; `seq` rises with each new one; `host` is where it connects from."""

    raw: bytes
    seq: int
    host: str = ""


class RegistryFull(Exception):
    """A limit is reached; the text says which."""


class BadCookie(Exception):
    """The cookie is not one of ours, or from before a restart."""


@dataclass(slots=True)
class _Peer:
    signed: Signed
    host: str
    tags: dict[str, int] = field(default_factory=dict)  # tag → number of the registration
    expires: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Tag:
    peers: dict[int, PeerId] = field(default_factory=dict)  # number → peer, in rising order


@dataclass(frozen=True, slots=True)
class Found:
    """One answer: (signed record, seconds left) each, and the cookie to go on with."""

    registrations: tuple[tuple[bytes, int], ...]
    cookie: bytes


class Registry:
    """`instance` is 8 random bytes, so that cookies of an earlier run are recognised."""

    def __init__(self, limits: RegistryLimits, instance: bytes) -> None:
        self.limits = limits
        self._instance = instance.ljust(8, b"\0")[:8]
        self._peers: dict[PeerId, _Peer] = {}
        self._tags: dict[str, _Tag] = {}
        self._hosts: Counter[str] = Counter()  # peers by host
        self._number = 0
        self._total = 0

    def __len__(self) -> int:
        """Registrations."""
        return self._total

    @property
    def peers(self) -> int:
        return len(self._peers)

    @property
    def tags(self) -> int:
        return len(self._tags)

    def signed_of(self, peer: PeerId) -> Signed | None:
        found = self._peers.get(peer)
        return found.signed if found else None

    def register(self, peer: PeerId, tag: str, signed: Signed, ttl: int, now: float) -> int:
        """Registers or renews; returns the granted TTL in seconds. The caller has checked the signature.

        `ttl` 0 asks for the longest. A record older than the one known is not taken over. Raises RegistryFull.
        """
        entry = self._peers.get(peer)
        if entry is None or tag not in entry.tags:
            self._check_room(entry, tag, signed.host, now)
            entry = self._peers.get(peer)  # expiry may have dropped it
        if entry is None:
            entry = self._peers[peer] = _Peer(signed, signed.host)
            self._hosts[signed.host] += 1
        if signed.seq >= entry.signed.seq:
            entry.signed = signed
        granted = min(max(ttl or self.limits.ttl_max, self.limits.ttl_min), self.limits.ttl_max)
        self._remove(peer, tag, keep_peer=True)
        self._number += 1
        self._total += 1
        entry.tags[tag] = self._number
        entry.expires[tag] = now + granted
        self._tags.setdefault(tag, _Tag()).peers[self._number] = peer
        return granted

    def unregister(self, peer: PeerId, tag: str) -> None:
        self._remove(peer, tag)

    def left(self, peer: PeerId, now: float) -> None:
        """The peer's connection is gone: its registrations end soon, unless it comes back and renews them."""
        entry = self._peers.get(peer)
        if entry is not None:
            for tag in entry.expires:
                entry.expires[tag] = min(entry.expires[tag], now + self.limits.linger)

    def discover(self, tag: str, limit: int, cookie: bytes, now: float) -> Found:
        """Registrations after the cookie, oldest first. Asking leaves no trace. Raises BadCookie."""
        after = self._number_in(cookie)
        found = self._tags.get(tag)
        if found is None:
            return Found((), self._cookie(after))
        limit = min(limit or self.limits.page, self.limits.page)
        answer: list[tuple[bytes, int]] = []
        for number in _after(found, after):
            peer = found.peers[number]
            left = self._peers[peer].expires[tag] - now
            if left <= 0:
                continue
            if len(answer) >= limit:
                break
            answer.append((self._peers[peer].signed.raw, max(1, int(left))))
            after = number
        return Found(tuple(answer), self._cookie(after))

    def expire(self, now: float) -> None:
        """Drops what has ended. To be called now and then; `discover` never shows it anyway."""
        ended = [
            (peer, tag)
            for peer, entry in self._peers.items()
            for tag, expires in entry.expires.items()
            if expires <= now
        ]
        for peer, tag in ended:
            self._remove(peer, tag)

    def _check_room(self, entry: _Peer | None, tag: str, host: str, now: float) -> None:
        limits = self.limits
        if self._total >= limits.total or (entry is None and self._is_full_for(host)):
            self.expire(now)
        under_tag = self._tags.get(tag)
        if entry is not None and len(entry.tags) >= limits.per_peer:
            raise RegistryFull(f"at most {limits.per_peer} registrations for each peer")
        if under_tag is not None and len(under_tag.peers) >= limits.per_tag:
            raise RegistryFull(f"at most {limits.per_tag} peers under one tag")
        if self._total >= limits.total:
            raise RegistryFull(f"at most {limits.total} registrations in all")
        if entry is None and len(self._peers) >= limits.peers:
            raise RegistryFull(f"at most {limits.peers} peers")
        if entry is None and self._is_full_for(host):
            raise RegistryFull(f"at most {limits.per_host} peers from one address")

    def _is_full_for(self, host: str) -> bool:
        return len(self._peers) >= self.limits.peers or self._hosts[host] >= self.limits.per_host

    def _remove(self, peer: PeerId, tag: str, *, keep_peer: bool = False) -> None:
        entry = self._peers.get(peer)
        if entry is None or tag not in entry.tags:
            return
        number = entry.tags.pop(tag)
        del entry.expires[tag]
        self._total -= 1
        under_tag = self._tags[tag]
        del under_tag.peers[number]
        if not under_tag.peers:
            del self._tags[tag]
        if not entry.tags and not keep_peer:
            del self._peers[peer]
            self._hosts[entry.host] -= 1
            if not self._hosts[entry.host]:
                del self._hosts[entry.host]

    def _cookie(self, number: int) -> bytes:
        return _COOKIE.pack(self._instance, number)

    def _number_in(self, cookie: bytes) -> int:
        if not cookie:
            return 0
        if len(cookie) != _COOKIE.size or not cookie.startswith(self._instance):
            raise BadCookie
        return int(_COOKIE.unpack(cookie)[1])


def _after(tag: _Tag, number: int) -> Iterator[int]:
    numbers = list(tag.peers)
    return iter(numbers[bisect_right(numbers, number) :])
