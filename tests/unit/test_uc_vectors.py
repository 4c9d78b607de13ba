"""The bytes of PROTOCOL.md, section 12: the same in both directions. `tests/interop/` has other people read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from multiaddr import Multiaddr
from p2pd_daemon.core.keys import SigningKey, encode_public_key
from p2pd_daemon.core.stream_chat import LineReader, encode_lines
from p2pd_daemon.core.uc_direct import (
    DirectRequest,
    DirectResponse,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from p2pd_daemon.core.uc_discovery import decode_announcement, encode_announcement

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[1] / "vectors/uc.json").read_text(encoding="utf-8")
)


def test_a_direct_message() -> None:
    given = VECTORS["direct_request"]
    request = DirectRequest(given["content"], given["timestamp"], given["clientVersion"], given["type"])
    assert encode_request(request).hex() == given["raw"]
    assert decode_request(bytes.fromhex(given["raw"])) == request


@pytest.mark.parametrize("given", VECTORS["direct_responses"], ids=lambda given: str(given["status"]))
def test_its_answers(given: dict[str, Any]) -> None:
    response = DirectResponse(
        given["status"], given["statusText"], given["timestamp"], given["clientVersion"]
    )
    assert encode_response(response).hex() == given["raw"]
    assert decode_response(bytes.fromhex(given["raw"])) == response


def test_an_announcement() -> None:
    given = VECTORS["peer"]
    key = SigningKey.from_seed(bytes.fromhex(given["seed"]))
    addrs = tuple(Multiaddr(addr).to_bytes() for addr in given["addrs"])
    assert encode_announcement(encode_public_key(key.public_key), addrs).hex() == given["raw"]
    read = decode_announcement(bytes.fromhex(given["raw"]))
    assert (read.peer, read.addrs) == (given["peer_id"], addrs)


def test_lines() -> None:
    given = VECTORS["lines"]
    assert encode_lines(given["text"]).hex() == given["raw"]
    for raw in (given["raw"], given["from_go"]):
        assert LineReader(1000).feed(bytes.fromhex(raw)) == given["text"].split("\n")
