"""Rooms: names, topics, the tags under which members find each other, and the state machine of the heads."""

from __future__ import annotations

import base64
import hashlib
import heapq
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from p2pd_daemon.core.bodies import label_fault_char
from p2pd_daemon.core.clock import next_ts
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.errors import BadRoomName

MAX_NAME = 64  # characters
MAX_PARENTS = 8
OPEN_PREFIX = "p2pd/1/"
PRIVATE_PREFIX = "p2pd/1/x/"
DIRECT_PREFIX = "p2pd/1/dm/"
CHAT_ROOM_PREFIX = "chat-room:"

_RESERVED = tuple(prefix.removeprefix(OPEN_PREFIX) for prefix in (PRIVATE_PREFIX, DIRECT_PREFIX))
# Topics beside universal-connectivity's rooms that look like rooms: a text in one crashes others' peers.
_NO_TEXT = {"-file": "ids of files", "-browser-peer-discovery": "addresses of peers"}
_HINT = f"a room name has 1 to {MAX_NAME} letters, digits, signs or emoji, for example `lobby`"


class Wire(StrEnum):
    """Whose format the payloads in a room have: p2pd's own, or somebody else's."""

    P2PD = "p2pd"
    TEXT = "text"  # raw UTF-8: universal-connectivity
    CHAT_ROOM = "chat-room"  # JSON: go-libp2p's example pubsub/chat


def check_room_name(name: str, wire: Wire = Wire.P2PD) -> str:
    """The name in NFC. BadRoomName says why it cannot be one."""
    if not isinstance(name, str):
        raise BadRoomName("a room name is text", hint=_HINT)
    if not name:
        raise BadRoomName("the room name is empty", hint=_HINT)
    char = label_fault_char(name)
    if char:
        what = (
            "a lone surrogate" if "D800" <= char[2:] <= "DFFF" and len(char) == 6 else "the control character"
        )
        raise BadRoomName(f"the room name holds {what} {char}", hint=_HINT)
    if name != name.strip():
        hint = "two rooms that look the same would be different ones; leave the white space out"
        raise BadRoomName("the room name begins or ends with white space", hint=hint)
    name = unicodedata.normalize("NFC", name)
    if len(name) > MAX_NAME:
        raise BadRoomName(f"the room name has {len(name)} characters; the limit is {MAX_NAME}", hint=_HINT)
    if wire is Wire.TEXT:
        _check_text_topic(name)
    elif wire is Wire.P2PD and name.startswith(_RESERVED):
        reserved = " and ".join(f"`{prefix}`" for prefix in _RESERVED)
        hint = f"{reserved} at the start are kept for private rooms and direct conversations"
        raise BadRoomName(f"the room name {name!r} begins with a reserved prefix", hint=hint)
    return name


def lookup_name(name: str) -> str:
    """The form in which a name that was typed is looked up, whether it can be one or not."""
    return unicodedata.normalize("NFC", name.encode(errors="replace").decode())


def _check_text_topic(name: str) -> None:
    """A topic tells whose format its payloads have, and texts go only where others expect them."""
    for prefix, wire in ((OPEN_PREFIX, Wire.P2PD), (CHAT_ROOM_PREFIX, Wire.CHAT_ROOM)):
        if name.startswith(prefix):
            raise BadRoomName(
                f"the topic {name!r} is that of a {wire} room",
                hint=f"p2pd join {name.removeprefix(prefix)} --wire {wire}",
            )
    for suffix, what in _NO_TEXT.items():
        if name.endswith(suffix):
            raise BadRoomName(
                f"a topic that ends in {suffix} carries {what}, not texts",
                hint=f"join the room itself: p2pd join {name.removesuffix(suffix)} --wire text",
            )


def open_room_topic(name: str) -> str:
    """The topic of an open room; `name` as `check_room_name` gave it."""
    return OPEN_PREFIX + name


def room_topic(name: str, wire: Wire) -> str:
    """The topic of a room; `name` as `check_room_name` gave it."""
    prefix = {Wire.P2PD: OPEN_PREFIX, Wire.TEXT: "", Wire.CHAT_ROOM: CHAT_ROOM_PREFIX}[wire]
    return prefix + name


