"""Peer IDs: text above net/, bytes only inside records (https://github.com/libp2p/specs/blob/master/peer-ids).

The text is always base58btc of the multihash; CIDv1 forms are read and turned into it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import lru_cache
from typing import NewType

from p2pd_daemon.core.public_key import PublicKey, decode_public_key, encode_public_key
from p2pd_daemon.errors import BadPeerId, RemoteProtocolError

PeerId = NewType("PeerId", str)

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_SHA256 = b"\x12\x20"  # multihash: function sha2-256, 32 bytes
_LIBP2P_KEY = b"\x01\x72"  # CID version 1, codec libp2p-key
_MAX_INLINE = 42  # bytes of a key that goes into the ID itself, by the specification
_MAX_TEXT = 128  # characters; no form of a peer ID comes near, and base58 decoding is quadratic
_HINT = "a peer ID looks like 12D3KooW… (52 characters); `p2pd id` shows your own"


def decode_peer_id(text: str) -> PeerId:
    """What a person typed: base58 (12D3Koo…, 16Uiu2…, Qm…) or CIDv1 (bafz…, k51…, z…); else BadPeerId."""
    text = text.strip()
    try:
        return peer_id_from_bytes(_multihash_of(text))
    except (RemoteProtocolError, ValueError) as error:
        shown = text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "…"
        raise BadPeerId(f"{shown!r} is not a peer ID: {error}", hint=_HINT) from None


@lru_cache(maxsize=4096)
def peer_id_from_bytes(raw: bytes) -> PeerId:
    """RemoteProtocolError unless `raw` is a SHA-256 multihash, or an identity one that holds a public key."""
    if raw[:2] == _SHA256 and len(raw) == 34:
        return PeerId(_encode_base(_BASE58, raw))
    if len(raw) < 3 or raw[0] != 0 or raw[1] != len(raw) - 2 or raw[1] > _MAX_INLINE:
        raise RemoteProtocolError("not the multihash of a public key")
    if encode_public_key(decode_public_key(raw[2:])) != raw[2:]:
        raise RemoteProtocolError("the public key in the peer ID is not encoded canonically")
    return PeerId(_encode_base(_BASE58, raw))


@lru_cache(maxsize=4096)
def peer_id_bytes(peer: PeerId) -> bytes:
    """The multihash. `peer` came from this module, so it is valid."""
    return _decode_base(_BASE58, peer)


def peer_id_from_public_key(key_pb: bytes) -> PeerId:
    """`key_pb` is an encoded PublicKey protobuf; RemoteProtocolError when it is not one."""
    canonical = encode_public_key(decode_public_key(key_pb))
    if len(canonical) <= _MAX_INLINE:
        return peer_id_from_bytes(bytes((0, len(canonical))) + canonical)
    return peer_id_from_bytes(_SHA256 + hashlib.sha256(canonical).digest())


@lru_cache(maxsize=4096)
def public_key_of(peer: PeerId) -> PublicKey | None:
    """The key that the ID contains (Ed25519, Secp256k1), or None when it is only a hash (RSA, ECDSA)."""
    raw = peer_id_bytes(peer)
    return decode_public_key(raw[2:]) if raw[0] == 0 else None


def short_peer_id(peer: PeerId) -> str:
    """The last 6 characters: they tell two people of one nickname apart; the first ones are all the same."""
    return peer[-6:]


def _multihash_of(text: str) -> bytes:
    if not text or len(text) > _MAX_TEXT:
        raise ValueError("empty" if not text else "too long")
    if text.startswith(("1", "Qm")):
        return _decode_base(_BASE58, text)
    if text[0] == "b":
        padded = text[1:].upper() + "=" * (-len(text[1:]) % 8)
        try:
            cid = base64.b32decode(padded)
        except binascii.Error:
            raise ValueError("not base32") from None
    elif text[0] == "k":
        cid = _decode_base(_BASE36, text[1:])
    elif text[0] == "z":
        cid = _decode_base(_BASE58, text[1:])
    else:
        raise ValueError("it begins like no form of a peer ID")
    if cid[:2] != _LIBP2P_KEY:
        raise ValueError("a CID, but not of a libp2p key")
    return cid[2:]


def _encode_base(alphabet: str, raw: bytes) -> str:
    """Leading zero bytes become leading first letters, as base58btc has it."""
    number, digits = int.from_bytes(raw), []
    while number:
        number, digit = divmod(number, len(alphabet))
        digits.append(alphabet[digit])
    zeros = len(raw) - len(raw.lstrip(b"\0"))
    return alphabet[0] * zeros + "".join(reversed(digits))


def _decode_base(alphabet: str, text: str) -> bytes:
    number = 0
    for letter in text:
        digit = alphabet.find(letter)
        if digit < 0:
            raise ValueError(f"the character {letter!r} does not occur in one")
        number = number * len(alphabet) + digit
    zeros = len(text) - len(text.lstrip(alphabet[0]))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8)
