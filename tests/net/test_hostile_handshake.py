"""Strangers who never get as far as a connection: garbage in handshakes, and handshakes that are not finished."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import random
import ssl
from pathlib import Path

import pytest
import trio
import trio.testing
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from libp2p.peer.peerinfo import info_from_p2p_addr
from multiaddr import Multiaddr
from net.support import LOOPBACK, TOPIC, chat, join_up, many, new_key, open_node, open_nodes, until
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.errors import NetworkError
from p2pd_daemon.net.addresses import host_and_port
from p2pd_daemon.net.half_open import HALF_OPEN, HANDSHAKE_S, HalfOpen
from p2pd_daemon.net.host import open_host
from p2pd_daemon.net.interface import NetworkConfig

BOTH = (*LOOPBACK, "/ip4/127.0.0.1/tcp/0/ws")


@pytest.mark.slow
async def test_garbage_in_place_of_every_handshake() -> None:
    """Raw TCP, multistream, noise, and on the WebSocket port."""
    openings = [
        b"",
        b"\x13/multistream/1.0.0\n",
        b"\x13/multistream/1.0.0\n\x07/noise\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ]
    rng = random.Random(4)
    with trio.fail_after(180):
        async with open_node(TOPIC, listen=BOTH) as target, open_node(TOPIC) as friend:
            await join_up([friend, target], [(0, 1)])
            ports = [host_and_port(Multiaddr(addr))[1] for addr in target.network.addrs()]

            async def attack(index: int) -> None:
                with contextlib.suppress(trio.BrokenResourceError, OSError):
                    async with await trio.open_tcp_stream("127.0.0.1", ports[index % 2]) as stream:
                        await stream.send_all(openings[index // 2 % 4] + rng.randbytes(rng.randrange(300)))
                        with trio.move_on_after(0.02):
                            await stream.receive_some()

            await many(1000, attack)
            await chat(target, friend, "after the attack")
            for addr in target.network.addrs():
                async with open_node(TOPIC) as newcomer:
                    await newcomer.network.connect(addr)
                    await until(lambda newcomer=newcomer: newcomer.network.members(TOPIC) != [])
                    await chat(target, newcomer, f"a newcomer at {addr}")


@pytest.mark.slow
@pytest.mark.parametrize("listener", [0, 1], ids=["tcp", "websocket"])
async def test_400_half_open_connections_lock_nobody_out(listener: int) -> None:
    """libp2p takes 250 inbound connections in all and gives a handshake 10 s, on WebSocket any number and 60 s."""
    with trio.fail_after(60):
        async with open_node(TOPIC, listen=BOTH) as target, open_node(TOPIC) as friend:
            host, port = host_and_port(Multiaddr(target.network.addrs()[listener]))
            idle = [await trio.open_tcp_stream(host, port) for _ in range(400)]
            await until(lambda: len(target.opened.swarm.half_open) == HALF_OPEN)
            start = trio.current_time()
            connected = await friend.network.connect(target.network.addrs()[listener])
            took = trio.current_time() - start
            still_there = len(target.opened.swarm.half_open)
            assert took < HANDSHAKE_S / 2 or still_there > HALF_OPEN / 2, (
                "it waited until others had to leave"
            )
            assert connected.peer_id == target.peer_id
            for stream in idle:
                await trio.aclose_forcefully(stream)
            await until(lambda: friend.network.members(TOPIC) != [])
            await chat(target, friend, "after the attack")


@pytest.mark.slow
async def test_garbage_in_place_of_tls(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    config = NetworkConfig(
        listen=("/ip4/127.0.0.1/tcp/0/wss",), tls_certificate=str(certificate), tls_key=str(key)
    )
    rng = random.Random(6)
    with trio.fail_after(60):
        async with open_host(new_key(), config) as target:
            assert "/wss/" in target.addrs()[0]
            _, port = host_and_port(Multiaddr(target.addrs()[0]))

            async def attack(index: int) -> None:
                with contextlib.suppress(trio.BrokenResourceError, OSError):
                    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                        await stream.send_all(rng.randbytes(rng.randrange(1, 300)))
                        with trio.move_on_after(0.02):
                            await stream.receive_some()

            await many(100, attack)
            trust = ssl.create_default_context(cafile=str(certificate))
            stream = await trio.open_ssl_over_tcp_stream("127.0.0.1", port, ssl_context=trust)
            await stream.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 400")
            await stream.aclose()


def self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


async def test_the_address_that_holds_most_half_open_connections_gives_way() -> None:
    given_up: list[str] = []

    async def handshake(half_open: HalfOpen, ip: str, name: str) -> None:
        with half_open.slot(ip):
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                given_up.append(name)
                raise

    with trio.fail_after(60):
        half_open = HalfOpen(4)
        async with trio.open_nursery() as nursery:
            for ip, name in [("1", "honest"), ("2", "a"), ("2", "b"), ("2", "c"), ("2", "d"), ("3", "e")]:
                nursery.start_soon(handshake, half_open, ip, name)
                await trio.testing.wait_all_tasks_blocked()
            assert given_up == ["a", "b"]
            assert len(half_open) == 4
            nursery.cancel_scope.cancel()
        assert len(half_open) == 0


async def test_connections_are_limited() -> None:
    with trio.fail_after(60):
        async with open_node(TOPIC, limits=Limits(connections=1)) as target, open_nodes(2, TOPIC) as (a, b):
            await join_up([a, target], [(0, 1)])
            with contextlib.suppress(NetworkError):
                await b.network.connect(target.addr, timeout=2)
            await until(lambda: b.network.peers() == [])
            await until(lambda: [peer.peer_id for peer in target.network.peers()] == [a.peer_id])
            await chat(a, target, "still here")


@pytest.mark.slow
async def test_more_than_250_connections_in_a_lifetime() -> None:
    """libp2p keeps the slot of each inbound connection for ever (swarm.py:1990)."""
    with trio.fail_after(60):
        async with (
            open_node(TOPIC) as target,
            open_host(new_key(), NetworkConfig(listen=LOOPBACK)) as visitor,
        ):
            target.opened.swarm._inbound_limiter.total_tokens = 8
            for _ in range(12):
                await visitor.host.connect(info_from_p2p_addr(Multiaddr(target.addr)))
                await visitor.host.disconnect(target.opened.own_id)
                await until(lambda: not target.network.peers())
