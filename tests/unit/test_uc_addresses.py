"""Which addresses go to the discovery topic, and which from there to the dialler; nothing malformed ever goes out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiaddr import Multiaddr
from p2pd_daemon.core.keys import SigningKey, encode_public_key
from p2pd_daemon.core.pb import uc_pb2
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.uc_discovery import Announcement, decode_announcement, encode_announcement
from p2pd_daemon.net.targets import parse_target
from p2pd_daemon.net.uc_discovery import DIALLED_ADDRS, addrs_to_announce, addrs_to_dial

KEY = SigningKey.from_seed(bytes(32))
ME = KEY.peer_id
OTHER = SigningKey.from_seed(bytes([1]) * 32).peer_id

PUBLIC = ("/ip4/198.51.99.7/tcp/4001", "/ip6/2600::1/tcp/4001/ws", "/dns4/chat.example/tcp/443/tls/ws")
PRIVATE = (
    "/ip4/192.168.1.5/tcp/4001",
    "/ip4/10.0.0.1/tcp/4001",
    "/ip6/fd00::1/tcp/1",
    "/ip4/169.254.1.1/tcp/1",
)
LOOPBACK = (
    "/ip4/127.0.0.1/tcp/4001",
    "/ip6/::1/tcp/4001",
    "/dns4/localhost/tcp/4001",
    "/ip6/::ffff:127.0.0.1/tcp/1",
)
NONE = ("/ip4/0.0.0.0/tcp/4001", "/ip4/1.1.1.1/udp/4001/quic-v1", "/ip4/1.1.1.1/tcp/0", "not an address", "")


def full(addr: str, peer: PeerId = ME) -> str:
    return f"{addr}/p2p/{peer}"


def announced(*addrs: str) -> list[str]:
    return [str(Multiaddr(raw)) for raw in addrs_to_announce([full(addr) for addr in addrs])]


@pytest.mark.parametrize("widest", [PUBLIC, PRIVATE, LOOPBACK])
def test_only_the_addresses_with_the_widest_reach_are_told(widest: tuple[str, ...]) -> None:
    narrower = {PUBLIC: PRIVATE + LOOPBACK, PRIVATE: LOOPBACK, LOOPBACK: ()}[widest]
    assert announced(*NONE, *narrower, *widest) == [full(str(Multiaddr(addr))) for addr in widest]


def test_with_nothing_to_dial_nothing_is_told() -> None:
    assert announced(*NONE) == []
    assert addrs_to_announce([]) == []


def others(*addrs: str, peer: PeerId = OTHER) -> Announcement:
    return Announcement(OTHER, tuple(Multiaddr(full(addr, peer)).to_bytes() for addr in addrs))


def test_a_stranger_leads_us_no_farther_in_than_we_are_ourselves() -> None:
    said = others(*PUBLIC[:1], *LOOPBACK[:2], *PRIVATE[:1])
    assert addrs_to_dial(said, [full(PRIVATE[0])]) == [PUBLIC[0], PRIVATE[0]]
    assert addrs_to_dial(said, [full(PUBLIC[0]), full(PRIVATE[0]), full(LOOPBACK[0])]) == [PUBLIC[0]]
    assert addrs_to_dial(said, []) == [PUBLIC[0]]
    assert addrs_to_dial(said, [full(LOOPBACK[0])]) == [PUBLIC[0], *LOOPBACK[:2], PRIVATE[0]]


@pytest.mark.parametrize("own", [LOOPBACK[0], PRIVATE[0], PUBLIC[0]])
def test_a_stranger_leads_us_to_no_service_of_others(own: str) -> None:
    doors = [
        *("/ip4/169.254.169.254/tcp/8080/ws", "/ip4/224.0.0.1/tcp/4001", "/ip4/255.255.255.255/tcp/4001"),
        *("/ip6/::ffff:0.0.0.0/tcp/8080", "/ip6/::ffff:169.254.169.254/tcp/8080", "/ip6/fe80::1/tcp/4001"),
        *("/ip4/198.51.99.7/tcp/22", "/ip4/198.51.99.7/tcp/25", "/ip4/192.168.1.1/tcp/23"),
        *("/dns4/leads.to.loopback.example/tcp/4001", "/dns/localhost/tcp/8080/ws"),
    ]
    for door in doors:
        assert addrs_to_dial(others(door), [full(own)]) == []
    web = "/ip4/198.51.99.7/tcp/443/tls/ws"
    assert addrs_to_dial(others(web), [full(own)]) == [web]


def test_what_cannot_be_dialled_or_is_somebody_elses_is_left_out() -> None:
    relayed = f"/ip4/1.1.1.1/tcp/1/p2p/{ME}/p2p-circuit"
    browser = "/ip4/1.1.1.1/udp/1/webrtc-direct"
    assert addrs_to_dial(others(relayed, browser, "/ip4/0.0.0.0/tcp/1", "/ip4/1.1.1.1/tcp/0"), []) == []
    assert addrs_to_dial(others(PUBLIC[0], peer=ME), []) == []
    assert (
        addrs_to_dial(Announcement(OTHER, (b"\xff" * 9, b"", Multiaddr(f"/p2p/{OTHER}").to_bytes())), [])
        == []
    )


def test_an_announcement_costs_a_few_dials_at_most() -> None:
    many = others(*(f"/ip4/198.51.99.{n}/tcp/4001" for n in range(1, 30)))
    assert len(addrs_to_dial(many, [])) == DIALLED_ADDRS


def segments() -> st.SearchStrategy[str]:
    hosts = st.one_of(
        st.ip_addresses(v=4).map(lambda ip: f"/ip4/{ip}"),
        st.ip_addresses(v=6).map(lambda ip: f"/ip6/{ip}"),
        st.from_regex(r"[a-z0-9.\-]{0,30}", fullmatch=True).map(lambda name: f"/dns4/{name}"),
        st.text(max_size=20),
    )
    ports = st.integers(-1, 70_000).map(lambda port: f"/tcp/{port}") | st.just("/udp/1/quic-v1")
    ends = st.sampled_from(["", "/ws", "/wss", "/tls/ws", "/p2p-circuit"])
    return st.tuples(hosts, ports, ends).map("".join)


@given(st.lists(segments(), max_size=30))
def test_whatever_our_addresses_are_what_is_published_can_be_read_strictly(addrs: list[str]) -> None:
    """A malformed announcement ends universal-connectivity's Rust peer."""
    chosen = addrs_to_announce([full(addr) for addr in addrs])
    if not chosen:
        return
    key_pb = encode_public_key(KEY.public_key)
    raw = encode_announcement(key_pb, chosen)
    read = uc_pb2.Peer.FromString(raw)
    assert read.publicKey == key_pb
    for addr in read.addrs:
        whole = Multiaddr(addr)
        assert [protocol.name for protocol in whole.protocols()][-1] == "p2p"
        assert parse_target(str(whole)).peer == ME
        assert whole.to_bytes() == addr
    assert decode_announcement(raw).addrs == tuple(chosen)


@given(st.lists(st.binary(max_size=60), max_size=20), segments())
def test_whatever_others_say_gives_addresses_or_none(raws: list[bytes], own: str) -> None:
    for addr in addrs_to_dial(Announcement(OTHER, tuple(raws)), [full(own)]):
        assert parse_target(full(addr, OTHER)).addr == addr
