"""Conversations of another implementation of Negentropy: ours says the same, byte for byte, in either role."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from p2pd_daemon.core.reconcile import ClientState, ReconcileClient, ReconcileServer
from p2pd_daemon.core.reconcile_wire import decode_message, encode_varint
from reconcile_sets import Item, check_true, tree_of

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[1] / "vectors/reconcile.json").read_text(encoding="utf-8")
)
h = bytes.fromhex
Vector = dict[str, Any]
conversations = pytest.mark.parametrize("vector", VECTORS["conversations"], ids=lambda vector: vector["name"])


def id_by(rule: str, number: int) -> bytes:
    if rule == "hash":
        return hashlib.sha256(f"p2pd reconcile {number}".encode()).digest()
    zeros = number % 8
    return bytes(zeros) + id_by("hash", number // 8)[: 20 - zeros] + number.to_bytes(12)


def record(vector: Vector, number: int) -> Item:
    timestamp = vector["first_ts"] + number // vector["per_ts"] * vector["ts_step"]
    return timestamp, id_by(vector["ids"], number)


def side(vector: Vector, name: str) -> list[Item]:
    numbers = {n for start, stop, step in vector[name]["ranges"] for n in range(start, stop, step)}
    return [record(vector, number) for number in sorted(numbers - set(vector[name]["without"]))]


def ids(vector: Vector, name: str) -> set[bytes]:
    return {record(vector, number)[1] for number in vector[name]}


@pytest.mark.parametrize(("value", "encoded"), VECTORS["varints"])
def test_varints(value: int, encoded: str) -> None:
    assert encode_varint(value) == h(encoded)
    # As the timestamp of a bound: code 1 is timestamp 0.
    if 0 < value < 1 << 64:
        (only,) = decode_message(b"\x61" + h(encoded) + b"\0\0")
        assert only.upper == (value - 1).to_bytes(8)


@pytest.mark.parametrize("vector", VECTORS["versions"])
def test_another_version_is_told_ours(vector: Vector) -> None:
    assert ReconcileServer(tree_of([])).answer(h(vector["message"])) == h(vector["answer"])


@conversations
def test_our_client_with_their_server(vector: Vector) -> None:
    client = ReconcileClient(tree_of(side(vector, "client")), frame_limit=vector["frame_limits"][0])
    said, heard = vector["messages"][::2], vector["messages"][1::2]
    assert client.initiate().hex() == said[0]
    have: list[bytes] = []
    need: list[bytes] = []
    for message, then in zip(heard, [*said[1:], None], strict=True):
        found = client.handle(h(message))
        assert (found.reply.hex() if found.reply else None) == then
        have += found.have
        need += found.need
    assert client.state is ClientState.COMPLETE
    assert client.rounds == len(said)
    assert (len(have), len(need)) == (len(vector["have"]), len(vector["need"]))
    assert (set(have), set(need)) == (ids(vector, "have"), ids(vector, "need"))


@conversations
def test_our_server_with_their_client(vector: Vector) -> None:
    server = ReconcileServer(tree_of(side(vector, "server")), frame_limit=vector["frame_limits"][1])
    for asked, answered in zip(vector["messages"][::2], vector["messages"][1::2], strict=True):
        assert server.answer(h(asked)).hex() == answered


@conversations
def test_the_vectors_are_true(vector: Vector) -> None:
    """Checked without the code under test for trees and answers: every fingerprint, every list, the differences."""
    client, server = side(vector, "client"), side(vector, "server")
    for at, message in enumerate(vector["messages"]):
        check_true(h(message), server if at % 2 else client)
    assert ids(vector, "have") == {i for _, i in client} - {i for _, i in server}
    assert ids(vector, "need") == {i for _, i in server} - {i for _, i in client}
