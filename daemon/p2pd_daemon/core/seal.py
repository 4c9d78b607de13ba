"""Direct conversations: a topic and a key that only two peers can compute, and the box of their messages.

X25519 of both identity keys (converted from Ed25519) → HKDF-SHA256 (RFC 5869) → topic tag and key;
XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) over the body. The key lasts as long as the two identities: there
is no forward secrecy within an epoch, and who takes one identity key can read that peer's conversations.
"""

from __future__ import annotations

import hashlib
import hmac

import nacl.bindings
import nacl.exceptions

from p2pd_daemon.core.bodies import NONCE_BYTES
from p2pd_daemon.core.event import Body, Sealed, decode_body, encode_body
from p2pd_daemon.core.keys import KeyType, SigningKey
from p2pd_daemon.core.limits import DEFAULT_LIMITS
from p2pd_daemon.core.peer_id import PeerId, peer_id_bytes, public_key_of
from p2pd_daemon.core.room import DIRECT_PREFIX, base32_text
from p2pd_daemon.errors import BadPeerId, LocalProtocolError, RemoteProtocolError

_SALT = b"p2pd/1/direct"
_EPOCH = 0  # of every key so far


class DirectBox:
    """One conversation, the same object on both sides. `topic` tells a third party nothing about the two."""

    def __init__(
        self, secret: bytes, one: PeerId, other: PeerId, text_bytes: int = DEFAULT_LIMITS.text_bytes
    ) -> None:
        self._text_bytes = text_bytes
        first, second = sorted((peer_id_bytes(one), peer_id_bytes(other)))
        both = _prefixed(first) + _prefixed(second)
        extracted = hmac.digest(_SALT, secret, "sha256")
        self.topic = DIRECT_PREFIX + base32_text(_expand(extracted, b"topic" + both))
        self._key = _expand(extracted, b"key" + _EPOCH.to_bytes(8) + both)

    def seal(self, body: Body, *, sender: PeerId, seqno: int, ts_ms: int, nonce: bytes) -> Sealed:
        """`nonce` is 24 random bytes, never used twice."""
        if len(nonce) != NONCE_BYTES or isinstance(body, Sealed):
            raise LocalProtocolError("a box takes a nonce of 24 bytes and a body that is not sealed")
        bound = self._bound(sender, seqno, ts_ms)
        box = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
            encode_body(body, text_bytes=self._text_bytes), bound, nonce, self._key
        )
        return Sealed(nonce, box, _EPOCH)

    def open(self, sealed: Sealed, *, sender: PeerId, seqno: int, ts_ms: int) -> Body:
        """RemoteProtocolError unless one of the two sealed exactly this for this sender, seqno and ts."""
        if sealed.epoch != _EPOCH:
            raise RemoteProtocolError(f"sealed with the key of epoch {sealed.epoch}, which does not exist")
        bound = self._bound(sender, seqno, ts_ms)
        try:
            opened = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
                sealed.box, bound, sealed.nonce, self._key
            )
        except (nacl.exceptions.CryptoError, nacl.exceptions.ValueError):
            raise RemoteProtocolError("the sealed body does not open") from None
        body = decode_body(opened, text_bytes=self._text_bytes)
        if isinstance(body, Sealed):
            raise RemoteProtocolError("a sealed body inside a sealed body")
        return body

    def _bound(self, sender: PeerId, seqno: int, ts_ms: int) -> bytes:
        """What the box is authenticated together with, so that it cannot be moved into another record."""
        return b"".join(
            (_prefixed(_SALT), _prefixed(peer_id_bytes(sender)), seqno.to_bytes(8), ts_ms.to_bytes(8))
        ) + _prefixed(self.topic.encode())


def direct_box(my: SigningKey, peer: PeerId, *, text_bytes: int = DEFAULT_LIMITS.text_bytes) -> DirectBox:
    """BadPeerId when the peer's key is not an Ed25519 key inside its ID, or is a weak one."""
    key = public_key_of(peer)
    if key is None or key.type is not KeyType.ED25519:
        hint = "direct messages need a peer ID that begins with 12D3KooW"
        raise BadPeerId(f"the peer ID {peer} does not contain an Ed25519 key", hint=hint)
    try:
        theirs = nacl.bindings.crypto_sign_ed25519_pk_to_curve25519(key.raw)
        mine = nacl.bindings.crypto_sign_ed25519_sk_to_curve25519(my.secret)
        # Refuses the all-zero result that a point of small order gives (RFC 7748, section 6.1).
        secret = nacl.bindings.crypto_scalarmult(mine, theirs)
    except (nacl.exceptions.CryptoError, nacl.exceptions.RuntimeError):
        raise BadPeerId(
            f"the key in the peer ID {peer} is not a valid one", hint="check the peer ID"
        ) from None
    return DirectBox(secret, my.peer_id, peer, text_bytes)


def _expand(extracted: bytes, info: bytes) -> bytes:
    """HKDF-Expand to 32 bytes: one block."""
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)


def _prefixed(part: bytes) -> bytes:
    return len(part).to_bytes(2) + part
