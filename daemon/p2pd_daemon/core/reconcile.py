"""Who has what: the Negentropy protocol, version 1, as two objects that take messages and give messages.

Range-based set reconciliation (https://logperiodic.com/rbsr.html, hoytech/negentropy). The client learns which ids
only it has and which only the server has; the server keeps nothing between messages. Neither knows streams or time:

    client.initiate() → server.answer(…) → client.handle(…) → server.answer(…) → … until there is no reply

Both read the tree as it is at each message. Records that arrive meanwhile do no harm: they are reported, or not.
A hostile peer costs one pass over its message, O(log n) for each range in it, one frame of answer, and for a whole
session `max_ids` comparisons. That holds with a frame limit; how large its messages are is the reader's to limit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from enum import Enum, auto
from itertools import islice
from typing import NamedTuple

from p2pd_daemon.core.reconcile_keys import ID_BYTES, MAX_TIMESTAMP, shortest_bound
from p2pd_daemon.core.reconcile_storage import KeyTree, Position
from p2pd_daemon.core.reconcile_wire import (
    INFINITY,
    VERSION,
    VERSIONS,
    Fingerprint,
    IdList,
    Mark,
    MessageWriter,
    Range,
    Skip,
    decode_message,
    fingerprint,
)
from p2pd_daemon.errors import LocalProtocolError, RemoteProtocolError

FRAME_LIMIT = 65_536  # bytes of one message of ours
MIN_FRAME_LIMIT = 4_096  # Negentropy's: a message must be able to make progress
MAX_ROUNDS = 64  # messages of the client in one session
MAX_IDS = 131_072  # ids of ours that one session compares: as many as 64 frames of 64 KiB can list

_BUCKETS = 16  # parts of a range whose fingerprints differ; a range of less than two records a part is listed
# A message above the limit less this takes no further range. What may still come is a Skip (at most 44 bytes), the
# head of an IdList (46), one id (32) and the closing Fingerprint (28). The same number as in the reference
# implementations, so that messages are cut at the same place.
_FRAME_RESERVE = 200


class Found(NamedTuple):
    """What one message of the server told the client. A session reports nothing twice."""

    have: list[bytes]  # ids that only we have
    need: list[bytes]  # ids that only the server has
    reply: bytes | None  # the next message for the server; None: the session is over


class ClientState(Enum):
    NEW = auto()
    WAITING = auto()  # for the server's message
    COMPLETE = auto()  # every difference was reported
    CUT = auto()  # a limit ended the session: what was reported is right, and another session finds the rest


class _Side(ABC):
    """What client and server have in common: how to answer the ranges of a message."""

    def __init__(self, keys: KeyTree, *, frame_limit: int, floor_ts: int, max_rounds: int) -> None:
        if frame_limit and frame_limit < MIN_FRAME_LIMIT:
            raise LocalProtocolError(f"a frame limit of {frame_limit} bytes is below {MIN_FRAME_LIMIT}")
        if not 0 <= floor_ts <= MAX_TIMESTAMP:
            raise LocalProtocolError(f"the floor {floor_ts} is no timestamp")
        self._keys = keys
        self._frame_room = frame_limit - _FRAME_RESERVE if frame_limit else None
        self._floor = floor_ts.to_bytes(8)
        self._max_rounds = max_rounds
        self.rounds = 0  # messages of the client so far

    @abstractmethod
    def _settle_ids(self, theirs: IdList, lower: Position, upper: Position) -> bool:
        """Takes note of the peer's ids in a range; False when it wants ours in return."""

    def _start(self) -> Position:
        """Before the first record that takes part."""
        return self._keys.seek(self._floor)

    def _reply_to(self, ranges: list[Range]) -> bytes:
        """Our message about these ranges: only the version byte when none of them needs an answer."""
        out = MessageWriter()
        written = lower = self._start()  # our message covers what is before `written`
        quiet: bytes | None = None  # the bound up to which the ranges after that need no answer
        for theirs in ranges:
            upper = max(lower, self._keys.seek(theirs.upper))
            if self._is_settled(theirs, lower, upper):
                quiet, lower = theirs.upper, upper
                continue
            mark = out.mark()
            if quiet is not None:
                out.skip(quiet)
                quiet = None
            if isinstance(theirs, Fingerprint):
                self._split(lower, upper, theirs.upper, out)
            else:
                upper = self._list_ids(lower, upper, theirs.upper, out, mark)
            if self._frame_room is not None and len(out) > self._frame_room:
                if isinstance(theirs, Fingerprint):
                    out.rollback(mark)
                    upper = written
                # The rest as one range. It differs, so the peer will take it up again.
                out.fingerprint(INFINITY, fingerprint(upper, self._keys.end))
                break
            written = lower = upper
        return out.message()

    def _is_settled(self, theirs: Range, lower: Position, upper: Position) -> bool:
        if isinstance(theirs, Skip):
            return True
        if isinstance(theirs, Fingerprint):
            return theirs.digest == fingerprint(lower, upper)
        return self._settle_ids(theirs, lower, upper)

    def _split(self, lower: Position, upper: Position, bound: bytes, out: MessageWriter) -> None:
        """Writes the range up to `bound` as fingerprints of its parts, or as the list of its few ids."""
        count = upper.before - lower.before
        if count < 2 * _BUCKETS:
            out.id_list(bound, b"".join(self._keys.ids(lower.before, upper.before)))
            return
        size, larger = divmod(count, _BUCKETS)
        for part in range(_BUCKETS - 1):
            middle, left, right = self._keys.between(lower.before + size + (part < larger))
            out.fingerprint(shortest_bound(left, right), fingerprint(lower, middle))
            lower = middle
        out.fingerprint(bound, fingerprint(lower, upper))

    def _list_ids(
        self, lower: Position, upper: Position, bound: bytes, out: MessageWriter, mark: Mark
    ) -> Position:
        """Writes our ids up to `bound`, or as many as the message has room for; gives where they end."""
        count = upper.before - lower.before
        if self._frame_room is not None:
            fitting = (self._frame_room - mark.size) // ID_BYTES + 1
            if fitting < count:
                count = fitting
                bound = self._keys.key(lower.before + count)
                upper = self._keys.at(lower.before + count)
        out.id_list(bound, b"".join(self._keys.ids(lower.before, lower.before + count)))
        return upper


