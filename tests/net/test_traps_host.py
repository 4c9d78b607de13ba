"""The traps of LIBP2P.md that concern the host: each test fails when its work-around is taken away."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio
import trio.testing
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.peer.peerinfo import info_from_p2p_addr
from multiaddr import Multiaddr
from net.support import LOOPBACK, TOPIC, chat, join_up, new_key, open_node, open_nodes, until
from p2pd_daemon.errors import AddressInUse, BadMultiaddr, NetworkError
from p2pd_daemon.net.addresses import host_and_port
from p2pd_daemon.net.host import OpenHost, open_host
from p2pd_daemon.net.interface import NetworkConfig

TEST = TProtocol("/test/1.0.0")


async def connect(one: OpenHost, other: OpenHost) -> None:
    await one.host.connect(info_from_p2p_addr(Multiaddr(other.addrs()[0])))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def test_trap_02_an_exception_in_a_stream_handler_costs_the_stream() -> None:
    async def handle(stream: INetStream) -> None:
        raise RuntimeError("a bug in a handler")

    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            alice.opened.host.set_stream_handler(TEST, handle)
            await join_up([alice, bob], [(0, 1)])
            with contextlib.suppress(BaseLibp2pError):  # it may be reset while it is being opened
                await bob.opened.host.new_stream(alice.opened.own_id, [TEST])
            await until(lambda: alice.network.dropped["stream_fault"] == 1)
            await chat(alice, bob, "still here")


@pytest.mark.slow
async def test_trap_02_a_failing_task_of_a_connection_costs_the_connection() -> None:
    """libp2p cancels the whole swarm when a task that it runs raises."""

    class Broken:
        async def start(self) -> None:
            raise RuntimeError("a bug in the muxer")

    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            alice.opened.swarm.manager.run_task(Broken().start)
            await join_up([alice, bob], [(0, 1)])
            await chat(alice, bob, "still here")


FROZEN = """
import sys, trio
sys.path.insert(0, {tests!r})
from net.support import TOPIC, open_node

