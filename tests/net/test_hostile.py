"""A hostile peer costs itself only: after each attack the others chat as before, and so does a newcomer.

The attacker is a libp2p host of ours, or a plain socket, that sends what the protocols do not allow.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import trio
import trio.testing
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub.pb import rpc_pb2
from multiaddr import Multiaddr
from net.support import LOOPBACK, TOPIC, Node, chat, join_up, many, new_key, open_node, open_nodes, until
from p2pd_daemon.core.push import encode_frame
from p2pd_daemon.net.host import OpenHost, open_host
from p2pd_daemon.net.interface import NetworkConfig

MESHSUB = TProtocol("/meshsub/1.1.0")
PROTOCOLS = [
    "/meshsub/1.1.0",
    "/meshsub/1.0.0",
    "/ipfs/id/1.0.0",
    "/ipfs/id/push/1.0.0",
    "/ipfs/ping/1.0.0",
    "/p2pd/push/1.0.0",
    "/p2pd/sync/1.0.0",
    "/chat/1.0.0",
    "/universal-connectivity/dm/1.0.0",
]


@dataclass
class Attacker:
    opened: OpenHost
    target: Node

    async def stream(self, protocol: str) -> INetStream:
        """A stream to the target, on a new connection if it has cut the last one."""
        await self.opened.host.connect(info_from_p2p_addr(Multiaddr(self.target.addr)))
        return await self.opened.host.new_stream(self.target.opened.own_id, [TProtocol(protocol)])


@asynccontextmanager
async def under_attack(seconds: float = 60) -> AsyncIterator[tuple[Node, Node, Attacker]]:
    """Two friends and an attacker; at the end the friends, and a newcomer, chat with the attacked one."""
    with trio.fail_after(seconds):
        async with (
            open_nodes(2, TOPIC) as (target, friend),
            open_host(new_key(), NetworkConfig(listen=LOOPBACK)) as opened,
        ):
            await join_up([target, friend], [(0, 1)])
            yield target, friend, Attacker(opened, target)
            await chat(target, friend, "after the attack")
            async with open_node(TOPIC) as newcomer:
                await join_up([newcomer, target], [(0, 1)])
                await chat(target, newcomer, "a newcomer")
            ups = [up for peer, up in target.events.connected if peer == friend.peer_id]
            assert ups == [True]  # and were connected all the time


def garbage(rng: random.Random) -> bytes:
    """Random bytes, or a well-formed frame of random bytes, or a frame that promises more than it holds."""
    noise = rng.randbytes(rng.randrange(1, 200))
    return rng.choice([noise, encode_frame(noise), b"\xff\xff\x7f" + noise, b"\xff" * 12, b"\x00"])


async def send(stream: INetStream, content: bytes) -> None:
    try:
        await stream.write(content)
        await stream.close()
    except Exception:  # the target may have reset it
        pass


async def garbage_streams(attacker: Attacker, protocol: str, count: int) -> int:
    """Opens `count` streams, a few at once; returns how many the target took."""
    rng = random.Random(1)
    opened = 0

    async def attack(index: int) -> None:
        nonlocal opened
        try:
            stream = await attacker.stream(protocol)
        except BaseLibp2pError:  # the target allows few of these at once
            return
        opened += 1
        await send(stream, garbage(rng))

    await many(count, attack)
    return opened


@pytest.mark.slow
async def test_trap_02_garbage_streams_on_every_protocol() -> None:
    async with under_attack() as (target, _, attacker):
        assert {str(name) for name in target.opened.host.get_mux().get_protocols()} <= set(PROTOCOLS)
        for protocol in PROTOCOLS:
            assert await garbage_streams(attacker, protocol, 100) > 20
        connection = target.opened.swarm.connections[attacker.opened.own_id][0].muxed_conn
        await until(lambda: len(connection.streams) < 10)  # type: ignore[attr-defined]  # yamux has it


@pytest.mark.all
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_trap_02_a_thousand_garbage_streams(protocol: str) -> None:
    async with under_attack() as (_, __, attacker):
        opened = 0
        while opened < 1000:
            opened += await garbage_streams(attacker, protocol, 200)


@pytest.mark.slow
async def test_trap_01_malformed_frames_one_after_another() -> None:
    async with under_attack() as (target, _, attacker):
        rng = random.Random(2)
        for _ in range(1000):
            stream = await attacker.stream(MESHSUB)
            await send(stream, encode_frame(b"\xff" + rng.randbytes(20)))
        assert target.network.dropped["bad_frame"] > 900


@pytest.mark.slow
async def test_trap_01_messages_with_bad_keys_and_authors() -> None:
    """pubsub/validators.py:60 raises for a `key` that is none, with a `from` that does not contain the key."""
    async with under_attack() as (target, _, attacker):
        rng = random.Random(3)
        stream = await attacker.stream(MESHSUB)
        for _ in range(1000):
            message = rpc_pb2.Message(
                from_id=rng.choice([b"", b"\x12\x20" + rng.randbytes(32), target.opened.own_id.to_bytes()]),
                seqno=rng.randbytes(rng.choice([0, 8, 8, 9])),
                topicIDs=rng.choice([[TOPIC], [TOPIC, TOPIC], [TOPIC, "other"]]),
                data=rng.randbytes(20),
                signature=rng.randbytes(64),
                key=rng.randbytes(rng.choice([0, 30])),
            )
            await stream.write(encode_frame(rpc_pb2.RPC(publish=[message]).SerializeToString()))
        await until(
            lambda: target.network.dropped["bad_record"] + target.network.dropped["bad_signature"] > 500
        )
        assert target.events.checked == []


@pytest.mark.slow
async def test_control_messages_and_subscriptions_of_a_hostile_peer_are_bounded() -> None:
    async with under_attack() as (target, _, attacker):
        stream = await attacker.stream(MESHSUB)
        control = rpc_pb2.ControlMessage()
        for number in range(5000):
            control.graft.add(topicID=f"made up {number}")
            control.prune.add(topicID=f"made up {number}", backoff=1 << 60)
            control.ihave.add(topicID=f"made up {number}", messageIDs=[b"%d" % number])
        control.iwant.add(messageIDs=[b"%d" % number for number in range(20_000)])
        subscriptions = [rpc_pb2.RPC.SubOpts(subscribe=True, topicid=f"topic {n}") for n in range(4000)]
        for rpc in (rpc_pb2.RPC(subscriptions=subscriptions), rpc_pb2.RPC(control=control)):
            await stream.write(encode_frame(rpc.SerializeToString()))
        await until(lambda: target.network.dropped["subscription_limit"] == 3000)
        await chat(target, _, "meanwhile")
        router = target.gossip.router
        assert len(target.gossip.pubsub.peer_topics) <= 1001
        assert not router.back_off
        assert not any(name.startswith("made up") for name in router.mesh)


@pytest.mark.slow
async def test_a_peer_that_opens_streams_and_leaves_them_open() -> None:
    async with under_attack() as (target, _, attacker):
        await attacker.stream("/ipfs/ping/1.0.0")
        connection = attacker.opened.swarm.connections[target.opened.own_id][0]
        for _ in range(200):
            await connection.new_stream()
        await until(lambda: target.network.dropped["stream_limit"] >= 130)


@pytest.mark.slow
async def test_garbage_in_place_of_yamux() -> None:
    async with under_attack() as (target, _, attacker):
        rng = random.Random(5)
        for number in range(12):
            await attacker.stream("/ipfs/ping/1.0.0")
            muxer: Any = attacker.opened.swarm.connections[target.opened.own_id][0].muxed_conn
            frames = [
                rng.randbytes(12 * rng.randrange(1, 20)),
                b"\x00\x00\x00\x01" + rng.randbytes(4) + b"\x7f\xff\xff\xff",  # a stream with 2 GiB to come
                b"\x00\x00\x00\x00" + rng.randbytes(4) + b"\x00\x00\x00\x08" + rng.randbytes(8),
                b"\x00\x01\x00\x01" + number.to_bytes(4) + b"\xff\xff\xff\xff",
            ]
            frame = rng.choice(frames)
            muxer.outbox.put(frame, size=len(frame))
            await attacker.opened.host.disconnect(target.opened.own_id)
