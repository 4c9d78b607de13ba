"""How a direct message gets to a peer: by our own protocol where the peer speaks it, else by universal-connectivity's.

Ours carries the sealed record, which the receiver can verify for ever. Universal-connectivity's carries the bare text:
it is encrypted by the connection alone, and nothing but the connection says from whom it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import Enum

from p2pd_daemon.core.event import Action, Body, Text
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.push import PROTOCOL_ID as PUSH
from p2pd_daemon.core.push import Ack, AckStatus
from p2pd_daemon.core.stream_chat import PROTOCOL_ID as CHAT
from p2pd_daemon.core.uc_direct import OK, DirectRequest
from p2pd_daemon.core.uc_direct import PROTOCOL_ID as UC_DIRECT
from p2pd_daemon.errors import NetworkError, NotSpoken, Refused
from p2pd_daemon.net.direct import PushBroken
from p2pd_daemon.net.uc_direct import Unanswered
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.store.rows import MESSAGE_KINDS, MessageRow
from p2pd_daemon.version import __version__

UC = "universal-connectivity"
CLIENT = f"p2pd/{__version__}"
TRIES = (
    3  # of a message that was handed over and not answered: each may have arrived, and they have no ids there
)
ONLY_TEXTS = "the peer's program takes nothing but texts"
PLUMBING = ("/ipfs/", "/libp2p/", "/meshsub/", "/floodsub/", "/rendezvous/")  # what everybody speaks
SHOWN = 8  # protocols in an error


class Way(Enum):
    OURS = "p2pd"
    UC = UC


class Ways:
    """Chooses by what the peer lists (identify), each time anew: programs are exchanged."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._unanswered: Counter[bytes] = Counter()

    async def check(self, peer: PeerId, body: Body) -> Way | None:
        """Before something is said: the way to a connected peer, None to one that is away.

        Raises NotSpoken when there is none, Refused for what the way cannot carry.
        """
        if not self._parts.network.is_connected(peer):
            return None
        way = await self._choose(peer)
        if way is Way.UC and not isinstance(body, (Text, Action)):
            raise Refused(
                f"{self._parts.people.name_of(peer)} uses {self._program(peer)}, which takes nothing but texts",
                hint="Say it in words: p2pd msg.",
            )
        return way

    async def hand_over(self, peer: PeerId, pending: Sequence[tuple[bytes, bytes]]) -> list[Ack]:
        """Delivers (id, record) in order; one ack for each, or fewer when the others have to be tried again.

        Raises NetworkError, NotSpoken.
        """
        if await self._choose(peer) is Way.OURS:
            return await self._parts.network.push(peer, [raw for _, raw in pending])
        acks: list[Ack] = []
        for record_id, _ in pending:
            try:
                acks.append(await self._carry(peer, await self._parts.store.message(record_id)))
            except NetworkError as error:
                raise PushBroken(error.message, hint=error.hint, acks=acks) from error
        return acks

    async def _choose(self, peer: PeerId) -> Way:
        spoken = await self._parts.network.protocols(peer)
        if PUSH in spoken or not spoken:  # who does not say is asked for ours
            return Way.OURS
        if UC_DIRECT in spoken:
            return Way.UC
        theirs = [one for one in spoken if not one.startswith(PLUMBING)][:SHOWN]
        raise NotSpoken(
            f"{self._parts.people.name_of(peer)} takes no direct messages: {self._program(peer)} speaks"
            f" {', '.join(theirs) or 'nothing but libp2p itself'}",
            hint=f"It talks line by line: p2pd chat --stream {peer}"
            if CHAT in spoken
            else "Meet them in a room that both of you are in.",
        )

    async def _carry(self, peer: PeerId, row: MessageRow) -> Ack:
        """One message by universal-connectivity's protocol."""
        if row.kind not in MESSAGE_KINDS:
            return Ack(row.id, AckStatus.INVALID, ONLY_TEXTS)
        text = f"* {row.text}" if row.kind == "action" else row.text
        try:
            answer = await self._parts.network.send_direct(peer, DirectRequest(text, row.ts_ms, CLIENT))
        except Unanswered as error:
            self._unanswered[row.id] += 1
            if self._unanswered[row.id] < TRIES:
                raise
            del self._unanswered[row.id]
            return Ack(row.id, AckStatus.INVALID, f"it may have arrived: {error.message}")
        self._unanswered.pop(row.id, None)
        if answer.status != OK:
            said = f": {answer.reason}" if answer.reason else ""
            return Ack(row.id, AckStatus.INVALID, f"the peer's program refused it{said}")
        await self._parts.store.note_carried([row.id], UC)
        return Ack(row.id, AckStatus.STORED)

    def _program(self, peer: PeerId) -> str:
        return self._parts.network.agent(peer) or "its program"
