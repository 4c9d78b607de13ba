"""Keys and peer IDs beyond the vectors: what is refused, and how."""

from __future__ import annotations

import pytest
from p2pd_daemon.core.keys import (
    KeyType,
    PublicKey,
    SigningKey,
    decode_private_key,
    decode_public_key,
    encode_private_key,
    encode_public_key,
)
from p2pd_daemon.core.peer_id import (
    decode_peer_id,
    peer_id_from_bytes,
    peer_id_from_public_key,
    public_key_of,
    short_peer_id,
)
from p2pd_daemon.core.wire import bytes_field
from p2pd_daemon.errors import BadPeerId, IdentityError, RemoteProtocolError

KEY = SigningKey.from_seed(bytes(31) + b"\x07")


def test_three_forms_of_a_private_key_are_read_and_one_is_written() -> None:
    public = KEY.public_key.raw
    for raw in (KEY.seed, KEY.seed + public, KEY.seed + public + public):
        assert decode_private_key(b"\x08\x01" + bytes_field(2, raw)).peer_id == KEY.peer_id
    assert encode_private_key(KEY) == b"\x08\x01\x12\x40" + KEY.seed + public


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "not a libp2p private key"),
        (b"-----BEGIN PRIVATE KEY-----", "not a libp2p private key"),
        (b"\x08\x01\x12\x20" + bytes(31), "not a libp2p private key"),
        (b"\x08\x01\x12\x20" + bytes(33), "not a libp2p private key"),
        (b"\x08\x09\x12\x20" + bytes(32), "unknown key type 9"),
        (b"\x08\x02\x12\x20" + bytes(32), "SECP256K1; p2pd signs with Ed25519 only"),
        (b"\x08\x00\x12\x20" + bytes(32), "RSA"),
        (b"\x08\x01\x12\x21" + bytes(33), "not 33"),
        (b"\x08\x01\x12\x40" + bytes(64), "damaged"),
        (b"\x08\x01" + bytes_field(2, KEY.seed + KEY.public_key.raw + bytes(32)), "damaged"),
    ],
)
def test_a_bad_private_key_says_why_and_never_shows_itself(raw: bytes, why: str) -> None:
    with pytest.raises(IdentityError, match=why) as caught:
        decode_private_key(raw)
    assert caught.value.hint
    assert KEY.seed.hex() not in caught.value.message


def test_a_signing_key_keeps_its_secret_out_of_its_repr() -> None:
    assert repr(KEY) == f"<SigningKey of {KEY.peer_id}>"
    with pytest.raises(ValueError, match="32 bytes"):
        SigningKey.from_seed(b"short")


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64])
def test_wrong_ed25519_signatures(signature: bytes) -> None:
    assert KEY.public_key.verify(KEY.sign(b"message"), b"message")
    assert not KEY.public_key.verify(signature, b"message")
    assert not KEY.public_key.verify(KEY.sign(b"message"), b"another")


@pytest.mark.parametrize(
    "key",
    [
        PublicKey(KeyType.ED25519, bytes(32)),  # a point of small order
        PublicKey(KeyType.SECP256K1, bytes(33)),
        PublicKey(KeyType.SECP256K1, b"\x02" + b"\xff" * 32),
        PublicKey(KeyType.ECDSA, b"not DER"),
        PublicKey(KeyType.RSA, b"not DER"),
    ],
)
def test_a_key_that_is_none_verifies_nothing(key: PublicKey) -> None:
    assert key.verify(bytes(64), b"message") is False


def test_keys_of_one_type_do_not_pass_for_another() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    small = rsa.generate_private_key(65537, 1024)
    signature = small.sign(b"message", padding.PKCS1v15(), SHA256())
    der = small.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert not PublicKey(KeyType.RSA, der).verify(signature, b"message")  # below 2048 bits
    curve = ec.generate_private_key(ec.SECP256R1())
    signature = curve.sign(b"message", ec.ECDSA(SHA256()))
    der = curve.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert PublicKey(KeyType.ECDSA, der).verify(signature, b"message")
    assert not PublicKey(KeyType.RSA, der).verify(signature, b"message")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x08\x01\x12\x1f" + bytes(31),
        b"\x08\x02\x12\x20" + bytes(32),
        b"\x08\x01\x12\xa0\x00" + bytes(32),
        b"\x12\x20" + bytes(32) + b"\x08\x01",
        b"\x08\x00\x12\x00",
        b"\x08\x04\x12\x01\x00",
        b"\x08\x00" + bytes_field(2, bytes(3000)),
    ],
)
def test_public_keys_that_are_refused(raw: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_public_key(raw)
    with pytest.raises(RemoteProtocolError):
        peer_id_from_bytes(bytes((0, len(raw) % 256)) + raw)


def test_the_key_is_in_the_peer_id() -> None:
    assert public_key_of(KEY.peer_id) == KEY.public_key
    hashed = peer_id_from_public_key(encode_public_key(PublicKey(KeyType.RSA, bytes(294))))
    assert hashed.startswith("Qm")
    assert public_key_of(hashed) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("12D3KooW", "not the multihash"),
        (KEY.peer_id[:-1], "not the multihash"),
        (KEY.peer_id[:-1] + "0", "character '0'"),
        ("ann", "begins like no form"),
        ("/ip4/127.0.0.1/tcp/1", "begins like no form"),
        ("b!!!", "not base32"),
        ("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", "not of a libp2p key"),
        ("k51", "not of a libp2p key"),
        ("1" * 200, "too long"),
        ("Qmé", "character 'é'"),
    ],
)
def test_bad_peer_ids_say_why(text: str, why: str) -> None:
    with pytest.raises(BadPeerId, match=why) as caught:
        decode_peer_id(text)
    assert "p2pd id" in caught.value.hint
    assert len(caught.value.message) < 300


def test_white_space_around_a_pasted_peer_id_is_no_fault() -> None:
    assert decode_peer_id(f" {KEY.peer_id}\n") == KEY.peer_id
    assert short_peer_id(KEY.peer_id) == KEY.peer_id[-6:]
