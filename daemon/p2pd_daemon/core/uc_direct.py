"""The codec of universal-connectivity's direct messages, /universal-connectivity/dm/1.0.0. Knows no sockets.

One stream carries one request and one response, each in a frame as in `core/push.py`. Peers there drop a message
without metadata, so ours always have it; theirs are taken without.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from p2pd_daemon.core.clock import MAX_TS_MS
from p2pd_daemon.core.pb import uc_pb2
from p2pd_daemon.core.peer_id import PeerId, peer_id_bytes
from p2pd_daemon.core.wire import bytes_field
from p2pd_daemon.errors import LocalProtocolError, RemoteProtocolError

PROTOCOL_ID = "/universal-connectivity/dm/1.0.0"
TEXT = "text/plain"
MAX_REQUEST_BYTES = 65_536  # of a frame: what gossip carries there; a text that we take has an eighth of it
MAX_RESPONSE_BYTES = 16_384
MAX_REASON_CHARS = 256

OK = 200
ERROR = 500


@dataclass(frozen=True, slots=True)
class DirectRequest:
    """`ts_ms` is 0 when the sender did not say when."""

    text: str
    ts_ms: int
    client: str = ""
    type: str = TEXT


@dataclass(frozen=True, slots=True)
class DirectResponse:
    """`status` is OK, ERROR or what else a peer sent; `reason` is a peer's text: sanitise it before showing."""

    status: int
    reason: str = ""
    ts_ms: int = 0
    client: str = ""


def encode_request(request: DirectRequest) -> bytes:
    """Without the length prefix. LocalProtocolError for what peers would drop."""
    if not request.text or not request.type:
        raise LocalProtocolError("a direct message without text or type")
    metadata = _metadata(request.client, request.ts_ms)
    return _serialised(
        uc_pb2.DirectMessageRequest(metadata=metadata, content=request.text, type=request.type)
    )


def decode_request(raw: bytes) -> DirectRequest:
    """RemoteProtocolError when it is none. Its text may be empty, and its type anything."""
    try:
        message = uc_pb2.DirectMessageRequest.FromString(raw)
    except DecodeError:
        raise RemoteProtocolError("not a direct message") from None
    metadata = message.metadata
    return DirectRequest(
        message.content, _known(metadata.timestamp), metadata.clientVersion, message.type or TEXT
    )


def encode_response(response: DirectResponse) -> bytes:
    """Without the length prefix. A reason that is too long is cut."""
    if response.status not in (OK, ERROR):
        raise LocalProtocolError(f"a response of status {response.status}")
    reason = response.reason.encode(errors="replace").decode()[:MAX_REASON_CHARS]
    return _serialised(
        uc_pb2.DirectMessageResponse(
            metadata=_metadata(response.client, response.ts_ms),
            status=uc_pb2.OK if response.status == OK else uc_pb2.ERROR,
            statusText=reason or None,
        )
    )


def decode_response(raw: bytes) -> DirectResponse:
    """RemoteProtocolError when it is none."""
    try:
        message = uc_pb2.DirectMessageResponse.FromString(raw)
    except DecodeError:
        raise RemoteProtocolError("not the answer to a direct message") from None
    metadata = message.metadata
    return DirectResponse(
        int(message.status),
        message.statusText[:MAX_REASON_CHARS],
        _known(metadata.timestamp),
        metadata.clientVersion,
    )


def direct_message_id(author: PeerId, request: DirectRequest) -> bytes:
    """32 bytes by which a message that is sent again is known: it has no id of its own."""
    hashed = hashlib.sha256(b"p2pd/1/uc-dm/" + bytes_field(1, peer_id_bytes(author)))
    hashed.update(request.ts_ms.to_bytes(8) + request.text.encode())
    return hashed.digest()


def _metadata(client: str, ts_ms: int) -> uc_pb2.Metadata:
    if not client or not 0 < ts_ms <= MAX_TS_MS:
        raise LocalProtocolError("metadata without a version or a time")
    return uc_pb2.Metadata(clientVersion=client, timestamp=ts_ms)


def _serialised(message: uc_pb2.DirectMessageRequest | uc_pb2.DirectMessageResponse) -> bytes:
    return message.SerializeToString(deterministic=True)


def _known(ts_ms: int) -> int:
    """0 for a time that no clock shows."""
    return ts_ms if 0 < ts_ms <= MAX_TS_MS else 0
