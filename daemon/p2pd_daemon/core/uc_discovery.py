"""The codec of universal-connectivity's peer discovery: peers publish where they are on a topic. Knows no sockets.

A malformed announcement ends the event loop of the Rust peer, so the encoder takes nothing that its decoder refuses:
a canonical key, and binary multiaddrs that each end in /p2p/ and the ID of that key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from p2pd_daemon.core.pb import uc_pb2
from p2pd_daemon.core.peer_id import PeerId, peer_id_bytes, peer_id_from_public_key
from p2pd_daemon.core.wire import encode_uvarint
from p2pd_daemon.errors import LocalProtocolError, RemoteProtocolError

TOPIC = "universal-connectivity-browser-peer-discovery"
MAX_ANNOUNCEMENT_BYTES = 8192  # a browser with relays announces about twenty addresses of 100 to 150 bytes
MAX_ADDRS = 16  # of an announcement, read or written
_P2P = b"\xa5\x03"  # the multicodec p2p, 421, as a varint (https://github.com/multiformats/multiaddr)


@dataclass(frozen=True, slots=True)
class Announcement:
    """`addrs` are binary multiaddrs that end in /p2p/ and the peer's ID. Nothing but their end was looked at."""

    peer: PeerId
    addrs: tuple[bytes, ...]


def encode_announcement(public_key_pb: bytes, addrs: Sequence[bytes]) -> bytes:
    """LocalProtocolError for one that others would choke on."""
    peer = peer_id_from_public_key(public_key_pb)
    if not 0 < len(addrs) <= MAX_ADDRS:
        raise LocalProtocolError(f"an announcement of {len(addrs)} addresses")
    ending = p2p_ending(peer)
    if any(not addr.endswith(ending) or len(addr) == len(ending) for addr in addrs):
        raise LocalProtocolError("an address to announce that does not end in our peer ID")
    raw = uc_pb2.Peer(publicKey=public_key_pb, addrs=addrs).SerializeToString(deterministic=True)
    if len(raw) > MAX_ANNOUNCEMENT_BYTES:
        raise LocalProtocolError(f"an announcement of {len(raw)} bytes")
    return raw


def decode_announcement(raw: bytes) -> Announcement:
    """Addresses of somebody else, or beyond MAX_ADDRS, are left out. RemoteProtocolError when it is none."""
    if len(raw) > MAX_ANNOUNCEMENT_BYTES:
        raise RemoteProtocolError(f"an announcement of {len(raw)} bytes")
    try:
        message = uc_pb2.Peer.FromString(raw)
    except DecodeError:
        raise RemoteProtocolError("not an announcement") from None
    peer = peer_id_from_public_key(message.publicKey)
    ending = p2p_ending(peer)
    return Announcement(peer, tuple(addr for addr in message.addrs if addr.endswith(ending))[:MAX_ADDRS])


def p2p_ending(peer: PeerId) -> bytes:
    """/p2p/<peer> as the end of a binary multiaddr."""
    raw = peer_id_bytes(peer)
    return _P2P + encode_uvarint(len(raw)) + raw
