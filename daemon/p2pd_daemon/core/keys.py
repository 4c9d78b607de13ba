"""Keys, of peers and our own. Signatures of four key types are verified; we sign with Ed25519 only."""

from __future__ import annotations

import nacl.bindings

from p2pd_daemon.core.peer_id import PeerId, peer_id_from_public_key
from p2pd_daemon.core.public_key import (
    KeyType,
    PublicKey,
    decode_key_fields,
    decode_public_key,
    encode_public_key,
)
from p2pd_daemon.core.wire import bytes_field
from p2pd_daemon.errors import IdentityError, RemoteProtocolError

__all__ = [
    "KeyType",
    "PublicKey",
    "SigningKey",
    "decode_private_key",
    "decode_public_key",
    "encode_private_key",
    "encode_public_key",
]


class SigningKey:
    """An Ed25519 private key. Its repr shows the peer ID only."""

    def __init__(self, seed: bytes) -> None:
        self.seed = seed
        public, self._secret = nacl.bindings.crypto_sign_seed_keypair(seed)
        self.public_key = PublicKey(KeyType.ED25519, public)
        self.peer_id: PeerId = peer_id_from_public_key(encode_public_key(self.public_key))

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """`seed` is 32 random bytes; ValueError for any other length."""
        if len(seed) != 32:
            raise ValueError(f"an Ed25519 seed has 32 bytes, not {len(seed)}")
        return cls(seed)

    @property
    def secret(self) -> bytes:
        """64 bytes: seed and public key, as libsodium takes it."""
        return self._secret

    def sign(self, message: bytes) -> bytes:
        """64 bytes, the same for the same message (RFC 8032)."""
        return nacl.bindings.crypto_sign(message, self._secret)[:64]

    def __repr__(self) -> str:
        return f"<SigningKey of {self.peer_id}>"


def encode_private_key(key: SigningKey) -> bytes:
    """The 64-byte form, seed and public key, which Go and Rust read."""
    return bytes((0x08, KeyType.ED25519)) + bytes_field(2, key.secret)


def decode_private_key(key_pb: bytes) -> SigningKey:
    """Ed25519 as 32 bytes (seed: py-libp2p), 64 (and public: Go, Rust, JS) or 96 (and public again: old Go).

    IdentityError says what is wrong with it, and never shows it.
    """
    hint = "use a key that `p2pd start` or another libp2p program wrote, or let p2pd make a new one"
    try:
        kind, raw = decode_key_fields(key_pb)
    except RemoteProtocolError as error:
        raise IdentityError(f"not a libp2p private key: {error}", hint=hint) from None
    if kind is not KeyType.ED25519:
        raise IdentityError(
            f"the private key is of type {kind.name}; p2pd signs with Ed25519 only", hint=hint
        )
    if len(raw) not in {32, 64, 96}:
        raise IdentityError(f"an Ed25519 private key has 32, 64 or 96 bytes, not {len(raw)}", hint=hint)
    key = SigningKey.from_seed(raw[:32])
    if any(raw[at : at + 32] != key.public_key.raw for at in range(32, len(raw), 32)):
        raise IdentityError("the private key is damaged: its public half does not belong to it", hint=hint)
    return key