def room_of_topic(topic: str) -> tuple[str, Wire] | None:
    """The inverse: the name and the wire of the room with this topic, or None when it is none."""
    wire = Wire.TEXT
    for prefix, known in ((OPEN_PREFIX, Wire.P2PD), (CHAT_ROOM_PREFIX, Wire.CHAT_ROOM)):
        if topic.startswith(prefix):
            topic, wire = topic.removeprefix(prefix), known
            break
    try:
        return (topic, wire) if check_room_name(topic, wire) == topic else None
    except BadRoomName:
        return None


def rendezvous_tag(topic: str) -> str:
    """Where members of a topic find each other, at a point that need not learn its name: 52 characters."""
    return base32_text(hashlib.sha256(b"p2pd/1/rendezvous/topic/" + topic.encode()).digest())


def peer_rendezvous_tag(peer: PeerId) -> str:
    """Where those who want to reach one peer find its addresses."""
    return base32_text(hashlib.sha256(b"p2pd/1/rendezvous/peer/" + peer.encode()).digest())


def base32_text(raw: bytes) -> str:
    """RFC 4648 base32, lower case, without padding."""
    return base64.b32encode(raw).decode().rstrip("=").lower()


@dataclass(frozen=True, slots=True)
class HeadsChange:
    missing: tuple[bytes, ...]  # parents of this record that we do not have
    flagged: bool  # its ts is not larger than that of a parent we have


class Heads:
    """The records of a room that no record we have names as a parent, and the parents named that we lack.

    Whatever order the records arrive in, the same set of records ends in the same heads and missing ones.
    `lookup` gives the ts of any record of the room that was added before, or None; without it, Heads
    remembers all that it saw.
    """

    def __init__(
        self,
        initial: Iterable[tuple[int, bytes]] = (),
        missing: Iterable[bytes] = (),
        lookup: Callable[[bytes], int | None] | None = None,
    ) -> None:
        self._heads = {record_id: ts for ts, record_id in initial}
        self._missing = set(missing)
        self._seen = dict(self._heads)
        self._lookup = lookup

    @property
    def heads(self) -> list[tuple[int, bytes]]:
        """(ts, id), largest first."""
        return sorted(((ts, record_id) for record_id, ts in self._heads.items()), reverse=True)

    @property
    def missing(self) -> frozenset[bytes]:
        return frozenset(self._missing)

    @property
    def largest_ts(self) -> int | None:
        """None in an empty room."""
        return max(self._heads.values(), default=None)

    def add(self, record_id: bytes, ts: int, parents: Iterable[bytes]) -> HeadsChange:
        """Take a record into account, once; quarantined ones only when they are due.

        Adding it again is harmless without `lookup`, or while it is a head.
        """
        again = record_id in (self._heads if self._lookup else self._seen)
        if not again and record_id not in self._missing:
            self._heads[record_id] = ts
        self._missing.discard(record_id)
        if self._lookup is None:
            self._seen[record_id] = ts
        lacking, flagged = [], False
        for parent in parents:
            parent_ts = self._ts_of(parent)
            if parent_ts is None:
                lacking.append(parent)
            elif parent_ts >= ts:
                flagged = True
            self._heads.pop(parent, None)
        self._missing.update(lacking)
        return HeadsChange(tuple(lacking), flagged)

    def next(self, now_ms: int) -> tuple[int, tuple[bytes, ...]]:
        """(ts_ms, parents) of an event of ours: the heads with the largest (ts, id), at most 8."""
        heads = ((ts, record_id) for record_id, ts in self._heads.items())
        few = len(self._heads) <= MAX_PARENTS  # nearly always: one's own last record, or several people's
        largest = sorted(heads, reverse=True) if few else heapq.nlargest(MAX_PARENTS, heads)
        return next_ts(now_ms, largest[0][0] if largest else None), tuple(
            record_id for _, record_id in largest
        )

    def _ts_of(self, record_id: bytes) -> int | None:
        known = self._heads.get(record_id)
        if known is not None:
            return known
        return self._lookup(record_id) if self._lookup else self._seen.get(record_id)
