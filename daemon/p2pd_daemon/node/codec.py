"""How a topic's payload becomes an event, and back: in the clear for open rooms, sealed for direct conversations, in
somebody else's format for rooms of another wire.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from p2pd_daemon.core.bodies import NamedText
from p2pd_daemon.core.event import Body, ChatEvent, Sealed, Text, decode_event, encode_event, kind_of
from p2pd_daemon.core.payload import read_payload, write_payload
from p2pd_daemon.core.peer_id import PeerId, short_peer_id
from p2pd_daemon.core.record import Record
from p2pd_daemon.core.room import Wire
from p2pd_daemon.core.seal import DirectBox
from p2pd_daemon.errors import Refused, RemoteProtocolError


class Codec(Protocol):
    """One topic's payload format."""

    dated: bool
    """Records carry their time and name those before them. Else they are ordered as they arrive."""

    def check(self, body: Body) -> None:
        """Raises Refused for what cannot be said in this format."""

    def encode(self, event: ChatEvent, *, seqno: int) -> bytes:
        """The payload of our own record numbered `seqno` that carries this event."""

    def open(self, record: Record) -> ChatEvent:
        """The event in a record, with a readable body. Raises RemoteProtocolError."""


class OpenCodec:
    """Open rooms: the payload is the event."""

    dated = True

    def __init__(self, text_bytes: int) -> None:
        self._text_bytes = text_bytes

    def check(self, body: Body) -> None:
        pass

    def encode(self, event: ChatEvent, *, seqno: int) -> bytes:
        return encode_event(event, text_bytes=self._text_bytes)

    def open(self, record: Record) -> ChatEvent:
        return decode_event(record.data, text_bytes=self._text_bytes)


class WireCodec:
    """Rooms of somebody else's format: texts and nothing else. `my_nick` is what we call ourselves at present."""

    dated = False

    def __init__(self, wire: Wire, me: PeerId, my_nick: Callable[[], str], text_bytes: int) -> None:
        self._wire = wire
        self._me = me
        self._my_nick = my_nick
        self._text_bytes = text_bytes

    def check(self, body: Body) -> None:
        kind = "reply" if isinstance(body, Text) and body.reply_to is not None else kind_of(body)
        if kind == "text":
            return
        raise Refused(
            f"a room of the {self._wire} wire cannot carry a message of the kind {kind}",
            hint="Its messages are texts for other people's programs, which know nothing else. Send a text.",
        )

    def encode(self, event: ChatEvent, *, seqno: int) -> bytes:
        body = event.body
        if self._wire is Wire.CHAT_ROOM and isinstance(body, Text):
            body = NamedText(body.text, None, self._my_nick() or short_peer_id(self._me), self._me)
        return write_payload(body, self._wire, text_bytes=self._text_bytes)

    def open(self, record: Record) -> ChatEvent:
        return read_payload(record.data, self._wire, text_bytes=self._text_bytes)


class DirectCodec:
    """Direct conversations: the event's body is sealed to the two of us (`core/seal.py`)."""

    dated = True

    def __init__(self, box: DirectBox, me: PeerId, nonce: Callable[[], bytes]) -> None:
        self._box = box
        self._me = me
        self._nonce = nonce

    def check(self, body: Body) -> None:
        pass

    def encode(self, event: ChatEvent, *, seqno: int) -> bytes:
        body: Body = self._box.seal(
            event.body, sender=self._me, seqno=seqno, ts_ms=event.ts_ms, nonce=self._nonce()
        )
        return encode_event(ChatEvent(ts_ms=event.ts_ms, parents=event.parents, body=body))

    def open(self, record: Record) -> ChatEvent:
        event = decode_event(record.data)
        if not isinstance(event.body, Sealed):
            raise RemoteProtocolError("a record in a direct conversation is not sealed")
        body = self._box.open(event.body, sender=record.author, seqno=record.seqno, ts_ms=event.ts_ms)
        return ChatEvent(ts_ms=event.ts_ms, parents=event.parents, body=body)


def room_codec(wire: Wire, me: PeerId, my_nick: Callable[[], str], text_bytes: int) -> Codec:
    return OpenCodec(text_bytes) if wire is Wire.P2PD else WireCodec(wire, me, my_nick, text_bytes)
