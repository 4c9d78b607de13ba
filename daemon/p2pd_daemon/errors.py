"""Every error a person can meet. Each says what happened and what to do next; only the CLI turns it into text.

`code` is stable and part of the API (`{"error": {"code", "message", "hint"}}`); `exit_code` and `http_status`
follow from it. `LocalProtocolError` means that we have a bug, `RemoteProtocolError` that a peer misbehaved.
"""

from __future__ import annotations

from typing import ClassVar


class P2pdError(Exception):
    """The base of all of them. `message` says what happened, `hint` what to do next."""

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class LocalProtocolError(P2pdError):
    """We were about to break a protocol: a bug of ours."""

    code = "local_protocol"


class RemoteProtocolError(P2pdError):
    """A peer sent what its protocol does not allow. It costs only that peer."""

    code = "remote_protocol"
    exit_code = 5
    http_status = 502


# 2: the request itself is wrong


class UsageError(P2pdError):
    code = "bad_request"
    exit_code = 2
    http_status = 400


class BadRoomName(UsageError):
    code = "bad_room_name"


class BadText(UsageError):
    code = "bad_text"


class BadMultiaddr(UsageError):
    code = "bad_multiaddr"


class BadPeerId(UsageError):
    code = "bad_peer_id"


class BadConfig(UsageError):
    code = "bad_config"


# 4: no such thing


class NoSuchRoom(P2pdError):
    code = "no_such_room"
    exit_code = 4
    http_status = 404


class NoSuchPeer(P2pdError):
    code = "no_such_peer"
    exit_code = 4
    http_status = 404


class NoSuchMessage(P2pdError):
    code = "no_such_message"
    exit_code = 4
    http_status = 404


class AmbiguousPeer(P2pdError):
    code = "ambiguous_peer"
    exit_code = 4
    http_status = 409


class AmbiguousMessage(P2pdError):
    code = "ambiguous_message"
    exit_code = 4
    http_status = 409


# 5: the network


class NetworkError(P2pdError):
    code = "network"
    exit_code = 5
    http_status = 502


class DialFailed(NetworkError):
    code = "dial_failed"


class ConnectionRefused(NetworkError):
    code = "connection_refused"


class ConnectionEnded(NetworkError):
    """The peer answered, and hung up before it said anything."""

    code = "connection_ended"


class DialTimeout(NetworkError):
    code = "dial_timeout"
    http_status = 504


class WrongPeerId(NetworkError):
    code = "wrong_peer_id"


class SelfDial(NetworkError):
    code = "self_dial"
    http_status = 400


class PeerUnreachable(NetworkError):
    """No address of the peer is known, or none answers."""

    code = "peer_unreachable"


class AddressInUse(NetworkError):
    code = "address_in_use"
    http_status = 409


# 6: refused, or over a limit


class Refused(P2pdError):
    code = "refused"
    exit_code = 6
    http_status = 403


class Blocked(Refused):
    code = "blocked"


class NotSpoken(Refused):
    """The peer's program speaks no protocol by which this could be done."""

    code = "not_spoken"


class Unauthorized(Refused):
    code = "unauthorized"
    http_status = 401


class TooLarge(Refused):
    code = "too_large"
    http_status = 413


class OverLimit(Refused):
    code = "over_limit"
    http_status = 429


# 1: this node's own files


class IdentityError(P2pdError):
    code = "identity"


class AlreadyRunning(P2pdError):
    code = "already_running"
    http_status = 409


class StoreError(P2pdError):
    code = "store"


class StoreDamaged(StoreError):
    code = "store_damaged"


class StoreTooNew(StoreError):
    code = "store_too_new"
