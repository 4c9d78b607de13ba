"""The vectors of PROTOCOL.md's other wires, as the programs that have these formats write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from p2pd_daemon.core.bodies import NamedText
from p2pd_daemon.core.event import Text
from p2pd_daemon.core.payload import false_claim, read_payload, shown_nick, write_payload
from p2pd_daemon.core.peer_id import decode_peer_id
from p2pd_daemon.core.record import decode_record, verify_record
from p2pd_daemon.core.room import Wire, check_room_name, rendezvous_tag, room_of_topic, room_topic
from p2pd_daemon.core.sync_frames import sync_tag
from p2pd_daemon.errors import RemoteProtocolError

ROOT = Path(__file__).resolve().parents[2]
FILE = "tests/vectors/wires.json"
VECTORS: dict[str, Any] = json.loads((ROOT / FILE).read_text(encoding="utf-8"))

h = bytes.fromhex
Vector = dict[str, Any]


def each(name: str, label: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", VECTORS[name], ids=lambda vector: str(vector[label]))


def body_of(vector: Vector) -> Text:
    if vector["wire"] == "text":
        return Text(vector["text"])
    return NamedText(vector["text"], None, vector["nick"], vector["sender_id"])


def test_the_document_names_the_file() -> None:
    assert FILE in (ROOT / "PROTOCOL.md").read_text(encoding="utf-8")


@each("rooms", "topic")
def test_rooms(vector: Vector) -> None:
    wire = Wire(vector["wire"])
    name = check_room_name(vector["room"], wire)
    assert room_topic(name, wire) == vector["topic"]
    assert room_of_topic(vector["topic"]) == (vector["room"], wire)
    assert rendezvous_tag(vector["topic"]) == vector["tag"]
    assert sync_tag(vector["topic"]) == h(vector["sync_tag"])


@each("payloads", "text")
def test_what_p2pd_writes(vector: Vector) -> None:
    wire = Wire(vector["wire"])
    assert write_payload(body_of(vector), wire) == h(vector["data"])
    assert read_payload(h(vector["data"]), wire).body == body_of(vector)


@each("read", "why")
def test_what_it_reads_too(vector: Vector) -> None:
    assert read_payload(h(vector["data"]), Wire(vector["wire"])).body == body_of(vector)


@each("refused", "why")
def test_what_it_refuses(vector: Vector) -> None:
    with pytest.raises(RemoteProtocolError):
        read_payload(h(vector["data"]), Wire(vector["wire"]))


@each("claims", "why")
def test_claims(vector: Vector) -> None:
    said = NamedText("hi", None, "", vector["sender_id"])
    assert false_claim(said, decode_peer_id(vector["author"])) == vector["claims"]


@each("nicks", "nick")
def test_nicks(vector: Vector) -> None:
    assert shown_nick(vector["nick"]) == vector["shown"]


@each("records", "why")
def test_records_by_every_kind_of_key(vector: Vector) -> None:
    record = decode_record(h(vector["raw"]))
    verify_record(record)
    assert record.id_hex == vector["id"]
    assert record.author == vector["author"]
    found = room_of_topic(record.topic)
    assert found is not None
    assert read_payload(record.data, found[1]).body.text == vector["text"]  # type: ignore[union-attr]
