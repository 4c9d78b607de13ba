"""Public keys of peers, in libp2p's protobuf (https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md#keys).

Signatures of Ed25519, Secp256k1, ECDSA and RSA keys are verified.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import nacl.bindings
import nacl.exceptions

from p2pd_daemon.core.wire import bytes_field, decode_uvarint
from p2pd_daemon.errors import RemoteProtocolError

_MAX_KEY_BYTES = 2048  # an 8192-bit RSA key takes 1,062


class KeyType(IntEnum):
    RSA = 0
    ED25519 = 1
    SECP256K1 = 2
    ECDSA = 3


_KEY_TYPES = frozenset(kind.value for kind in KeyType)
_SIZES = {KeyType.ED25519: 32, KeyType.SECP256K1: 33}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`raw` is the protobuf's Data: 32 bytes (Ed25519), 33 (Secp256k1, compressed), else DER."""

    type: KeyType
    raw: bytes

    def verify(self, signature: bytes, message: bytes) -> bool:
        """False for a bad signature, and for a key that is none."""
        if self.type is KeyType.ED25519:
            return _verify_ed25519(self.raw, signature, message)
        # Imported only where needed: our own keys do without, and it takes longer than all of `p2pd id`.
        from p2pd_daemon.core.other_keys import verify_other  # noqa: PLC0415

        return verify_other(self, signature, message)


def encode_public_key(key: PublicKey) -> bytes:
    return bytes((0x08, key.type)) + bytes_field(2, key.raw)


def decode_public_key(key_pb: bytes) -> PublicKey:
    """RemoteProtocolError unless it is a canonical PublicKey protobuf of a type and size we know."""
    kind, raw = decode_key_fields(key_pb)
    if not raw or len(raw) != _SIZES.get(kind, len(raw)):
        raise RemoteProtocolError(f"a public key of type {kind.name} does not have {len(raw)} bytes")
    return PublicKey(kind, raw)


def decode_key_fields(key_pb: bytes) -> tuple[KeyType, bytes]:
    """`{ Type = 1 varint; Data = 2 bytes }` in exactly this form: the specification asks for one encoding.

    The same for public and private keys.
    """
    if len(key_pb) > _MAX_KEY_BYTES:
        raise RemoteProtocolError("key too large")
    if len(key_pb) < 4 or key_pb[0] != 0x08 or key_pb[2] != 0x12:
        raise RemoteProtocolError("not a key protobuf")
    if key_pb[1] not in _KEY_TYPES:
        raise RemoteProtocolError(f"unknown key type {key_pb[1]}")
    size, start = decode_uvarint(key_pb, 3)
    if start + size != len(key_pb):
        raise RemoteProtocolError("key protobuf of the wrong length")
    return KeyType(key_pb[1]), key_pb[start:]


def _verify_ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    if len(signature) != 64:
        return False
    try:
        nacl.bindings.crypto_sign_open(signature + message, public)
    except nacl.exceptions.BadSignatureError:
        return False
    return True
