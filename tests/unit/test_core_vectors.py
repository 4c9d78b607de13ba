"""The vectors of PROTOCOL.md, checked against our code and, where it can be, against other people's."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from p2pd_daemon.core import event as ev
from p2pd_daemon.core.keys import (
    SigningKey,
    decode_private_key,
    decode_public_key,
    encode_private_key,
    encode_public_key,
)
from p2pd_daemon.core.peer_id import (
    PeerId,
    decode_peer_id,
    peer_id_bytes,
    peer_id_from_bytes,
    peer_id_from_public_key,
)
from p2pd_daemon.core.push import Ack, AckStatus, FrameReader, decode_ack, encode_ack, encode_frame
from p2pd_daemon.core.record import Record, decode_record, record_from_fields, sign_record, verify_record
from p2pd_daemon.core.room import base32_text, check_room_name, open_room_topic, rendezvous_tag
from p2pd_daemon.core.seal import direct_box
from p2pd_daemon.errors import RemoteProtocolError

ROOT = Path(__file__).resolve().parents[2]
FILE = "tests/vectors/core.json"
VECTORS: dict[str, Any] = json.loads((ROOT / FILE).read_text(encoding="utf-8"))

h = bytes.fromhex
Vector = dict[str, Any]


def each(name: str, label: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", VECTORS[name], ids=lambda vector: vector[label])


def key_of(name: str) -> SigningKey:
    return next(SigningKey.from_seed(h(v["seed"])) for v in VECTORS["identities"] if v["name"] == name)


def test_the_document_names_the_file() -> None:
    assert FILE in (ROOT / "PROTOCOL.md").read_text(encoding="utf-8")


def test_the_document_shows_the_schema_as_it_is() -> None:
    """The proto blocks of PROTOCOL.md occur word for word in the .proto files."""
    document = (ROOT / "PROTOCOL.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```proto\n(.*?)```", document, re.DOTALL)
    sources = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "daemon" / "p2pd_daemon" / "core" / "pb").glob("*.proto")
    )
    assert len(blocks) >= 2
    assert all(block.strip() in sources for block in blocks)


@each("identities", "name")
def test_identity(vector: Vector) -> None:
    key = SigningKey.from_seed(h(vector["seed"]))
    assert encode_public_key(key.public_key) == h(vector["public_key"])
    assert encode_private_key(key) == h(vector["private_key"])
    assert decode_private_key(h(vector["private_key"])).seed == key.seed
    assert key.peer_id == vector["peer_id"] == peer_id_from_public_key(h(vector["public_key"]))
    assert peer_id_bytes(key.peer_id) == h(vector["peer_id_bytes"])
    for form in ("peer_id", "cid_base32", "cid_base36"):
        assert decode_peer_id(vector[form]) == key.peer_id


@each("rooms", "typed")
def test_room(vector: Vector) -> None:
    assert check_room_name(vector["typed"]) == vector["name"] == unicodedata.normalize("NFC", vector["typed"])
    assert open_room_topic(vector["name"]) == vector["topic"]
    digest = hashlib.sha256(b"p2pd/1/rendezvous/topic/" + vector["topic"].encode()).digest()
    assert rendezvous_tag(vector["topic"]) == vector["tag"] == base32_text(digest)


@pytest.mark.parametrize(
    "vector", VECTORS["events"], ids=lambda vector: f"{vector['kind']}-{vector['ts_ms']}"
)
def test_event(vector: Vector) -> None:
    event = ev.decode_event(h(vector["data"]))
    assert event.ts_ms == vector["ts_ms"]
    assert event.parents == tuple(h(parent) for parent in vector["parents"])
    assert ev.kind_of(event.body) == vector["kind"]
    for name, value in vector["body"].items():
        found = getattr(event.body, name)
        if isinstance(found, ev.Change):
            found = found.name
        if isinstance(found, tuple):
            found = [one.hex() for one in found]
        assert (found.hex() if isinstance(found, bytes) else found) == value
    assert ev.encode_event(event) == h(vector["data"])


@each("not_events", "why")
def test_not_an_event(vector: Vector) -> None:
    with pytest.raises(RemoteProtocolError):
        ev.decode_event(h(vector["data"]))


@each("records", "note")
def test_record(vector: Vector) -> None:
    record = decode_record(h(vector["raw"]))
    verify_record(record)
    assert record.raw == h(vector["raw"])
    assert record.author == vector["author"]
    assert record.seqno == int(vector["seqno"], 16)
    assert record.topic == vector["topic"]
    assert record.data == h(vector["data"])
    assert record.signature == h(vector["signature"])
    assert record.key == (h(vector["key"]) or None)
    assert record.signing_bytes == h(vector["signing_bytes"])
    assert record.id_hex == vector["id"] == hashlib.sha256(h(vector["signing_bytes"])).hexdigest()
    author = peer_id_bytes(record.author)
    seqno, key = h(vector["seqno"]), h(vector["key"])
    again = record_from_fields(author, seqno, [record.topic], record.data, record.signature, key)
    assert (again, again.raw) == (record, record.raw)


def test_our_record_is_signed_the_same_each_time() -> None:
    vector = VECTORS["records"][0]
    record = sign_record(key_of("ann"), int(vector["seqno"], 16), vector["topic"], h(vector["data"]))
    assert record.raw == h(vector["raw"])


@each("not_records", "why")
def test_not_a_record(vector: Vector) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_record(h(vector["raw"]))


def test_not_a_record_as_libp2p_parses_it() -> None:
    """proto2 gives a topic that is not UTF-8 as bytes."""
    author = peer_id_bytes(key_of("ann").peer_id)
    for topics in ([b"\xff\xfe"], ["\ud800"], [], ["a", "b"], [""], ["x" * 1025]):
        with pytest.raises(RemoteProtocolError):
            record_from_fields(author, bytes(8), topics, b"data", b"signature", b"")


@each("wrong_signatures", "why")
def test_wrong_signature(vector: Vector) -> None:
    record = decode_record(h(vector["raw"]))
    with pytest.raises(RemoteProtocolError):
        verify_record(record)


def test_direct_message() -> None:
    vector = VECTORS["direct"]
    ann, bob = key_of("ann"), key_of("bob")
    record = decode_record(h(vector["raw"]))
    verify_record(record)
    assert (record.topic, record.id_hex) == (vector["topic"], vector["id"])
    sealed = ev.decode_event(record.data)
    assert isinstance(sealed.body, ev.Sealed)
    for mine, theirs in ((ann, bob), (bob, ann)):
        box = direct_box(mine, theirs.peer_id)
        assert box.topic == vector["topic"]
        place = {"sender": record.author, "seqno": record.seqno, "ts_ms": sealed.ts_ms}
        body = box.open(sealed.body, **place)
        assert body == ev.Text("for your eyes only")
        assert box.seal(body, nonce=h(vector["nonce"]), **place) == sealed.body
        assert ev.encode_body(body) == h(vector["body"])


def test_direct_message_by_other_libraries() -> None:
    """What PROTOCOL.md says, done with `cryptography` and pycryptodome."""
    cipher = pytest.importorskip("Crypto.Cipher.ChaCha20_Poly1305", reason="pycryptodome comes with libp2p")
    vector = VECTORS["direct"]
    scalar = hashlib.sha512(key_of("ann").seed).digest()[:32]
    theirs = edwards_to_montgomery(key_of("bob").public_key.raw)
    secret = X25519PrivateKey.from_private_bytes(scalar).exchange(X25519PublicKey.from_public_bytes(theirs))
    one, other = sorted(peer_id_bytes(key_of(name).peer_id) for name in ("ann", "bob"))
    both = len(one).to_bytes(2) + one + len(other).to_bytes(2) + other

    def derive(info: bytes) -> bytes:
        return HKDF(hashes.SHA256(), 32, b"p2pd/1/direct", info).derive(secret)

    assert "p2pd/1/dm/" + base32_text(derive(b"topic" + both)) == vector["topic"]
    key = derive(b"key" + bytes(8) + both)
    assert key == h(vector["key"])
    opened = cipher.new(key=key, nonce=h(vector["nonce"]))
    opened.update(h(vector["bound"]))
    ciphertext, tag = h(vector["box"])[:-16], h(vector["box"])[-16:]
    assert opened.decrypt_and_verify(ciphertext, tag) == h(vector["body"])


def edwards_to_montgomery(public: bytes) -> bytes:
    """u = (1 + y) / (1 - y), RFC 7748 section 4.1."""
    p = 2**255 - 19
    y = int.from_bytes(public, "little") & ((1 << 255) - 1)
    return ((1 + y) * pow(1 - y, -1, p) % p).to_bytes(32, "little")


def test_push() -> None:
    vector = VECTORS["push"]
    assert encode_frame(h(vector["record"])) == h(vector["frame"])
    assert FrameReader(16384).feed(h(vector["frame"])) == [h(vector["record"])]
    for expected in vector["acks"]:
        ack = Ack(h(expected["id"]), AckStatus(expected["status"]), expected["reason"])
        assert encode_frame(encode_ack(ack)) == h(expected["frame"])
        assert [decode_ack(raw) for raw in FrameReader(512).feed(h(expected["frame"]))] == [ack]


@pytest.mark.parametrize("vector", VECTORS["push"]["bad_frames"], ids=lambda vector: vector["why"])
def test_bad_frame(vector: Vector) -> None:
    with pytest.raises(RemoteProtocolError):
        FrameReader(16384).feed(h(vector["raw"]))


def test_ed25519_agrees_with_cryptography() -> None:
    key = key_of("ann")
    other = Ed25519PrivateKey.from_private_bytes(key.seed)
    raw = other.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    assert key.public_key.raw == raw
    assert key.sign(b"message") == other.sign(b"message")


# From https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md#test-vectors
SPEC_ED25519 = (
    "080112407e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d"
    "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
)
SPEC_KEYS = [
    "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",
    "08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99",
    "0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5d530899d83abab44abf3161f"
    "162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c409e62",
]


def test_the_specification_s_keys() -> None:
    key = decode_private_key(h(SPEC_ED25519))
    assert encode_private_key(key) == h(SPEC_ED25519)
    assert encode_public_key(key.public_key) == h(SPEC_KEYS[0])
    for encoded in SPEC_KEYS:
        assert encode_public_key(decode_public_key(h(encoded))) == h(encoded)


@pytest.mark.slow
def test_libp2p_agrees() -> None:
    """Peer IDs, wire format and signatures as the library beneath net/ has them."""
    from libp2p.crypto.serialization import deserialize_public_key
    from libp2p.peer.id import ID
    from libp2p.pubsub.pb import rpc_pb2
    from libp2p.pubsub.validators import signature_validator

    for encoded in SPEC_KEYS[:2]:
        ours = peer_id_from_public_key(h(encoded))
        assert ID.from_pubkey(deserialize_public_key(h(encoded))).to_base58() == ours
    for vector in VECTORS["records"]:
        message = rpc_pb2.Message.FromString(h(vector["raw"]))
        assert message.SerializeToString() == h(vector["raw"])
        assert (
            PeerId(ID(message.from_id).to_base58()) == peer_id_from_bytes(message.from_id) == vector["author"]
        )
        if "ECDSA" not in vector["note"]:  # py-libp2p does not read these keys
            assert signature_validator(message)
    for vector in VECTORS["wrong_signatures"]:
        if vector["why"] == "somebody else's key":
            continue  # py-libp2p looks at no key field where the ID suffices; go-libp2p-pubsub refuses, as we do
        assert not signature_validator(rpc_pb2.Message.FromString(h(vector["raw"])))


def test_records_are_made_equal_by_what_they_say() -> None:
    first, with_key = (decode_record(h(VECTORS["records"][n]["raw"])) for n in (0, 1))
    assert isinstance(first, Record)
    assert first.id == with_key.id
    assert first.raw != with_key.raw