class ReconcileServer(_Side):
    """Answers a client. `floor_ts`: records below it take no part; it must be the client's as well."""

    def __init__(
        self,
        keys: KeyTree,
        *,
        frame_limit: int = FRAME_LIMIT,
        floor_ts: int = 0,
        max_rounds: int = MAX_ROUNDS,
    ) -> None:
        super().__init__(keys, frame_limit=frame_limit, floor_ts=floor_ts, max_rounds=max_rounds)

    def answer(self, message: bytes) -> bytes:
        """The answer to a client's message; to another version of the protocol, the byte of ours.

        RemoteProtocolError: no message of this protocol, or more of them than `max_rounds`.
        """
        self.rounds += 1
        if self.rounds > self._max_rounds:
            raise RemoteProtocolError(f"reconciliation: more than {self._max_rounds} rounds")
        if _version_of(message) != VERSION:
            return bytes((VERSION,))
        return self._reply_to(decode_message(message))

    def _settle_ids(self, theirs: IdList, lower: Position, upper: Position) -> bool:
        return False


class ReconcileClient(_Side):
    """Opens a session and learns the differences. Good for one session.

    `max_ids` bounds the comparisons, and so time and memory, when the server claims to have little or nothing.
    """

    def __init__(
        self,
        keys: KeyTree,
        *,
        frame_limit: int = FRAME_LIMIT,
        floor_ts: int = 0,
        max_rounds: int = MAX_ROUNDS,
        max_ids: int = MAX_IDS,
    ) -> None:
        super().__init__(keys, frame_limit=frame_limit, floor_ts=floor_ts, max_rounds=max_rounds)
        self.state = ClientState.NEW
        self._ids_left = max_ids
        self._reported: set[bytes] = set()
        self._have: list[bytes] = []
        self._need: list[bytes] = []

    def initiate(self, *, whole: bool = False) -> bytes:
        """The first message: all our records as one range, split; or as one fingerprint of the `whole`, which costs
        equal sides some thirty bytes instead of up to a kilobyte, and others a round more.
        """
        if self.state is not ClientState.NEW:
            raise LocalProtocolError("the reconciliation was started before")
        self.state = ClientState.WAITING
        self.rounds = 1
        out = MessageWriter()
        if whole:
            out.fingerprint(INFINITY, fingerprint(self._start(), self._keys.end))
        else:
            self._split(self._start(), self._keys.end, INFINITY, out)
        return out.message()

    def handle(self, message: bytes) -> Found:
        """What the server's message tells. RemoteProtocolError: it is none, or of a version that we do not speak."""
        if self.state is not ClientState.WAITING:
            raise LocalProtocolError(f"the reconciliation awaits no message: {self.state.name}")
        if (version := _version_of(message)) != VERSION:
            raise RemoteProtocolError(
                f"reconciliation: the peer speaks version {version:#x}, we speak {VERSION:#x}"
            )
        self._have, self._need = [], []
        reply = self._reply_to(decode_message(message))
        if self._ids_left < 0:
            self.state = ClientState.CUT
        elif len(reply) == 1:
            self.state = ClientState.COMPLETE
        elif self.rounds == self._max_rounds:
            self.state = ClientState.CUT
        else:
            self.rounds += 1
            return Found(self._have, self._need, reply)
        return Found(self._have, self._need, None)

    def _settle_ids(self, theirs: IdList, lower: Position, upper: Position) -> bool:
        """Compares. Where `max_ids` does not allow to look at all of ours, what the server has stays open."""
        count = upper.before - lower.before
        looked = max(min(count, self._ids_left), 0)
        self._ids_left -= count
        only_theirs = dict.fromkeys(
            theirs.ids[at : at + ID_BYTES] for at in range(0, len(theirs.ids), ID_BYTES)
        )
        only_ours = []
        for id_ in islice(self._keys.ids(lower.before, upper.before), looked):
            if id_ in only_theirs:
                del only_theirs[id_]
            else:
                only_ours.append(id_)
        self._report(only_ours, self._have)
        if looked == count:
            self._report(only_theirs, self._need)
        return True

    def _report(self, ids: Iterable[bytes], to: list[bytes]) -> None:
        """Each id once in a session: a range that did not fit into a message comes again."""
        for id_ in ids:
            if id_ not in self._reported:
                self._reported.add(id_)
                to.append(id_)


def _version_of(message: bytes) -> int:
    if not message or message[0] not in VERSIONS:
        raise RemoteProtocolError("reconciliation: the message has no version of the protocol")
    return message[0]
