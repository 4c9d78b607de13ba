"""What a host announces, without any network."""

from __future__ import annotations

import pytest
from multiaddr import Multiaddr
from p2pd_daemon.errors import BadMultiaddr
from p2pd_daemon.net.addresses import Announcer, expand, interface_ips


def test_unspecified_addresses_become_those_of_the_interfaces() -> None:
    listening = [
        Multiaddr("/ip4/0.0.0.0/tcp/2/ws"),
        Multiaddr("/ip4/0.0.0.0/tcp/1"),
        Multiaddr("/ip6/::/tcp/1"),
    ]
    ips = ["10.0.0.1", "192.168.7.9", "2001:db8::1"]
    assert [str(addr) for addr in expand(listening, lambda: ips)] == [
        "/ip4/10.0.0.1/tcp/1",
        "/ip4/192.168.7.9/tcp/1",
        "/ip6/2001:db8::1/tcp/1",
        "/ip4/10.0.0.1/tcp/2/ws",
        "/ip4/192.168.7.9/tcp/2/ws",
    ]
    assert list(expand([Multiaddr("/ip4/10.1.1.1/tcp/1")], lambda: ips)) == [Multiaddr("/ip4/10.1.1.1/tcp/1")]


def test_what_is_to_be_announced_replaces_the_rest() -> None:
    announcer = Announcer(["/dns4/chat.example.org/tcp/443/wss"])
    assert announcer([Multiaddr("/ip4/0.0.0.0/tcp/1")]) == [Multiaddr("/dns4/chat.example.org/tcp/443/wss")]
    with pytest.raises(BadMultiaddr):
        Announcer(["chat.example.org"])


def test_interface_addresses_can_be_dialled() -> None:
    ips = interface_ips()
    assert ips
    assert not any(ip.startswith("fe80") for ip in ips)
