"""Records: signed libp2p pubsub Messages, stored and passed on byte-exact.

Format and signature: https://github.com/libp2p/specs/tree/master/pubsub#the-message; what we ask beyond it is
in PROTOCOL.md: one topic, an 8-byte seqno, content, fields in order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from p2pd_daemon.core.clock import MAX_SEQNO
from p2pd_daemon.core.keys import SigningKey, decode_public_key
from p2pd_daemon.core.limits import DEFAULT_LIMITS
from p2pd_daemon.core.pb import record_pb2
from p2pd_daemon.core.peer_id import (
    PeerId,
    peer_id_bytes,
    peer_id_from_bytes,
    peer_id_from_public_key,
    public_key_of,
)
from p2pd_daemon.core.wire import bytes_field, decode_uvarint
from p2pd_daemon.errors import LocalProtocolError, RemoteProtocolError

SIGNING_PREFIX = b"libp2p-pubsub:"
_TAGS = tuple(number << 3 | 2 for number in range(1, 7))
_SIGNATURE_TAG = _TAGS[4]
_MAX_TOPIC_BYTES = 1024  # the longest we make has 263; others' names are bounded so that they stay printable


@dataclass(frozen=True, slots=True)
class Record:
    """One signed message. `raw` are its canonical bytes, `id` (32 bytes) does not cover the signature."""

    author: PeerId
    seqno: int  # 0 to 2**64 - 1; JavaScript peers use the whole range
    topic: str
    data: bytes
    signature: bytes
    key: bytes | None = None  # PublicKey protobuf, where the peer ID does not contain it
    raw: bytes = field(init=False, repr=False, compare=False)
    id: bytes = field(init=False, repr=False, compare=False)
    _signed: int = field(init=False, repr=False, compare=False)  # so many bytes of raw are signed

    def __post_init__(self) -> None:
        signed = _signed_fields(self.author, self.seqno, self.topic, self.data)
        raw = signed + bytes_field(5, self.signature)
        if self.key:
            raw += bytes_field(6, self.key)
        object.__setattr__(self, "raw", raw)
        object.__setattr__(self, "id", hashlib.sha256(SIGNING_PREFIX + signed).digest())
        object.__setattr__(self, "_signed", len(signed))

    @property
    def id_hex(self) -> str:
        return self.id.hex()

    @property
    def signing_bytes(self) -> bytes:
        return SIGNING_PREFIX + self.raw[: self._signed]


def sign_record(key: SigningKey, seqno: int, topic: str, data: bytes) -> Record:
    """A record of ours. LocalProtocolError when seqno, topic or data cannot be in one."""
    if not 0 <= seqno <= MAX_SEQNO or not data:
        raise LocalProtocolError("a record needs a seqno of 8 bytes and content")
    if not _is_topic(topic):
        raise LocalProtocolError(f"a record needs a topic of at most {_MAX_TOPIC_BYTES} bytes")
    signed = _signed_fields(key.peer_id, seqno, topic, data)
    signature = key.sign(SIGNING_PREFIX + signed)
    return _record(
        key.peer_id, seqno, topic, data, signature, None, signed + bytes_field(5, signature), len(signed)
    )


def decode_record(raw: bytes, *, max_bytes: int = DEFAULT_LIMITS.record_bytes) -> Record:
    """RemoteProtocolError unless `raw` is the canonical encoding of a record, of at most `max_bytes` (0 any).

    The signature is not checked here; see `verify_record`.
    """
    if max_bytes and len(raw) > max_bytes:
        raise RemoteProtocolError(f"record of {len(raw)} bytes; the limit is {max_bytes}")
    record = canonical_record(raw)
    if record is None:
        raise RemoteProtocolError(_why_not(raw))
    return record


def canonical_record(raw: bytes) -> Record | None:
    """The record whose canonical encoding `raw` is; else None. Nothing is encoded again to find out."""
    try:
        fields, signed = _fields_in_order(raw)
        from_, data, seqno, topic, signature = fields[:5]
        if (
            len(seqno) != 8
            or not data
            or not fields[-1]
            or not signature
            or not 0 < len(topic) <= _MAX_TOPIC_BYTES
        ):
            return None
        return _record(
            peer_id_from_bytes(from_),
            int.from_bytes(seqno),
            topic.decode(),
            data,
            signature,
            fields[5] if len(fields) == 6 else None,
            raw,
            signed,
        )
    except (RemoteProtocolError, UnicodeDecodeError, ValueError):
        return None


def _fields_in_order(raw: bytes) -> tuple[list[bytes], int]:
    """Fields 1 to 5, and 6 where it is there, and at which byte the signature begins.

    RemoteProtocolError, ValueError: there are others, or not all.
    """
    fields: list[bytes] = []
    at = signed = 0
    end = len(raw)
    try:
        for tag in _TAGS:
            if raw[at] != tag:
                raise ValueError
            size = raw[at + 1]
            start = at + 2
            if size > 0x7F:
                size, start = decode_uvarint(raw, at + 1)
            if tag == _SIGNATURE_TAG:
                signed = at
            at = start + size
            fields.append(raw[start:at])
            if at == end and signed:
                return fields, signed
    except IndexError:
        pass
    raise ValueError


def _record(  # noqa: PLR0917 -- the fields, and what is known of their encoding
    author: PeerId,
    seqno: int,
    topic: str,
    data: bytes,
    signature: bytes,
    key: bytes | None,
    raw: bytes,
    signed: int,
) -> Record:
    """A Record whose encoding is known."""
    record = object.__new__(Record)
    fill = object.__setattr__  # frozen for everybody else
    fill(record, "author", author)
    fill(record, "seqno", seqno)
    fill(record, "topic", topic)
    fill(record, "data", data)
    fill(record, "signature", signature)
    fill(record, "key", key)
    fill(record, "raw", raw)
    fill(record, "id", hashlib.sha256(SIGNING_PREFIX + raw[:signed]).digest())
    fill(record, "_signed", signed)
    return record


def _why_not(raw: bytes) -> str:
    """What is wrong with bytes that are no canonical record."""
    try:
        message = record_pb2.Record.FromString(raw)
        record_from_fields(
            message.author, message.seqno, message.topics, message.content, message.signature, message.key
        )
    except DecodeError:
        return "not a pubsub message"
    except RemoteProtocolError as error:
        return str(error)
    return "record is not encoded canonically"


def record_from_fields(  # noqa: PLR0917 -- the fields of a Message, in their order
    from_: bytes, seqno: bytes, topics: Sequence[str], data: bytes, signature: bytes, key: bytes
) -> Record:
    """From a parsed gossip Message; unset fields are empty. RemoteProtocolError says what is missing."""
    # protobuf gives bytes for text that is not UTF-8, where the schema is libp2p's (proto2).
    topic = topics[0] if len(topics) == 1 and isinstance(topics[0], str) else ""
    if not _is_topic(topic):
        raise RemoteProtocolError(
            f"a record has exactly one topic, of at most {_MAX_TOPIC_BYTES} bytes of UTF-8"
        )
    if len(seqno) != 8:
        raise RemoteProtocolError("a record has an 8-byte seqno")
    if not data:
        raise RemoteProtocolError("a record has content")
    if not signature:
        raise RemoteProtocolError("a record is signed")
    author = peer_id_from_bytes(from_)
    return Record(author, int.from_bytes(seqno), topic, data, signature, key or None)


def verify_record(record: Record) -> None:
    """RemoteProtocolError when the signature is not the author's.

    The author's key is inline in the peer ID, or the `key` field; a `key` that does not make that ID is
    refused even where the ID would suffice.
    """
    key = public_key_of(record.author)
    if record.key is not None:
        if peer_id_from_public_key(record.key) != record.author:
            raise RemoteProtocolError("the key in the record is not its author's")
        key = key or decode_public_key(record.key)
    if key is None:
        raise RemoteProtocolError("the record does not carry its author's key")
    if not key.verify(record.signature, record.signing_bytes):
        raise RemoteProtocolError("the record's signature is not its author's")


def _is_topic(topic: str) -> bool:
    try:
        return 0 < len(topic.encode()) <= _MAX_TOPIC_BYTES
    except UnicodeEncodeError:
        return False


def _signed_fields(author: PeerId, seqno: int, topic: str, data: bytes) -> bytes:
    return (
        bytes_field(1, peer_id_bytes(author))
        + bytes_field(2, data)
        + bytes_field(3, seqno.to_bytes(8))
        + bytes_field(4, topic.encode())
    )