async def main():
    async with open_node(TOPIC) as node:
        print(node.addr, flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


@pytest.mark.slow
async def test_trap_09_a_frozen_peer_is_noticed_within_ten_seconds() -> None:
    script = FROZEN.format(tests=str(Path(__file__).parent.parent))
    with trio.fail_after(60):
        child = await trio.lowlevel.open_process([sys.executable, "-c", script], stdout=subprocess.PIPE)
        try:
            assert child.stdout is not None
            addr = (await child.stdout.receive_some()).decode().strip()
            async with open_node(TOPIC) as alice:
                await alice.network.connect(addr)
                await until(lambda: len(alice.network.members(TOPIC)) == 1)
                await until(lambda: alice.network.peers()[0].rtt_ms is not None)
                os.kill(child.pid, signal.SIGSTOP)
                await until(lambda: not alice.network.peers(), 10)
                await until(lambda: alice.events.connected[-1][1] is False)
                assert alice.network.members(TOPIC) == []
                os.kill(child.pid, signal.SIGCONT)
                await until(lambda: len(alice.network.members(TOPIC)) == 1)  # dialled again
        finally:
            child.kill()
            await child.wait()
            if child.stdout is not None:
                await child.stdout.aclose()


async def test_trap_11_only_yamux_noise_and_tls_are_offered() -> None:
    with trio.fail_after(60):
        async with open_host(new_key(), NetworkConfig(listen=LOOPBACK)) as opened:
            upgrader = opened.swarm.upgrader
            assert set(upgrader.muxer_multistream.transports) == {"/yamux/1.0.0"}
            assert set(upgrader.security_multistream.transports) == {"/noise", "/tls/1.0.0"}


@pytest.mark.slow
async def test_trap_12_streams_that_a_handler_leaves_open_are_closed() -> None:
    """256 of them would make the next new_stream wait for ever."""

    async def handle(stream: INetStream) -> None:
        await stream.write(b"hello")

    with trio.fail_after(60):
        async with open_nodes(2) as (alice, bob):
            alice.opened.host.set_stream_handler(TEST, handle)
            await connect(bob.opened, alice.opened)
            for _ in range(300):
                stream = await bob.opened.host.new_stream(alice.opened.own_id, [TEST])
                assert await stream.read(5) == b"hello"
                await stream.close()
            for here, there in ((alice, bob), (bob, alice)):
                muxer = here.opened.swarm.connections[there.opened.own_id][0].muxed_conn
                await until(lambda muxer=muxer: len(muxer.streams) < 10)


@pytest.mark.slow
async def test_trap_12_who_reads_a_stream_that_is_reset_is_woken() -> None:
    with trio.fail_after(60):
        async with open_nodes(2) as (alice, bob), trio.open_nursery() as nursery:

            async def handle(stream: INetStream) -> None:
                await trio.sleep_forever()

            alice.opened.host.set_stream_handler(TEST, handle)
            await connect(bob.opened, alice.opened)
            stream = await bob.opened.host.new_stream(alice.opened.own_id, [TEST])
            woken = trio.Event()

            async def read() -> None:
                with contextlib.suppress(Exception):
                    await stream.read(5)
                woken.set()

            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked(0.05)
            await stream.reset()
            await woken.wait()


@pytest.mark.parametrize("suffix", ["", "/ws"])
async def test_trap_13_a_port_in_use_is_an_error(suffix: str) -> None:
    with trio.fail_after(60):
        async with open_host(new_key(), NetworkConfig(listen=(f"/ip4/127.0.0.1/tcp/0{suffix}",))) as first:
            _, port = host_and_port(Multiaddr(first.addrs()[0].partition("/p2p/")[0]))
            for host in ("127.0.0.1", "0.0.0.0"):
                with pytest.raises(AddressInUse, match=str(port)):
                    async with open_host(
                        new_key(), NetworkConfig(listen=(f"/ip4/{host}/tcp/{port}{suffix}",))
                    ):
                        pass


async def test_trap_13_tcp_and_websocket_need_a_port_each() -> None:
    port = free_port()
    listen = (f"/ip4/127.0.0.1/tcp/{port}", f"/ip4/127.0.0.1/tcp/{port}/ws")
    with trio.fail_after(60), pytest.raises(AddressInUse):
        async with open_host(new_key(), NetworkConfig(listen=listen)):
            pass


@pytest.mark.parametrize(
    ("addr", "error"),
    [
        ("/ip4/192.0.2.1/tcp/0", NetworkError),  # not an address of this machine
        ("/ip4/127.0.0.1/tcp/0/wss", NetworkError),  # without a certificate
        ("/ip4/127.0.0.1/udp/0/quic-v1", BadMultiaddr),
        ("/ip4/300.0.0.1/tcp/1", BadMultiaddr),
        ("127.0.0.1:4001", BadMultiaddr),
    ],
)
async def test_trap_13_what_cannot_be_listened_on_is_an_error(addr: str, error: type[NetworkError]) -> None:
    with trio.fail_after(60), pytest.raises(error) as raised:
        async with open_host(new_key(), NetworkConfig(listen=(addr,))):
            pass
    assert raised.value.hint


async def test_trap_13_real_addresses_are_announced() -> None:
    with trio.fail_after(60):
        for listen in ("/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/0"):
            async with open_host(new_key(), NetworkConfig(listen=(listen,))) as opened:
                for addr in opened.addrs():
                    assert "/0.0.0.0/" not in addr
                    assert "/::/" not in addr
                    assert addr.endswith(f"/p2p/{opened.peer_id}")


async def test_trap_14_closing_frees_the_port() -> None:
    with trio.fail_after(60):
        port = free_port()
        config = NetworkConfig(listen=(f"/ip4/127.0.0.1/tcp/{port}",))
        async with open_host(new_key(), NetworkConfig(listen=LOOPBACK)) as other:
            for _ in range(3):
                async with open_host(new_key(), config) as opened:
                    await connect(other, opened)


@pytest.mark.slow
async def test_trap_14_closing_while_others_are_busy_with_us() -> None:
    with trio.fail_after(60):
        async with open_nodes(3, TOPIC) as (alice, bob, carol):
            for _ in range(4):
                async with trio.open_nursery() as nursery, open_node(TOPIC) as dave:
                    await join_up([dave, alice, bob, carol], [(0, 1), (0, 2), (0, 3)])

                    async def open_streams(peer: OpenHost, target: OpenHost = dave.opened) -> None:
                        with contextlib.suppress(Exception):
                            while True:
                                stream = await peer.host.new_stream(
                                    target.own_id, [TProtocol("/ipfs/ping/1.0.0")]
                                )
                                await stream.reset()

                    for node in (alice, bob, carol):
                        nursery.start_soon(open_streams, node.opened)
                    for number in range(50):
                        await dave.say(f"{number}")
            await join_up([alice, bob], [(0, 1)])
            await chat(alice, bob, "still here")


async def test_an_error_in_the_block_leaves_as_itself() -> None:
    """Not in a group of groups, though several nurseries are passed on the way."""
    with trio.fail_after(60), pytest.raises(LookupError, match="mine"):
        async with open_node(TOPIC):
            raise LookupError("mine")


NOISE = """
import logging, sys, trio
sys.path.insert(0, {tests!r})
from net.support import open_node

async def main():
    async with open_node():
        logging.getLogger("libp2p.anything").error("a stranger's doing")
        logging.debug("makes a root handler on stderr")
        logging.warning("which would print this")

trio.run(main)
"""


@pytest.mark.slow
async def test_libp2p_writes_nothing_to_stderr() -> None:
    script = NOISE.format(tests=str(Path(__file__).parent.parent))
    with trio.fail_after(60):
        done = await trio.run_process(
            [sys.executable, "-c", script], capture_stdout=True, capture_stderr=True
        )
    assert (done.stdout, done.stderr) == (b"", b"")
