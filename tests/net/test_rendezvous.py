"""Rendezvous over real hosts: finding each other at a point, its limits, and what a hostile client or point can do."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from libp2p.abc import INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.network.stream.exceptions import StreamReset
from libp2p.peer.envelope import seal_record
from libp2p.peer.id import ID
from libp2p.peer.peer_record import PeerRecord
from multiaddr import Multiaddr
from net.point import Point, open_point
from net.support import LOOPBACK, TOPIC, meet, new_key, open_node, until
from p2pd_bootstrap.registry import RegistryLimits
from p2pd_bootstrap.service import BURST, RATE, STREAMS_PER_PEER, _Allowance
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.push import encode_frame
from p2pd_daemon.core.room import peer_rendezvous_tag, rendezvous_tag
from p2pd_daemon.errors import NetworkError, RemoteProtocolError
from p2pd_daemon.net.host import OpenHost, open_host
from p2pd_daemon.net.interface import NetworkConfig
from p2pd_daemon.net.peer_record import MAX_BYTES, open_addresses, seal_addresses
from p2pd_daemon.net.rendezvous import PROTOCOL_ID, RendezvousRefused, decode_message, open_rendezvous
from p2pd_daemon.net.streams import open_stream, read_some, write_all
from p2pd_daemon.net.targets import parse_target
from p2pd_daemon.net.wire.rendezvous_pb2 import Message

TAG = rendezvous_tag(TOPIC)


@pytest.fixture
async def limit() -> AsyncIterator[None]:
    with trio.fail_after(60):
        yield


@pytest.fixture
async def client(limit: None) -> AsyncIterator[OpenHost]:
    async with open_host(new_key(), NetworkConfig(listen=LOOPBACK)) as opened:
        yield opened


@pytest.fixture
async def point(limit: None) -> AsyncIterator[Point]:
    async with open_point(limits=RegistryLimits(per_peer=3, ttl_max=600)) as opened:
        yield opened


async def link(client: OpenHost, point: Point) -> PeerId:
    target = parse_target(point.addr)
    await client.swarm.dial_addr(Multiaddr(target.addr), ID.from_base58(target.peer))
    return target.peer


def record_of(opened: OpenHost) -> bytes:
    return seal_addresses(opened.host.get_private_key(), opened.own_id, opened.addrs())


# Signed records


def test_a_record_tells_its_peers_addresses() -> None:
    pair = create_new_key_pair(bytes(32))
    own = ID.from_pubkey(pair.public_key)
    raw = seal_addresses(
        pair.private_key, own, [f"/ip4/192.0.2.1/tcp/1/p2p/{own}", "/dns4/a.example/tcp/2/wss"]
    )
    record = open_addresses(raw)
    assert record.peer == own.to_base58()
    assert record.addrs == ("/ip4/192.0.2.1/tcp/1", "/dns4/a.example/tcp/2/wss")
    assert open_addresses(seal_addresses(pair.private_key, own, [])).seq > record.seq


def test_a_record_that_its_peer_did_not_sign_is_refused() -> None:
    mine, theirs = create_new_key_pair(bytes(32)), create_new_key_pair(b"x" * 32)
    forged = seal_record(
        PeerRecord(ID.from_pubkey(theirs.public_key), []), mine.private_key
    ).marshal_envelope()
    with pytest.raises(RemoteProtocolError, match="another peer"):
        open_addresses(forged)
    good = bytearray(
        seal_addresses(mine.private_key, ID.from_pubkey(mine.public_key), ["/ip4/192.0.2.1/tcp/1"])
    )
    good[-1] ^= 1
    with pytest.raises(RemoteProtocolError, match="signature"):
        open_addresses(bytes(good))
    with pytest.raises(RemoteProtocolError, match="limit"):
        open_addresses(bytes(MAX_BYTES + 1))


@given(st.binary(max_size=200), st.integers(0, 300))
def test_any_bytes_are_a_record_or_refused(raw: bytes, at: int) -> None:
    pair = create_new_key_pair(bytes(32))
    good = seal_addresses(pair.private_key, ID.from_pubkey(pair.public_key), ["/ip4/192.0.2.1/tcp/1"])
    for attempt in (raw, good[:at] + raw + good[at:], good[:at]):
        try:
            assert open_addresses(attempt).peer
        except RemoteProtocolError:
            continue


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(raw: bytes) -> None:
    try:
        message = decode_message(raw)
    except RemoteProtocolError:
        return
    assert isinstance(message, Message)


# A session


async def test_register_discover_unregister(client: OpenHost, point: Point) -> None:
    peer = await link(client, point)
    async with open_rendezvous(client, peer) as session:
        assert (await session.discover(TAG)).peers == ()
        assert await session.register(TAG, record_of(client), 300) == 300
        page = await session.discover(TAG)
        assert [one.peer for one in page.peers] == [client.peer_id]
        assert [f"{addr}/p2p/{client.peer_id}" for addr in page.peers[0].addrs] == client.addrs()
        assert not page.full
        assert (await session.discover(TAG, cookie=page.cookie)).peers == ()
        await session.unregister(TAG)
        assert (await session.discover(TAG)).peers == ()
    assert len(point.registry) == 0


async def test_the_point_says_no_by_name(client: OpenHost, point: Point) -> None:
    peer = await link(client, point)
    other = create_new_key_pair()
    foreign = seal_addresses(other.private_key, ID.from_pubkey(other.public_key), ["/ip4/192.0.2.1/tcp/1"])
    async with open_rendezvous(client, peer) as session:
        for tag, record, ttl, status in (
            (TAG, foreign, 60, Message.E_NOT_AUTHORIZED),
            (TAG, b"garbage", 60, Message.E_INVALID_SIGNED_PEER_RECORD),
            (TAG, record_of(client), 10**6, Message.E_INVALID_TTL),
            ("", record_of(client), 60, Message.E_INVALID_NAMESPACE),
            ("x" * 256, record_of(client), 60, Message.E_INVALID_NAMESPACE),
        ):
            with pytest.raises(RendezvousRefused) as caught:
                await session.register(tag, record, ttl)
            assert caught.value.status == status
        for index in range(3):
            await session.register(f"room {index}", record_of(client), 60)
        with pytest.raises(RendezvousRefused, match="3 registrations for each peer") as caught:
            await session.register("one more", record_of(client), 60)
        assert caught.value.status == Message.E_UNAVAILABLE
        with pytest.raises(RendezvousRefused) as caught:
            await session.discover(TAG, cookie=b"of another run")
        assert caught.value.status == Message.E_INVALID_COOKIE
    assert len(point.registry) == 3
    assert point.service.refused["E_UNAVAILABLE"] == 1


async def test_questions_leave_no_trace(client: OpenHost, point: Point) -> None:
    """libp2p's own service keeps a namespace for each question, for ever."""
    peer = await link(client, point)
    async with open_rendezvous(client, peer) as session:
        for index in range(100):
            await session.discover(f"tag {index}")
    assert point.registry.tags == 0


