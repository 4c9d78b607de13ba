"""Dialling: each way to fail has its own error, in time, with words for a person. Loopback, port 0, `fail_after`."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from net.support import Node, new_key, open_node, until
from p2pd_daemon.errors import (
    BadMultiaddr,
    BadPeerId,
    ConnectionRefused,
    DialFailed,
    DialTimeout,
    P2pdError,
    PeerUnreachable,
    SelfDial,
    WrongPeerId,
)
from p2pd_daemon.net.dial import dial
from p2pd_daemon.net.schedule import Kind
from p2pd_daemon.net.targets import Target, parse_target
from p2pd_daemon.net.websocket import GuardedWebsocket

PEER = "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"
ANSWERS = [
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nno\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    b"\0" * 100,
    b"",
]
BOTH = ("/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0/ws")


@pytest.fixture
async def limit() -> AsyncIterator[None]:
    with trio.fail_after(60):
        yield


@pytest.fixture
async def node(limit: None) -> AsyncIterator[Node]:
    async with open_node() as opened:
        yield opened


@pytest.fixture
def closed() -> Iterator[int]:
    """A port that is bound, so that nobody else takes it, and refuses connections."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that accepts and never says a word."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(5)
        yield sock.getsockname()[1]


def at(port: int, peer: str = PEER, rest: str = "") -> str:
    return f"/ip4/127.0.0.1/tcp/{port}{rest}/p2p/{peer}"


def port_of(addr: str) -> int:
    found = re.search(r"/tcp/(\d+)", addr)
    assert found
    return int(found[1])


async def test_connects_and_is_quick_when_connected(node: Node) -> None:
    async with open_node() as other:
        first = await node.network.connect(other.addr)
        assert first.peer_id == other.peer_id
        assert first.addr == other.addr.partition("/p2p/")[0]
        assert 0 < first.ms < 2000
        again = await node.network.connect(other.addr)
        assert again.ms == 0
        assert (await node.network.connect(other.peer_id)).peer_id == other.peer_id


async def test_connects_over_websocket_and_by_name(node: Node) -> None:
    async with open_node(listen=BOTH) as other:
        for addr in other.network.addrs():
            done = await node.network.connect(addr.replace("/ip4/127.0.0.1/", "/dns4/localhost/"))
            assert done.addr.startswith("/dns4/localhost/")
            await node.network.disconnect(other.peer_id)
            assert not node.network.is_connected(other.peer_id)


async def test_a_peer_is_shown_at_the_address_that_was_dialled(node: Node) -> None:
    async with open_node(listen=BOTH) as other:
        for addr in other.network.addrs():
            await node.network.connect(addr)
            assert [shown.addrs for shown in node.network.peers()] == [(addr,)]
            await node.network.disconnect(other.peer_id)


@pytest.mark.parametrize("rest", ["", "/ws"])
async def test_closed_port(node: Node, closed: int, rest: str) -> None:
    with pytest.raises(ConnectionRefused) as caught:
        await node.network.connect(at(closed, rest=rest))
    assert str(closed) in caught.value.message
    assert "p2pd addrs" in caught.value.hint


@pytest.mark.slow
async def test_silent_port(node: Node, silent: int) -> None:
    with trio.fail_after(60), pytest.raises(DialTimeout) as caught:
        await node.network.connect(at(silent), 1.0)
    assert "within 1 s" in caught.value.message


async def test_wrong_peer_id_names_both(node: Node) -> None:
    async with open_node() as other:
        with pytest.raises(WrongPeerId) as caught:
            await node.network.connect(at(port_of(other.addr)))
        assert PEER in caught.value.message
        assert other.peer_id in caught.value.message


async def test_own_address_under_whatever_name(node: Node) -> None:
    for target in (node.addr, node.peer_id, f"/p2p/{node.peer_id}", at(port_of(node.addr))):
        with pytest.raises(SelfDial):
            await node.network.connect(target)


@pytest.mark.parametrize("rest", ["", "/ws"])
@pytest.mark.parametrize("said", ANSWERS)
async def test_something_else_answers(node: Node, said: bytes, rest: str) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")

    async def answer(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(said)
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, answer, listeners)
        with pytest.raises(DialFailed) as caught:
            await node.network.connect(at(listeners[0].socket.getsockname()[1], rest=rest))
        assert "not as a libp2p peer" in caught.value.message
        nursery.cancel_scope.cancel()
    async with open_node() as other:  # it cost nothing but that dial
        await node.network.connect(other.addr)


