"""Signatures of the key types we do not sign with ourselves: Secp256k1, ECDSA and RSA, all over SHA-256."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from p2pd_daemon.core.public_key import KeyType, PublicKey

_RSA_BITS = range(2048, 8193)  # as go-libp2p
_Parsed: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def verify_other(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """False for a bad signature, and for a key that is none."""
    parsed = _parse(key)
    try:
        if isinstance(parsed, ec.EllipticCurvePublicKey):
            parsed.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        elif isinstance(parsed, rsa.RSAPublicKey):
            parsed.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return parsed is not None


@lru_cache(maxsize=256)
def _parse(key: PublicKey) -> _Parsed | None:
    """Parsing takes longer than verifying, so the last few keys are remembered."""
    try:
        if key.type is KeyType.SECP256K1:
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), key.raw)
        parsed = load_der_public_key(key.raw)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if key.type is KeyType.ECDSA and isinstance(parsed, ec.EllipticCurvePublicKey):
        return parsed
    if key.type is KeyType.RSA and isinstance(parsed, rsa.RSAPublicKey) and parsed.key_size in _RSA_BITS:
        return parsed
    return None
