"""Universal-connectivity's peer discovery: on one topic its peers say where they are, every ten seconds.

Rooms ask for it (`p2pd join … --announce`). While one does, this node reads the topic, dials whom it names, and, where
a room asks for that as well, says where it is itself. Nothing that is read there is trusted: it is where to knock.
"""

from __future__ import annotations

import logging

import trio

from p2pd_daemon.core.admission import (
    BLOCKED,
    RATE,
    UNKNOWN_TOPIC,
    AuthorRates,
    Outcome,
    TokenBucket,
    Verdict,
)
from p2pd_daemon.core.keys import encode_public_key
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.record import Record, sign_record
from p2pd_daemon.core.room import Wire
from p2pd_daemon.core.uc_discovery import TOPIC, decode_announcement, encode_announcement
from p2pd_daemon.errors import P2pdError, RemoteProtocolError, UsageError
from p2pd_daemon.node.parts import Parts

log = logging.getLogger(__name__)

ROOM = "universal-connectivity"  # where everybody announces themselves, so that we do unless told otherwise
EVERY_S = 10.0  # as universal-connectivity's browser peers
GAP_S = 1.0  # between two announcements, however many peers come
BAD_ANNOUNCEMENT = "bad_announcement"
AUTHOR = Limits(author_rate=1, author_burst=5, author_day=0)  # an honest one speaks every ten seconds
LEARNED_BURST = 30.0  # peers taken to the dialler at once, and …
LEARNED_RATE = 1.0  # … a second: who makes up keys by the thousand must not choose whom we dial
_META = "announce/"  # in the store's meta, before the topic of a room


class PeerTopic:
    """`run` announces; `check` judges what others announce, and takes it to the dialler."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._rooms: dict[str, bool] = {}  # topic of each room that asks → whether we announce ourselves
        self._news = trio.Event()
        self._rates = AuthorRates(AUTHOR)
        self._learned = TokenBucket.full(LEARNED_BURST, LEARNED_RATE, parts.clock.monotonic())

    # Which rooms ask

    async def choose(self, topic: str, wire: Wire, *, announce: bool) -> None:
        """Keeps what the person says of a room, for when it is entered. Raises UsageError."""
        if wire is not Wire.TEXT:
            raise UsageError(
                f"a room of the {wire} wire has no place to announce addresses",
                hint="--announce is for universal-connectivity's rooms: --wire text.",
            )
        await self._parts.store.set_meta(_META + topic, str(int(announce)))

    async def entered(self, topic: str, wire: Wire) -> None:
        """A room was entered, or somebody has chosen anew."""
        if wire is not Wire.TEXT:
            return
        chosen = await self._parts.store.get_meta(_META + topic)
        if chosen is None and topic != ROOM:
            return
        first = not self._rooms
        self._rooms[topic] = chosen != "0"
        if first:
            await self._parts.network.subscribe(TOPIC)
        self._tell()

    async def left(self, topic: str) -> None:
        if self._rooms.pop(topic, None) is not None and not self._rooms:
            await self._parts.network.unsubscribe(TOPIC)

    def announces(self, topic: str) -> bool:
        """Whether we say where we are because of this room."""
        return self._rooms.get(topic, False)

    # What others say

    def check(self, record: Record) -> Verdict:
        """Judges an announcement, whose signature is verified; a sound one is taken to the dialler, and relayed."""
        if not self._rooms:
            return Verdict(Outcome.IGNORE, UNKNOWN_TOPIC)
        try:
            announced = decode_announcement(record.data)
        except RemoteProtocolError as error:
            log.debug("an announcement of %s: %s", record.author, error.message)
            return Verdict(Outcome.REJECT, BAD_ANNOUNCEMENT)
        if announced.peer != record.author:  # nobody speaks for others there
            return Verdict(Outcome.REJECT, BAD_ANNOUNCEMENT)
        now = self._parts.clock.monotonic()
        if not self._rates.take(record.author, TOPIC, now):
            return Verdict(Outcome.IGNORE, RATE)
        if record.author in self._parts.people.blocked:
            return Verdict(Outcome.IGNORE, BLOCKED)
        if not self._parts.network.is_connected(announced.peer) and self._may_learn(now):
            self._parts.network.learn_announced(announced)
        return Verdict(Outcome.ACCEPT)

    def _may_learn(self, now: float) -> bool:
        self._learned.refill(now)
        if self._learned.tokens < 1:
            return False
        self._learned.tokens -= 1
        return True

    # What we say

    def on_member(self, joined: bool) -> None:
        """Somebody connected reads the topic now: they are told at once where we are."""
        if joined:
            self._tell()

    async def run(self) -> None:
        """Announces until cancelled."""
        while True:
            news = self._news
            if any(self._rooms.values()):
                await self._announce()
                await trio.sleep(GAP_S)
                with trio.move_on_after(EVERY_S - GAP_S):
                    await news.wait()
            else:
                await news.wait()

    async def _announce(self) -> None:
        parts = self._parts
        addrs = parts.network.addrs_to_announce()
        if not addrs or not parts.network.members(TOPIC):
            return
        try:
            said = encode_announcement(encode_public_key(parts.key.public_key), addrs)
            await parts.network.publish(sign_record(parts.key, parts.seqnos.take(), TOPIC, said))
        except P2pdError:
            log.exception("could not announce our addresses")

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()