@pytest.mark.slow
async def test_garbage_costs_only_its_own_stream(client: OpenHost, point: Point) -> None:
    peer = await link(client, point)
    garbage = [
        b"\xff" * 40,
        b"\x00",
        b"\x05abcde",
        encode_frame(b"\x08\x63"),
        b"\xff\xff\x7f",
        b"\x80\x80\x80\x80\x01",
    ]
    for raw in garbage:
        async with open_stream(client, peer, PROTOCOL_ID, 5) as stream:
            await write_all(stream, raw, 5)
            with contextlib.suppress(StreamReset):
                assert await read_some(stream, 5) == b""
    await until(lambda: point.service.refused["rendezvous protocol"] == len(garbage))
    async with open_rendezvous(client, peer) as session:
        assert await session.register(TAG, record_of(client), 300) == 300


async def test_streams_of_one_peer_are_limited_and_those_of_others_are_not(
    client: OpenHost, point: Point
) -> None:
    peer = await link(client, point)
    async with trio.open_nursery() as nursery:
        held = trio.Event()

        async def idle() -> None:
            async with open_rendezvous(client, peer) as session:
                await session.discover(TAG)
                await held.wait()

        for _ in range(STREAMS_PER_PEER):
            nursery.start_soon(idle)
        await until(lambda: point.service.requests["discover"] == STREAMS_PER_PEER)
        with pytest.raises(NetworkError):
            async with open_rendezvous(client, peer) as session:
                await session.discover(TAG)
        async with open_host(new_key(), NetworkConfig(listen=LOOPBACK)) as other:
            await link(other, point)
            async with open_rendezvous(other, peer) as session:
                await session.discover(TAG)
        held.set()
    await until(lambda: not point.service.inbound.open_streams)


def test_the_rate_of_one_peer_is_bounded() -> None:
    allowance, peer = _Allowance(), PeerId("a")
    waits = [allowance.wait_for(peer, 0) for _ in range(BURST + 100)]
    assert max(waits[:BURST]) == pytest.approx(0, abs=1e-6)
    assert waits[-1] == pytest.approx(100 / RATE)
    assert allowance.wait_for(PeerId("b"), 0) == 0
    allowance.sweep(1e9)
    assert not allowance._slots


# A hostile point