async def test_websocket_dials_are_not_counted_for_ever(node: Node) -> None:
    transports = node.opened.swarm.transport_manager.get_transports()
    transport = next(one for one in transports if isinstance(one, GuardedWebsocket))
    transport._config.max_connections = 1
    async with open_node(listen=BOTH) as other:
        for _ in range(3):
            await node.network.connect(other.network.addrs()[1])
            await node.network.disconnect(other.peer_id)


async def test_name_that_does_not_resolve(node: Node) -> None:
    with pytest.raises(PeerUnreachable, match="cannot be resolved"):
        await node.network.connect(f"/dns4/no-such-name.invalid/tcp/1/p2p/{PEER}")


async def test_nothing_known(node: Node) -> None:
    with pytest.raises(PeerUnreachable, match="no address") as caught:
        await node.network.connect(PEER)
    assert "--bootstrap" in caught.value.hint


@pytest.mark.slow
async def test_a_live_address_behind_dead_ones(node: Node, closed: int, silent: int) -> None:
    """Trap 10: libp2p tries one address for each transport and gives up."""
    async with open_node() as other:
        ports = (closed, silent, port_of(other.addr))
        targets = [Target(other.peer_id, f"/ip4/127.0.0.1/tcp/{port}") for port in ports]
        done = await dial(node.opened, targets, 5)
        assert port_of(done.addr) == port_of(other.addr)
        assert done.ms < 2000
        await node.network.disconnect(other.peer_id)
        with pytest.raises(PeerUnreachable) as caught:
            await dial(node.opened, targets[:2], 1)
        assert str(closed) in caught.value.message
        assert str(silent) in caught.value.message


async def test_a_failed_dial_does_not_stand_in_the_way_of_the_next(node: Node, closed: int) -> None:
    """Trap 8: libp2p refuses a peer for 60 s after a failed dial."""
    key = new_key()
    for _ in range(2):
        with pytest.raises(ConnectionRefused):
            await node.network.connect(at(closed, key.peer_id))
    async with open_node(key=key) as other:
        await node.network.connect(other.addr)


async def test_by_peer_id_through_remembered_addresses(limit: None) -> None:
    async with open_node() as other, open_node() as node:
        node.network._dialler.schedule.hold(other.peer_id, 0)  # only `connect` shall dial
        node.network._dialler.learn(other.peer_id, [other.addr], Kind.KNOWN)
        done = await node.network.connect(other.peer_id)
        assert done.addr == other.addr.partition("/p2p/")[0]
        await until(lambda: other.peer_id in node.events.remembered)
        assert node.events.remembered[other.peer_id] == [other.addr]
        # The other side learns by identify where it can dial us.
        await until(lambda: other.events.remembered.get(node.peer_id) == [node.addr])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "203.0.113.7:4100",
        "http://203.0.113.7",
        "/ip4/203.0.113.7/tcp/4100",
        "/ip4/203.0.113.7/tcp/4100/p2p/nonsense",
        "/ip4/203.0.113/tcp/4100/p2p/" + PEER,
        "/ip4/203.0.113.7/tcp/99999/p2p/" + PEER,
        "/ip4/203.0.113.7/tcp/0/p2p/" + PEER,
        "/ip4/0.0.0.0/tcp/4100/p2p/" + PEER,
        "/ip6/::/tcp/4100/p2p/" + PEER,
        "/ip4/203.0.113.7/udp/4100/quic-v1/p2p/" + PEER,
        "/ip4/203.0.113.7/p2p/" + PEER,
        f"/ip4/203.0.113.7/tcp/4100/p2p/{PEER}/p2p-circuit/p2p/{PEER}",
        "/" + "x" * 2000,
        "/ip4",
        "/",
    ],
)
def test_malformed_is_named_and_a_right_one_shown(text: str) -> None:
    with pytest.raises(BadMultiaddr) as caught:
        parse_target(text)
    assert caught.value.message
    assert caught.value.hint
    assert len(caught.value.message) < 1200


def test_a_word_is_no_peer_id() -> None:
    with pytest.raises(BadPeerId, match="lobby"):
        parse_target("lobby")


@given(
    st.one_of(st.text(max_size=80), st.text("/ip46tcpdnsws0123.:", max_size=60).map(lambda text: "/" + text))
)
def test_any_text_is_a_target_or_an_error_with_a_hint(text: str) -> None:
    failed: P2pdError | None = None
    try:
        target = parse_target(text)
    except P2pdError as error:
        failed = error
    if failed is not None:
        assert failed.hint
        assert failed.exit_code == 2
    else:
        assert not target.addr or parse_target(target.full) == target
