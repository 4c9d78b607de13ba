"""How a topic's payload becomes an event, and back: in the clear for open rooms, sealed for direct conversations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from p2pd_daemon.core.event import Body, ChatEvent, Sealed, decode_event, encode_event
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.record import Record
from p2pd_daemon.core.seal import DirectBox
from p2pd_daemon.errors import RemoteProtocolError


class Codec(Protocol):
    """One topic's payload format."""

    def encode(self, event: ChatEvent, *, seqno: int) -> bytes:
        """The payload of our own record numbered `seqno` that carries this event."""

    def open(self, record: Record) -> ChatEvent:
        """The event in a record, with a readable body. Raises RemoteProtocolError."""


class OpenCodec:
    """Open rooms: the payload is the event."""

    def __init__(self, text_bytes: int) -> None:
        self._text_bytes = text_bytes

    def encode(self, event: ChatEvent, *, seqno: int) -> bytes:
        return encode_event(event, text_bytes=self._text_bytes)

    def open(self, record: Record) -> ChatEvent:
        return decode_event(record.data, text_bytes=self._text_bytes)


class DirectCodec:
    """Direct conversations: the event's body is sealed to the two of us (`core/seal.py`)."""

    def __init__(self, box: DirectBox, me: PeerId, nonce: Callable[[], bytes]) -> None:
        self._box = box
        self._me = me
        self._nonce = nonce

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
