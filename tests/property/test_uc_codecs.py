"""Formats of other programs: any bytes decode or give RemoteProtocolError, and what we write is never malformed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiaddr import Multiaddr
from p2pd_daemon.core import uc_direct
from p2pd_daemon.core.clock import MAX_TS_MS
from p2pd_daemon.core.keys import encode_public_key
from p2pd_daemon.core.pb import uc_pb2
from p2pd_daemon.core.peer_id import peer_id_bytes, public_key_of
from p2pd_daemon.core.stream_chat import LineReader, encode_lines
from p2pd_daemon.core.uc_direct import DirectRequest, DirectResponse, direct_message_id
from p2pd_daemon.core.uc_discovery import MAX_ADDRS, decode_announcement, encode_announcement, p2p_ending
from p2pd_daemon.errors import LocalProtocolError, RemoteProtocolError
from property import strategies as some

texts = st.text(min_size=1, max_size=300)
versions = st.text(min_size=1, max_size=30)
requests = st.builds(DirectRequest, texts, some.timestamps, versions, st.just(uc_direct.TEXT))
reasons = st.text(max_size=uc_direct.MAX_REASON_CHARS)
responses = st.builds(
    DirectResponse, st.sampled_from((uc_direct.OK, uc_direct.ERROR)), reasons, some.timestamps, versions
)
transports = st.sampled_from(
    ("/ip4/192.0.2.7/tcp/4001", "/ip6/2001:db8::1/tcp/4001/ws", "/dns4/chat.example/tcp/443/tls/ws")
)


@given(requests)
def test_request_roundtrip(request: DirectRequest) -> None:
    raw = uc_direct.encode_request(request)
    assert uc_direct.decode_request(raw) == request
    assert uc_pb2.DirectMessageRequest.FromString(raw).HasField("metadata")


@given(responses)
def test_response_roundtrip(response: DirectResponse) -> None:
    raw = uc_direct.encode_response(response)
    assert uc_direct.decode_response(raw) == response
    assert uc_pb2.DirectMessageResponse.FromString(raw).HasField("metadata")


@given(responses, st.text(min_size=uc_direct.MAX_REASON_CHARS + 1, max_size=600))
def test_a_long_reason_is_cut(response: DirectResponse, reason: str) -> None:
    long = DirectResponse(response.status, reason, response.ts_ms, response.client)
    raw = uc_direct.encode_response(long)
    assert len(raw) <= uc_direct.MAX_RESPONSE_BYTES
    assert uc_direct.decode_response(raw).reason == reason[: uc_direct.MAX_REASON_CHARS]


@given(st.binary(max_size=400))
def test_any_bytes_are_messages_or_refused(raw: bytes) -> None:
    for decode in (uc_direct.decode_request, uc_direct.decode_response, decode_announcement):
        try:
            decode(raw)
        except RemoteProtocolError:
            continue


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1))
def test_any_numbers_in_them_are_taken(timestamp: int, status: int) -> None:
    metadata = uc_pb2.Metadata(timestamp=timestamp)
    request = uc_pb2.DirectMessageRequest(metadata=metadata, content="x").SerializeToString()
    assert 0 <= uc_direct.decode_request(request).ts_ms <= MAX_TS_MS
    response = uc_pb2.DirectMessageResponse(status=status).SerializeToString()  # type: ignore[arg-type]
    assert uc_direct.decode_response(response).status == status


@pytest.mark.parametrize(
    "request_", [DirectRequest("", 1, "v"), DirectRequest("x", 0, "v"), DirectRequest("x", 1, "")]
)
def test_what_peers_would_drop_is_never_written(request_: DirectRequest) -> None:
    with pytest.raises(LocalProtocolError):
        uc_direct.encode_request(request_)
    with pytest.raises(LocalProtocolError):
        uc_direct.encode_response(DirectResponse(200, "", request_.ts_ms * 0, request_.client))


@given(some.peers, some.peers, requests, requests)
def test_ids_tell_messages_apart_and_know_them_again(
    one: uc_direct.PeerId, other: uc_direct.PeerId, first: DirectRequest, second: DirectRequest
) -> None:
    same = (one, first.ts_ms, first.text) == (other, second.ts_ms, second.text)
    assert (direct_message_id(one, first) == direct_message_id(other, second)) is same
    assert len(direct_message_id(one, first)) == 32


# Peer discovery


@given(some.signing_keys, st.lists(transports, min_size=1, max_size=MAX_ADDRS))
def test_announcement_roundtrip(key: some.SigningKey, chosen: list[str]) -> None:
    addrs = tuple(Multiaddr(f"{addr}/p2p/{key.peer_id}").to_bytes() for addr in chosen)
    public = public_key_of(key.peer_id)
    assert public is not None
    raw = encode_announcement(encode_public_key(public), addrs)
    found = decode_announcement(raw)
    assert (found.peer, found.addrs) == (key.peer_id, addrs)
    strict = uc_pb2.Peer.FromString(raw)
    assert [Multiaddr(addr).value_for_protocol("p2p") for addr in strict.addrs] == [key.peer_id] * len(addrs)


@given(some.signing_keys, some.signing_keys, transports)
def test_addresses_of_somebody_else_are_neither_written_nor_read(
    key: some.SigningKey, other: some.SigningKey, addr: str
) -> None:
    public = public_key_of(key.peer_id)
    assert public is not None
    whole = Multiaddr(f"{addr}/p2p/{other.peer_id}").to_bytes()
    bare = Multiaddr(addr).to_bytes()
    key_pb = encode_public_key(public)
    read = decode_announcement(uc_pb2.Peer(publicKey=key_pb, addrs=[whole, bare]).SerializeToString())
    assert read.addrs == ((whole,) if other is key else ())
    for wrong in [bare, p2p_ending(key.peer_id), *([whole] if other is not key else [])]:
        with pytest.raises(LocalProtocolError):
            encode_announcement(key_pb, [wrong])


@given(some.peers)
def test_the_ending_is_what_the_library_writes(peer: uc_direct.PeerId) -> None:
    assert p2p_ending(peer) == Multiaddr(f"/p2p/{peer}").to_bytes()
    assert p2p_ending(peer).endswith(peer_id_bytes(peer))


def test_too_many_addresses_are_cut_and_never_written() -> None:
    key = some.key(1)
    public = public_key_of(key.peer_id)
    assert public is not None
    addrs = [
        Multiaddr(f"/ip4/192.0.2.7/tcp/{port}/p2p/{key.peer_id}").to_bytes()
        for port in range(1, 2 + MAX_ADDRS)
    ]
    raw = uc_pb2.Peer(publicKey=encode_public_key(public), addrs=addrs).SerializeToString()
    assert len(decode_announcement(raw).addrs) == MAX_ADDRS
    for wrong in (addrs, []):
        with pytest.raises(LocalProtocolError):
            encode_announcement(encode_public_key(public), wrong)


# Lines


@given(st.binary(max_size=300), st.lists(st.integers(1, 50), min_size=1))
def test_lines_do_not_depend_on_the_chunks(raw: bytes, sizes: list[int]) -> None:
    assert _lines(raw, [len(raw) + 1]) == _lines(raw, sizes)


def _lines(raw: bytes, sizes: list[int]) -> list[str] | None:
    reader, found, at, turn = LineReader(100), [], 0, 0
    try:
        while at < len(raw):
            size = sizes[turn % len(sizes)]
            found += reader.feed(raw[at : at + size])
            at, turn = at + size, turn + 1
        return found + reader.finish()
    except RemoteProtocolError:
        return None


@given(st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), max_size=200))
def test_lines_roundtrip(text: str) -> None:
    reader = LineReader(1000)
    assert reader.feed(encode_lines(text)) == [line for line in text.split("\n") if line]
    assert reader.finish() == []


def test_go_writes_an_empty_line_after_each() -> None:
    assert LineReader(100).feed("hello\n\n\r\nö\r\n\n".encode()) == ["hello", "ö"]


@pytest.mark.parametrize("raw", [b"\xff\n", b"x" * 101, b"x" * 101 + b"\n", b"\x80"])
def test_what_is_no_line_is_refused(raw: bytes) -> None:
    assert _lines(raw, [1000]) is None
