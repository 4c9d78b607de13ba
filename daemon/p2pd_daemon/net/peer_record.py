"""Signed peer records (libp2p RFC 2 and 3): "these are my addresses", which only the peer itself can say.

The signature covers domain, payload type and payload, each behind its length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from libp2p.crypto.keys import PrivateKey
from libp2p.peer.envelope import make_unsigned, seal_record
from libp2p.peer.id import ID
from libp2p.peer.pb.envelope_pb2 import Envelope
from libp2p.peer.pb.peer_record_pb2 import PeerRecord as PeerRecordMessage
from libp2p.peer.peer_record import PeerRecord
from multiaddr import Multiaddr
from multiaddr.protocols import P_P2P

from p2pd_daemon.core.peer_id import PeerId, peer_id_from_bytes, peer_id_from_public_key
from p2pd_daemon.core.public_key import decode_public_key
from p2pd_daemon.errors import RemoteProtocolError

DOMAIN = "libp2p-peer-record"
PAYLOAD_TYPE = b"\x03\x01"
MAX_BYTES = 4096  # of a whole envelope; 16 addresses need about 1 KiB
MAX_ADDRS = 16
MAX_ADDR_BYTES = 256


@dataclass(frozen=True, slots=True)
class AddressRecord:
    """Transport addresses (without /p2p/…) as their peer signed them. `seq` rises with each new record."""

    peer: PeerId
    addrs: tuple[str, ...]
    seq: int


def seal_addresses(private_key: PrivateKey, own: ID, addrs: Sequence[str]) -> bytes:
    """The envelope to hand out. `addrs` may end in /p2p/<own ID>."""
    bare = [Multiaddr(addr).decapsulate_code(P_P2P) for addr in addrs[:MAX_ADDRS]]
    return bytes(seal_record(PeerRecord(own, bare), private_key).marshal_envelope())


def open_addresses(raw: bytes) -> AddressRecord:
    """Checks the signature. RemoteProtocolError when the envelope is no peer record that its peer signed.

    Addresses that cannot be parsed are left out, as the specification asks.
    """
    if len(raw) > MAX_BYTES:
        raise RemoteProtocolError(f"a peer record of {len(raw)} bytes; the limit is {MAX_BYTES}")
    try:
        envelope = Envelope.FromString(raw)
        record = PeerRecordMessage.FromString(envelope.payload)
    except DecodeError:
        raise RemoteProtocolError("not a signed peer record") from None
    if envelope.payload_type != PAYLOAD_TYPE:
        raise RemoteProtocolError("the envelope holds something else than a peer record")
    key = envelope.public_key.SerializeToString(deterministic=True)
    peer = peer_id_from_bytes(record.peer_id)
    if peer != peer_id_from_public_key(key):
        raise RemoteProtocolError("the peer record was signed by another peer")
    unsigned = make_unsigned(DOMAIN, PAYLOAD_TYPE, envelope.payload)
    if not decode_public_key(key).verify(envelope.signature, unsigned):
        raise RemoteProtocolError("the signature of the peer record is wrong")
    addrs = [_addr(one.multiaddr) for one in record.addresses[:MAX_ADDRS]]
    return AddressRecord(peer, tuple(dict.fromkeys(addr for addr in addrs if addr)), record.seq)


def _addr(raw: bytes) -> str:
    if len(raw) > MAX_ADDR_BYTES:
        return ""
    try:
        return str(Multiaddr(raw).decapsulate_code(P_P2P))
    except (
        Exception
    ):  # the library raises a dozen kinds for malformed bytes, some of them KeyError or UnicodeError
        return ""
