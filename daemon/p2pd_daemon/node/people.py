"""Who is who: nicknames that people announced, petnames and blocks of one's own, and what a typed PEER means."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from p2pd_daemon.core.peer_id import PeerId, decode_peer_id, short_peer_id
from p2pd_daemon.errors import AmbiguousPeer, BadMultiaddr, BadPeerId, NoSuchPeer
from p2pd_daemon.store.store import Store


@dataclass(frozen=True, slots=True)
class Resolved:
    """A peer, and the address at which it was named, if it was."""

    peer: PeerId
    addr: str | None = None


class People:
    """Kept in memory, because every line shown asks; the store has the truth, and is written first."""

    def __init__(self, me: PeerId) -> None:
        self._me = me
        self._profiles: dict[PeerId, tuple[int, bytes, str]] = {}  # (ts, record id, nick)
        self._petnames: dict[PeerId, str] = {}
        self._uses: Counter[str] = Counter()  # how many people go by a (folded) nickname
        self.blocked: frozenset[PeerId] = frozenset()

    async def load(self, store: Store) -> None:
        for peer, row in (await store.profiles()).items():
            self.note_profile(peer, row.ts_ms, b"", row.nick)
        self._petnames = await store.contacts()
        self.blocked = frozenset(await store.blocked())

    # What is known

    def note_profile(self, peer: PeerId, ts_ms: int, record_id: bytes, nick: str) -> None:
        """Takes a profile event in; the newest by (ts, id) counts, in whatever order they come."""
        old = self._profiles.get(peer)
        if old is None or (peer != self._me and old[:2] < (ts_ms, record_id)):
            self._call(peer, (ts_ms, record_id, nick))

    def call_myself(self, nick: str) -> None:
        """Our own name from now on. Times do not count: a record of ours is as far ahead of the clock as a head that
        it follows, and must not outlive the next change.
        """
        self._call(self._me, (0, b"", nick))

    def _call(self, peer: PeerId, profile: tuple[int, bytes, str]) -> None:
        old = self._profiles.get(peer)
        if old is not None:
            self._uses[_fold(old[2])] -= 1
        self._profiles[peer] = profile
        self._uses[_fold(profile[2])] += 1

    def nick_of(self, peer: PeerId) -> str:
        """What the peer calls themself; empty when they have not said."""
        profile = self._profiles.get(peer)
        return profile[2] if profile else ""

    def petname_of(self, peer: PeerId) -> str:
        return self._petnames.get(peer, "")

    def name_of(self, peer: PeerId) -> str:
        """How to show a peer: the petname; else the nickname, with the short peer ID where two people use it; else
        the short peer ID.
        """
        petname = self._petnames.get(peer)
        if petname:
            return petname
        nick = self.nick_of(peer)
        if not nick:
            return short_peer_id(peer)
        shared = self._uses[_fold(nick)] > 1 or _fold(nick) in {
            _fold(name) for name in self._petnames.values()
        }
        return f"{nick}~{short_peer_id(peer)}" if shared else nick

    def name_as(self, peer: PeerId, nick: str) -> str:
        """How to show a peer that a text of its own calls so: like `name_of` if that is its nickname, else never
        without the short peer ID.
        """
        if not nick or self.petname_of(peer) or nick == self.nick_of(peer):
            return self.name_of(peer)
        return f"{nick}~{short_peer_id(peer)}"

    def known(self) -> set[PeerId]:
        return (self._profiles.keys() | self._petnames.keys() | self.blocked) - {self._me}

    # Changes by the user

    async def set_petname(self, store: Store, peer: PeerId, petname: str, now_ms: int) -> None:
        """The empty petname removes it."""
        if petname:
            await store.set_petname(peer, petname, now_ms)
            self._petnames[peer] = petname
        else:
            await store.remove_contact(peer)
            self._petnames.pop(peer, None)

    async def block(self, store: Store, peer: PeerId, now_ms: int) -> None:
        await store.block(peer, now_ms)
        self.blocked |= {peer}

    async def unblock(self, store: Store, peer: PeerId) -> None:
        await store.unblock(peer)
        self.blocked -= {peer}

    # What the user typed

    def resolve(self, text: str, others: Iterable[PeerId] = ()) -> Resolved:
        """A multiaddr, a peer ID, a petname, a nickname, `nick~short`, or the end of a peer ID known here.

        `others` are peers known besides (connected ones). Raises BadMultiaddr, NoSuchPeer, AmbiguousPeer.
        """
        text = text.strip()
        if text.startswith("/"):
            return _from_multiaddr(text)
        try:
            return Resolved(decode_peer_id(text))
        except BadPeerId:
            return Resolved(self._by_name(text, self.known() | set(others)))

    def _by_name(self, text: str, candidates: set[PeerId]) -> PeerId:
        folded = _fold(text)
        tests = (
            lambda peer: _fold(self.petname_of(peer)) == folded,
            lambda peer: _fold(self.name_of(peer)) == folded,
            lambda peer: _fold(self.nick_of(peer)) == folded,
            lambda peer: len(text) >= len(short_peer_id(peer)) and peer.endswith(text),
        )
        for test in tests:
            found = sorted(peer for peer in candidates if test(peer)) if folded else []
            if len(found) == 1:
                return found[0]
            if found:
                names = ", ".join(f"{self.nick_of(peer) or text}~{short_peer_id(peer)}" for peer in found[:8])
                raise AmbiguousPeer(
                    f"{len(found)} people go by {text!r}",
                    hint=f"Say which one: {names}; or give the peer ID.",
                )
        raise NoSuchPeer(
            f"there is nobody here called {text!r}",
            hint="Give a peer ID, a multiaddr, or one of the names that `p2pd contacts` and `p2pd peers` show.",
        )


def _from_multiaddr(text: str) -> Resolved:
    before, found, last = text.rstrip("/").rpartition("/p2p/")
    if not found or not before:
        raise BadMultiaddr(
            f"{text} does not say which peer is there",
            hint="A full address ends in /p2p/PEER_ID, as `p2pd id` prints it.",
        )
    try:
        return Resolved(decode_peer_id(last), text)
    except BadPeerId as error:
        raise BadMultiaddr(f"{text}: {error.message}", hint=error.hint) from error


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