@pytest.mark.parametrize(
    "raw",
    [
        b"\x05abcde",
        encode_frame(Message(type=Message.REGISTER_RESPONSE).SerializeToString()),
        b"\xff\xff\xff\x7f",
        encode_frame(b"\x08\x04\x32\x00") * 2,
        b"",
    ],
)
async def test_a_hostile_point_is_a_network_error_and_nothing_more(client: OpenHost, raw: bytes) -> None:
    async with open_host(new_key(), NetworkConfig(listen=LOOPBACK)) as hostile:

        async def answer(stream: INetStream) -> None:
            await read_some(stream, 5)
            await stream.write(raw)
            await stream.close()

        hostile.host.set_stream_handler(TProtocol(PROTOCOL_ID), answer)
        await client.swarm.dial_addr(Multiaddr(hostile.addrs()[0].partition("/p2p/")[0]), hostile.own_id)
        with pytest.raises((NetworkError, RemoteProtocolError)):
            async with open_rendezvous(client, hostile.peer_id) as session:
                await session.discover(TAG)


async def test_a_point_cannot_make_up_addresses(client: OpenHost) -> None:
    """Records without their peer's signature are left out, the others count."""
    pair = create_new_key_pair()
    good = seal_addresses(pair.private_key, ID.from_pubkey(pair.public_key), ["/ip4/192.0.2.1/tcp/1"])
    answer_message = Message(type=Message.DISCOVER_RESPONSE)
    for raw in (b"", good[:-1] + b"x", good, b"junk"):
        answer_message.discoverResponse.registrations.add(ns=TAG, signedPeerRecord=raw)
    async with open_host(new_key(), NetworkConfig(listen=LOOPBACK)) as hostile:

        async def answer(stream: INetStream) -> None:
            await read_some(stream, 5)
            await stream.write(encode_frame(answer_message.SerializeToString()))

        hostile.host.set_stream_handler(TProtocol(PROTOCOL_ID), answer)
        await client.swarm.dial_addr(Multiaddr(hostile.addrs()[0].partition("/p2p/")[0]), hostile.own_id)
        async with open_rendezvous(client, hostile.peer_id) as session:
            page = await session.discover(TAG)
        assert [one.peer for one in page.peers] == [ID.from_pubkey(pair.public_key).to_base58()]


# Whole nodes


@pytest.mark.slow
async def test_nodes_that_share_only_the_point_find_each_other_in_their_room_and_only_there(
    limit: None,
) -> None:
    async with (
        open_point() as point,
        open_node(TOPIC, bootstrap=(point.addr,)) as a,
        open_node(TOPIC, bootstrap=(point.addr,)) as b,
        open_node("p2pd/1/elsewhere", bootstrap=(point.addr,)) as c,
    ):
        await a.network.advertise([TAG])
        await c.network.advertise([rendezvous_tag("p2pd/1/elsewhere")])
        await until(lambda: len(point.registry) == 5)  # a peer tag each, and two rooms
        await b.network.advertise([TAG])
        await until(lambda: meet(a, b))
        assert not c.network.is_connected(a.peer_id)
        # By its ID alone, through its own tag:
        assert (await c.network.connect(a.peer_id)).peer_id == a.peer_id
        # Leaving takes the registration back.
        await b.network.advertise([])
        await until(lambda: len(point.registry) == 5)


@pytest.mark.slow
async def test_a_point_that_comes_back_empty_is_told_everything_again_without_a_restart(limit: None) -> None:
    key = new_key()
    async with open_point(key=key) as first:
        addr = first.addr
    async with open_node(TOPIC, bootstrap=(addr,)) as old, open_node(TOPIC, bootstrap=(addr,)) as new:
        listen = (addr.partition("/p2p/")[0],)
        async with open_point(key=key, listen=listen) as point:
            await old.network.advertise([TAG])
            await until(lambda: len(point.registry) == 3)
        await until(lambda: not old.network.is_connected(key.peer_id))
        assert not meet(old, new)
        await new.network.advertise([TAG])
        async with open_point(key=key, listen=listen) as point:
            await until(lambda: meet(old, new))
            assert point.registry.tags >= 3


@pytest.mark.slow
async def test_several_points_side_by_side_and_one_of_them_dead(limit: None) -> None:
    async with open_point() as dead:
        dead_addr = dead.addr
    async with (
        open_point() as one,
        open_point() as two,
        open_node(bootstrap=(dead_addr, one.addr, two.addr)) as a,
        open_node(bootstrap=(dead_addr, two.addr)) as b,
    ):
        await until(lambda: two.registry.peers == 2 and one.registry.peers == 1)
        assert one.registry.tags == 1
        assert peer_rendezvous_tag(a.peer_id) in one.registry._tags
        assert (await b.network.connect(a.peer_id)).peer_id == a.peer_id
