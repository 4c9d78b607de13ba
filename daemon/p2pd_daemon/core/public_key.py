"""Public keys of peers, in libp2p's protobuf (https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md#keys).

Signatures of Ed25519, Secp256k1, ECDSA and RSA keys are verified.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import nacl.bindings
import nacl.exceptions

from p2pd_daemon.core.wire import bytes_field, decode_uvarint
from p2pd_daemon.errors import RemoteProtocolError

_MAX_KEY_BYTES = 2048  # an 8192-bit RSA key takes 1,062
_RSA_BITS = range(2048, 8193)  # as go-libp2p


class KeyType(IntEnum):
    RSA = 0
    ED25519 = 1
    SECP256K1 = 2
    ECDSA = 3


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`raw` is the protobuf's Data: 32 bytes (Ed25519), 33 (Secp256k1, compressed), else DER SubjectPublicKeyInfo."""

    type: KeyType
    raw: bytes

    def verify(self, signature: bytes, message: bytes) -> bool:
        """False for a bad signature, and for a key that is none."""
        if self.type is KeyType.ED25519:
            return _verify_ed25519(self.raw, signature, message)
        check = _verifier(self)
        return check is not None and check(signature, message)


def encode_public_key(key: PublicKey) -> bytes:
    return bytes((0x08, key.type)) + bytes_field(2, key.raw)


def decode_public_key(key_pb: bytes) -> PublicKey:
    """RemoteProtocolError unless it is a canonical PublicKey protobuf of a type and size we know."""
    kind, raw = decode_key_fields(key_pb)
    sizes = {KeyType.ED25519: 32, KeyType.SECP256K1: 33}
    if not raw or len(raw) != sizes.get(kind, len(raw)):
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
    if key_pb[1] not in set(KeyType):
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


@lru_cache(maxsize=256)
def _verifier(key: PublicKey) -> Callable[[bytes, bytes], bool] | None:
    """(signature, message) → bool for the types that need parsing, or None when the key is none.

    `cryptography` is imported only here: our own keys never need it, and its import takes longer than `p2pd id`.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        if key.type is KeyType.SECP256K1:
            parsed: object = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), key.raw)
        else:
            parsed = load_der_public_key(key.raw)
    except (ValueError, UnsupportedAlgorithm):
        return None

    def check(signature: bytes, message: bytes) -> bool:
        try:
            if isinstance(parsed, ec.EllipticCurvePublicKey):
                parsed.verify(signature, message, ec.ECDSA(hashes.SHA256()))
            elif isinstance(parsed, rsa.RSAPublicKey):
                parsed.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    is_rsa = isinstance(parsed, rsa.RSAPublicKey) and parsed.key_size in _RSA_BITS
    is_curve = isinstance(parsed, ec.EllipticCurvePublicKey)
    return check if (is_rsa if key.type is KeyType.RSA else is_curve) else None
