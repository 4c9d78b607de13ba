"""Real nodes in one trio loop, on loopback and port 0. What each was told is kept, and can be waited for."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import trio
from p2pd_daemon.core.admission import Outcome, Verdict
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.push import Ack, AckStatus
from p2pd_daemon.core.record import Record, decode_record, sign_record
from p2pd_daemon.core.uc_direct import OK, DirectRequest, DirectResponse
from p2pd_daemon.net.gossip import Gossip
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.net.network import Network, NetworkConfig, open_network
from p2pd_daemon.net.sync import SyncChannel

TOPIC = "p2pd/1/test"
LOOPBACK = ("/ip4/127.0.0.1/tcp/0",)
TAKEN = DirectResponse(OK, "", 1, "test")


@dataclass
class Recorder:
    """NetworkEvents and ForeignEvents that accept everything and remember it.

    Tests may replace `verdict`, `gate` and `answer`.
    """

    verdict: Callable[[Record], Verdict] = lambda record: Verdict(Outcome.ACCEPT)
    answer_sync: Callable[[SyncChannel], Awaitable[None]] | None = None
    gate: trio.Event | None = None  # while set up and not set, on_record waits
    checked: list[Record] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    sources: list[PeerId] = field(default_factory=list)
    pushed: list[Record] = field(default_factory=list)
    connected: list[tuple[PeerId, bool]] = field(default_factory=list)
    members: list[tuple[str, PeerId, bool]] = field(default_factory=list)
    remembered: dict[PeerId, list[str]] = field(default_factory=dict)
    answer: DirectResponse = TAKEN
    direct: list[tuple[PeerId, DirectRequest]] = field(default_factory=list)
    unwanted: set[PeerId] = field(default_factory=set)
    missed: list[PeerId] = field(default_factory=list)

    def check_record(self, record: Record, source: PeerId) -> Verdict:
        self.checked.append(record)
        return self.verdict(record)

    async def on_record(self, record: Record, source: PeerId, verdict: Verdict) -> None:
        if self.gate is not None:
            await self.gate.wait()
        self.records.append(record)
        self.sources.append(source)

    async def on_push(self, raw: bytes, source: PeerId) -> Ack:
        record = decode_record(raw)
        self.pushed.append(record)
        return Ack(record.id, AckStatus.STORED, "")

    async def on_direct(self, request: DirectRequest, source: PeerId) -> DirectResponse:
        self.direct.append((source, request))
        return self.answer

    def admits(self, peer: PeerId) -> bool:
        return peer not in self.unwanted

    async def on_missed_chat(self, peer: PeerId) -> None:
        self.missed.append(peer)

    async def on_sync(self, channel: SyncChannel) -> None:
        """Ends every session at once, where no test answers it."""
        if self.answer_sync is not None:
            await self.answer_sync(channel)

    async def on_connected(self, peer: PeerId) -> None:
        self.connected.append((peer, True))

    async def on_disconnected(self, peer: PeerId) -> None:
        self.connected.append((peer, False))

    async def on_member(self, topic: str, peer: PeerId, joined: bool) -> None:
        self.members.append((topic, peer, joined))

    async def remember(self, peer: PeerId, addrs: Sequence[str], source: str) -> None:
        self.remembered[peer] = list(addrs)

    def texts(self) -> list[str]:
        return [record.data.decode() for record in self.records]


@dataclass
class Node:
    key: SigningKey
    network: Network
    events: Recorder
    _seqno: itertools.count[int] = field(default_factory=lambda: itertools.count(1_000))

    @property
    def peer_id(self) -> PeerId:
        return self.network.peer_id

    @property
    def addr(self) -> str:
        return self.network.addrs()[0]

    @property
    def opened(self) -> OpenHost:
        return self.network._opened

    @property
    def gossip(self) -> Gossip:
        return self.network._gossip

    def record(self, text: str, topic: str = TOPIC) -> Record:
        return sign_record(self.key, next(self._seqno), topic, text.encode())

    async def say(self, text: str, topic: str = TOPIC) -> int:
        return await self.network.publish(self.record(text, topic))


def new_key() -> SigningKey:
    return SigningKey.from_seed(os.urandom(32))


@asynccontextmanager
async def open_node(
    *topics: str,
    key: SigningKey | None = None,
    listen: tuple[str, ...] = LOOPBACK,
    bootstrap: tuple[str, ...] = (),
    limits: Limits | None = None,
    known: Sequence[tuple[PeerId, Sequence[str]]] = (),
) -> AsyncIterator[Node]:
    key = key or new_key()
    config = NetworkConfig(listen=listen, bootstrap=bootstrap, mdns=False, limits=limits or Limits())
    events = Recorder()
    async with open_network(key, config, events, known, foreign=events) as network:
        for topic in topics:
            await network.subscribe(topic)
        yield Node(key, network, events)


@asynccontextmanager
async def open_nodes(count: int, *topics: str) -> AsyncIterator[list[Node]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(open_node(*topics)) for _ in range(count)]


async def join_up(nodes: Sequence[Node], pairs: Sequence[tuple[int, int]], topic: str = TOPIC) -> None:
    """Connect the pairs and wait until both of each know that the other is in the topic."""
    for one, other in pairs:
        await nodes[one].network.connect(nodes[other].addr)
    for one, other in pairs:
        await until(lambda a=nodes[one], b=nodes[other]: meet(a, b, topic))


def meet(a: Node, b: Node, topic: str = TOPIC) -> bool:
    """Each can send to the other in the topic."""
    return all(
        there.peer_id in here.network.members(topic) and there.opened.own_id in here.gossip.pubsub.peer_queues
        for here, there in ((a, b), (b, a))
    )


async def until(condition: Callable[..., bool], seconds: float = 30) -> None:
    """Wait for something that has no event of its own."""
    with trio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110
            await trio.sleep(0.005)


async def many(count: int, attack: Callable[[int], Awaitable[None]], at_once: int = 20) -> None:
    """Run attack(0) to attack(count - 1), some at once."""
    limiter = trio.CapacityLimiter(at_once)

    async def one(index: int) -> None:
        async with limiter:
            await attack(index)

    async with trio.open_nursery() as nursery:
        for index in range(count):
            nursery.start_soon(one, index)


async def chat(a: Node, b: Node, text: str, seconds: float = 30) -> None:
    """Both hear the other."""
    await a.say(f"{text}, from a")
    await b.say(f"{text}, from b")
    await until(
        lambda: f"{text}, from b" in a.events.texts() and f"{text}, from a" in b.events.texts(), seconds
    )


def full_mesh(count: int) -> list[tuple[int, int]]:
    return list(itertools.combinations(range(count), 2))


def line(count: int) -> list[tuple[int, int]]:
    return [(index, index + 1) for index in range(count - 1)]


def star(count: int) -> list[tuple[int, int]]:
    return [(0, index) for index in range(1, count)]
