"""Nothing malformed is ever sent: what our encoders write is read by the other implementations' own decoders.

The decoders are strict: what is not as its format says is an error, where a peer in the wild might pass it over.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interop.harness import IMPLEMENTATIONS, Foreign, ForeignPeer, open_foreigners
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from multiaddr import Multiaddr
from p2pd_daemon.core import uc_direct
from p2pd_daemon.core.bodies import NamedText
from p2pd_daemon.core.keys import SigningKey, encode_private_key, encode_public_key
from p2pd_daemon.core.payload import write_payload
from p2pd_daemon.core.pb import uc_pb2
from p2pd_daemon.core.record import Record
from p2pd_daemon.core.room import Wire
from p2pd_daemon.core.uc_direct import DirectRequest, DirectResponse, encode_request, encode_response
from p2pd_daemon.core.uc_discovery import MAX_ADDRS, encode_announcement
from p2pd_daemon.net.peer_record import seal_addresses
from property import strategies as some

from benchmarks.model import BenchmarkError

seeds = st.binary(min_size=32, max_size=32)
versions = st.text(min_size=1, max_size=30)
requests = st.builds(DirectRequest, some.texts, some.timestamps, versions)
responses = st.builds(
    DirectResponse,
    st.sampled_from((uc_direct.OK, uc_direct.ERROR)),
    st.text(max_size=uc_direct.MAX_REASON_CHARS),
    some.timestamps,
    versions,
)
ports = st.integers(1, 65_535)
addrs = st.one_of(
    st.builds("/ip4/{}/tcp/{}".format, st.ip_addresses(v=4), ports),
    st.builds("/ip6/{}/tcp/{}/ws".format, st.ip_addresses(v=6), ports),
    st.builds("/dns4/chat.example/tcp/{}/tls/ws".format, ports),
)
addr_lists = st.lists(addrs, min_size=1, max_size=MAX_ADDRS)
same_at_every_run = settings(deadline=None, derandomize=True, max_examples=50)


@pytest.fixture(scope="module", params=IMPLEMENTATIONS, ids=lambda kind: kind.name)
def reader(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignPeer]:
    """The implementation that decodes."""
    kind: Foreign = request.param
    with open_foreigners(tmp_path_factory.mktemp(kind.name)) as foreigners:
        yield foreigners.start(kind)


@pytest.mark.cell("reads what p2pd writes", transports=())
@same_at_every_run
@given(some.records())
def test_records(reader: ForeignPeer, record: Record) -> None:
    """The signature is verified there."""
    read = reader.decode("record", record.raw)
    assert (read["from"], read["seqno"], read["topic"]) == (record.author, str(record.seqno), record.topic)
    assert base64.b64decode(read["data"]) == record.data


@pytest.mark.cell("reads what p2pd writes", transports=())
@same_at_every_run
@given(seeds)
def test_key_files(reader: ForeignPeer, seed: bytes) -> None:
    key = SigningKey.from_seed(seed)
    assert reader.decode("key", encode_private_key(key))["peer_id"] == key.peer_id


@pytest.mark.cell("reads what p2pd writes", transports=())
@same_at_every_run
@given(some.signing_keys, addr_lists)
def test_announcements(reader: ForeignPeer, key: SigningKey, own: list[str]) -> None:
    whole = [Multiaddr(f"{addr}/p2p/{key.peer_id}") for addr in own]
    raw = encode_announcement(encode_public_key(key.public_key), [addr.to_bytes() for addr in whole])
    read = reader.decode("peer", raw)
    assert read["peer_id"] == key.peer_id
    assert [Multiaddr(addr) for addr in read["addrs"]] == whole


@pytest.mark.cell("reads what p2pd writes", transports=())
@same_at_every_run
@given(requests)
def test_direct_messages(reader: ForeignPeer, request_: DirectRequest) -> None:
    read = reader.decode("dm_request", encode_request(request_))
    assert read["text"] == request_.text
    assert read["type"] == request_.type
    assert (read["timestamp"], read["client_version"]) == (request_.ts_ms, request_.client)


@pytest.mark.cell("reads what p2pd writes", transports=())
@same_at_every_run
@given(responses)
def test_answers_to_direct_messages(reader: ForeignPeer, response: DirectResponse) -> None:
    read = reader.decode("dm_response", encode_response(response))
    assert (read["status"], read["status_text"]) == (response.status, response.reason)
    assert (read["timestamp"], read["client_version"]) == (response.ts_ms, response.client)


@pytest.mark.cell("reads what p2pd writes", transports=())
@same_at_every_run
@given(some.texts, some.labels, some.peers)
def test_chat_room_lines(reader: ForeignPeer, text: str, nick: str, peer_id: str) -> None:
    raw = write_payload(NamedText(text, None, nick, peer_id), Wire.CHAT_ROOM)
    read = reader.decode("chat_room", raw)
    assert (read["message"], read["nick"], read["sender_id"]) == (text, nick, peer_id)


@pytest.mark.cell("reads what p2pd writes", transports=())
@same_at_every_run
@given(seeds, addr_lists)
def test_address_records(reader: ForeignPeer, seed: bytes, own: list[str]) -> None:
    """What a p2pd hands out at rendezvous points."""
    pair = create_new_key_pair(seed)
    peer = ID.from_pubkey(pair.public_key)
    read = reader.decode("peer_record", seal_addresses(pair.private_key, peer, own))
    assert read["peer_id"] == str(peer)
    assert [Multiaddr(addr) for addr in read["addrs"]] == [Multiaddr(addr) for addr in own]


def malformed() -> Iterator[tuple[str, bytes]]:
    """One that a careless encoder could write, of each kind."""
    key, other = some.key(1), some.key(2)
    public = encode_public_key(key.public_key)
    yield "record", Record(key.peer_id, 1, "topic", b"data", bytes(64)).raw
    yield "key", encode_private_key(key)[:-1]
    for addr in (f"/ip4/192.0.2.1/tcp/1/p2p/{other.peer_id}", "/ip4/192.0.2.1/tcp/1"):
        yield "peer", uc_pb2.Peer(publicKey=public, addrs=[Multiaddr(addr).to_bytes()]).SerializeToString()
    yield "peer", uc_pb2.Peer(publicKey=public[:-1]).SerializeToString()
    yield "dm_request", uc_pb2.DirectMessageRequest(content="x", type="text/plain").SerializeToString()
    yield "dm_response", uc_pb2.DirectMessageResponse(status=uc_pb2.OK).SerializeToString()
    yield "chat_room", b'{"Message": "x", "SenderID": "y"}'
    yield "chat_room", b'{"Message": "\xff", "SenderID": "y", "SenderNick": "z"}'
    yield "peer_record", bytes(seal_addresses(create_new_key_pair(bytes(32)).private_key, ID(b"x"), []))


def test_the_decoders_refuse_what_is_malformed(reader: ForeignPeer) -> None:
    for kind, raw in malformed():
        with pytest.raises(BenchmarkError):
            pytest.fail(f"{kind}: {raw!r} was read as {reader.decode(kind, raw)}")
