"""A daemon among hostile peers: each attack costs the attacker's own streams, and the honest go on chatting.

The attacker is a libp2p host in this process, or a plain socket. What the guards do in detail is tested in tests/net.
"""

from __future__ import annotations

import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
from e2e.harness import LOOPBACK, P2PD, Daemon, clean_environment, eventually, open_net
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub.pb import rpc_pb2
from multiaddr import Multiaddr
from p2pd_daemon.core.event import ChatEvent, Text, encode_event
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.limits import DEFAULT_LIMITS
from p2pd_daemon.core.pb import event_pb2
from p2pd_daemon.core.push import PROTOCOL_ID as PUSH
from p2pd_daemon.core.push import Ack, AckStatus, FrameReader, decode_ack, encode_frame
from p2pd_daemon.core.record import Record, sign_record
from p2pd_daemon.net.host import OpenHost, open_host
from p2pd_daemon.net.interface import NetworkConfig

pytestmark = pytest.mark.slow

TOPIC = "p2pd/1/lobby"
CHAT = "/chat/1.0.0"
MESHSUB = "/meshsub/1.1.0"
ATTACKS = 1_000
AT_ONCE = 4  # streams; more of one protocol are refused before they could carry garbage
HALF_OPEN = 200
GROWTH_BYTES = 50e6
HOSTILE_TEXT = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\u202egnp.exe\x9b31m\r\x08\x00 \ntail\x7f\u2028end"
# What a terminal, or a line-based reader, would obey. Newline is the one that output consists of.
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Daemon]]:
    """The attacked daemon and an honest one, connected, in the room `lobby`."""
    with open_net(tmp_path_factory.mktemp("hostile")) as net:
        target = net.daemon("target", "--listen", LOOPBACK, "--listen", f"{LOOPBACK}/ws", start=False)
        friend = net.daemon("friend", start=False)
        for node in (target, friend):
            node.launch()
        for node in (target, friend):
            node.wait_ready()
            node.join("lobby")
        friend.connect(target)
        eventually(
            lambda: friend.members("lobby") == target.members("lobby") == 2, what="together in the room"
        )
        files = open_files(target)
        yield target, friend
        eventually(lambda: open_files(target) < files + 10, what="nothing that they opened is still open")
        assert target.stop() == 0
        assert "Traceback" not in target.stderr(), target.stderr()[-3000:]


def chat(one: Daemon, other: Daemon) -> None:
    for sender, receiver in ((one, other), (other, one)):
        text = f"{time.monotonic_ns()} from {sender.peer_id}"
        sender.send("lobby", text)
        eventually(
            lambda text=text, receiver=receiver: text in receiver.texts("lobby", 20),
            what="they hear each other",
        )
    assert one.json("msg", other.peer_id, "and in private")[0]["state"] == "delivered"


def resident_bytes(node: Daemon) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{node.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def open_files(node: Daemon) -> int:
    return len(list(Path(f"/proc/{node.pid}/fd").iterdir()))


def dropped(node: Daemon) -> dict[str, int]:
    return dict(node.api("GET", "/v1/status")["dropped"])


@dataclass
class Attacker:
    """A libp2p host that knows how to open streams and sign records, and what not to send."""

    opened: OpenHost
    target: Daemon
    key: SigningKey
    rng: random.Random
    seqno: int = field(default_factory=time.time_ns)
    gossiping: INetStream | None = None

    @property
    def target_id(self) -> ID:
        return ID.from_string(self.target.peer_id)

    async def connect(self) -> None:
        """Again, where it was cut off."""
        await self.opened.host.connect(info_from_p2p_addr(Multiaddr(self.target.addr)))

    async def stream(self, protocol: str) -> INetStream:
        await self.connect()
        return await self.opened.host.new_stream(self.target_id, [TProtocol(protocol)])

    async def protocols(self) -> list[str]:
        """What the target says in identify."""
        await self.connect()
        with trio.fail_after(60):
            while True:
                with suppress(Exception):
                    found = self.opened.host.get_peerstore().get_protocols(self.target_id)
                    if MESHSUB in found:
                        return sorted(found)
                await trio.sleep(0.02)

    async def throw(self, protocol: str, content: bytes) -> bool:
        """One stream with that content, for no protocol the bare one. False when it was refused on the way."""
        try:
            if protocol:
                stream = await self.stream(protocol)
            else:
                await self.connect()
                stream = await self.opened.swarm.connections[self.target_id][0].new_stream()
            await stream.write(content)
            await stream.close()
        except BaseLibp2pError:
            return False
        return True

    def garbage(self) -> bytes:
        noise = self.rng.randbytes(self.rng.randrange(1, 200))
        return self.rng.choice(
            [noise, encode_frame(noise), b"\xff\xff\x7f" + noise, b"\xff" * 12, b"\x00", b""]
        )

    def record(self, data: bytes, topic: str = TOPIC, key: SigningKey | None = None) -> Record:
        self.seqno += 1
        return sign_record(key or self.key, self.seqno, topic, data)

    def said(self, text: str, *, ahead_ms: int = 0, key: SigningKey | None = None) -> Record:
        return self.record(
            encode_event(ChatEvent(time.time_ns() // 10**6 + ahead_ms, (), Text(text))), key=key
        )

    async def gossip(self, records: list[Record]) -> None:
        """Publishes them in frames of 100, as the first hop."""
        if self.gossiping is None:  # one for all: a second one would end the first, unread
            self.gossiping = await self.stream(MESHSUB)
        for start in range(0, len(records), 100):
            publish = [rpc_pb2.Message.FromString(one.raw) for one in records[start : start + 100]]
            await self.gossiping.write(encode_frame(rpc_pb2.RPC(publish=publish).SerializeToString()))

    async def push(self, raws: list[bytes]) -> list[Ack]:
        stream = await self.stream(PUSH)
        reader = FrameReader(512)
        acks: list[Ack] = []
        for raw in raws:
            await stream.write(encode_frame(raw))
        while len(acks) < len(raws):
            acks += [decode_ack(frame) for frame in reader.feed(await stream.read(4096))]
        await stream.close()
        return acks


@asynccontextmanager
async def attack(pair: tuple[Daemon, Daemon], seconds: float = 180) -> AsyncIterator[Attacker]:
    """A hostile peer. After it the daemon chats, has grown little, and was connected with its friend all the time."""
    target, friend = pair
    memory = resident_bytes(target)
    since = {peer["peer_id"]: peer["since_ms"] for peer in target.api("GET", "/v1/peers")}[friend.peer_id]
    key = SigningKey.from_seed(random.Random(len(dropped(target))).randbytes(32))
    with trio.fail_after(seconds):
        async with open_host(key, NetworkConfig(listen=(LOOPBACK,))) as opened:
            yield Attacker(opened, target, key, random.Random(20_264))
            await trio.to_thread.run_sync(chat, target, friend)
    await trio.to_thread.run_sync(chat, target, friend)
    assert {peer["peer_id"]: peer["since_ms"] for peer in target.api("GET", "/v1/peers")}[
        friend.peer_id
    ] == since
    assert resident_bytes(target) - memory < GROWTH_BYTES


async def in_time(look: Callable[[], bool], what: str) -> None:
    """`eventually`, while the attacker's host in this loop goes on."""
    await trio.to_thread.run_sync(lambda: eventually(look, what=what))


async def many(count: int, what: Callable[[], Awaitable[object]]) -> None:
    limiter = trio.CapacityLimiter(AT_ONCE)

    async def one() -> None:
        async with limiter:
            await what()

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(one)


async def test_raw_garbage_and_half_open_connections(pair: tuple[Daemon, Daemon]) -> None:
    target, friend = pair
    ports = [int(re.findall(r"/tcp/(\d+)", addr)[0]) for addr in target.ready["addrs"]]
    openings = [
        b"",
        b"\x13/multistream/1.0.0\n",
        b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
        b"\x16\x03\x01",
    ]
    half_open = []
    try:
        async with attack(pair) as attacker:
            for number in range(HALF_OPEN):
                link = socket.create_connection(("127.0.0.1", ports[number % 2]), 5)
                half_open.append(link)
                opening = openings[number // 2 % 4]
                with suppress(OSError):  # it may be cut off at once
                    link.sendall(opening if number % 3 else opening + attacker.rng.randbytes(300))
            await attacker.connect()  # a newcomer is not locked out
    finally:
        for link in half_open:
            link.close()
    await trio.to_thread.run_sync(chat, target, friend)


async def test_malformed_gossip_frames(pair: tuple[Daemon, Daemon]) -> None:
    before = dropped(pair[0]).get("bad_frame", 0)
    async with attack(pair) as attacker:
        for _ in range(ATTACKS):
            await attacker.throw(MESHSUB, encode_frame(b"\xff" + attacker.rng.randbytes(20)))
        await in_time(
            lambda: dropped(pair[0]).get("bad_frame", 0) - before > ATTACKS * 0.9, "the frames are counted"
        )


async def throw_garbage(pair: tuple[Daemon, Daemon], streams: int) -> None:
    """`streams` of them over each protocol that the daemon lists, and with garbage in place of a protocol."""
    async with attack(pair, 300) as attacker:
        protocols = await attacker.protocols()
        assert {MESHSUB, PUSH} <= set(protocols)
        for protocol in ["", *protocols]:
            arrived = 0

            async def one(protocol: str = protocol) -> None:
                nonlocal arrived
                if await attacker.throw(protocol, attacker.garbage()):
                    arrived += 1

            await many(streams, one)
            if protocol == CHAT:  # nobody waits for one: all are reset
                await in_time(lambda: dropped(pair[0]).get("chat missed", 0) > 0, "they are counted")
            else:
                assert arrived > streams / 4, protocol  # some are reset while they are opened


async def test_garbage_streams(pair: tuple[Daemon, Daemon]) -> None:
    await throw_garbage(pair, ATTACKS // 8)


@pytest.mark.all
async def test_a_thousand_garbage_streams_over_every_protocol(pair: tuple[Daemon, Daemon]) -> None:
    await throw_garbage(pair, ATTACKS)


async def test_pushes_that_are_too_large_or_not_for_us(pair: tuple[Daemon, Daemon]) -> None:
    target, _ = pair
    limit = DEFAULT_LIMITS.record_bytes
    async with attack(pair) as attacker:
        large = attacker.record(b"x" * (limit + 1))
        acks = await attacker.push(
            [large.raw, attacker.record(b"x", "p2pd/1/elsewhere").raw, attacker.record(b"\xff", TOPIC).raw]
        )
        assert [ack.status for ack in acks] == [AckStatus.TOO_LARGE, AckStatus.NOT_MINE, AckStatus.INVALID]
        for _ in range(50):  # a frame that never ends
            await attacker.throw(PUSH, b"\xff\xff\xff\x7f" + attacker.rng.randbytes(100_000))
            await attacker.throw(MESHSUB, b"\xff\xff\xff\x7f" + attacker.rng.randbytes(100_000))
        await in_time(lambda: dropped(target).get("push protocol", 0) >= 1, "it is counted")


async def test_records_that_nobody_signed_and_authors_that_are_too_fast(pair: tuple[Daemon, Daemon]) -> None:
    target, friend = pair
    before = dropped(target)
    async with attack(pair) as attacker:
        honest = attacker.said("original")
        forged = [
            Record(friend.peer_id, honest.seqno + n, TOPIC, honest.data, attacker.rng.randbytes(64))  # type: ignore[arg-type]
            for n in range(ATTACKS)
        ]
        await attacker.gossip(forged)
        await attacker.gossip([attacker.record(attacker.rng.randbytes(50)) for _ in range(200)])
        flood = [attacker.said(f"spam {n}") for n in range(2 * DEFAULT_LIMITS.author_burst)]
        await attacker.gossip(flood)

        def counted(reason: str) -> int:
            return dropped(target).get(reason, 0) - before.get(reason, 0)

        await in_time(lambda: counted("bad_signature") >= ATTACKS, "forgeries are counted")
        await in_time(lambda: counted("bad_event") + counted("bad_record") >= 200, "nonsense is counted")
        await in_time(lambda: counted("rate") >= 500, "the flood is counted")
    assert "bad_signature" in target.cli("status")
    heard = [text for text in target.texts("lobby") if text.startswith("spam ")]
    assert len(heard) <= DEFAULT_LIMITS.author_burst + 20 * 30
    assert "original" not in target.texts("lobby")


async def test_what_they_say_cannot_command_a_terminal(pair: tuple[Daemon, Daemon]) -> None:
    target, _ = pair
    for node in pair:
        node.join("hostile")
    async with attack(pair) as attacker:
        hostile = SigningKey.from_seed(attacker.rng.randbytes(32))
        profiles = [
            event_pb2.ChatEvent(
                ts_ms=time.time_ns() // 10**6 + n, profile=event_pb2.Profile(nick=nick)
            ).SerializeToString()
            for n, nick in enumerate(["\x1b[31mred", "two\nlines", "\u202eevil", "x" * 200, "fine name"])
        ]
        topic = "p2pd/1/hostile"
        said = encode_event(ChatEvent(time.time_ns() // 10**6, (), Text(HOSTILE_TEXT)))
        await attacker.gossip([attacker.record(data, topic, key=hostile) for data in (*profiles, said)])
        await in_time(lambda: target.texts("hostile") == [HOSTILE_TEXT], "it has arrived, as it was said")
        nick = next(
            one["nick"] for one in target.api("GET", "/v1/contacts") if one["peer_id"] == hostile.peer_id
        )
        assert nick == "fine name"
        assert target.json("history", "hostile")[0]["text"] == HOSTILE_TEXT
        for line in (
            ["history", "hostile"],
            ["history", "hostile", "--json"],
            ["contacts"],
            ["peers"],
            ["rooms"],
        ):
            assert not UNSAFE.search(target.cli(*line)), line
        for options in ([], ["--json"], ["--text"]):
            assert not UNSAFE.search(tail(target, "hostile", options)), options
        assert not UNSAFE.search(target.stderr().replace("\n", ""))


async def test_clocks_that_are_ahead(pair: tuple[Daemon, Daemon]) -> None:
    """Up to 5 minutes are believed, and our own records follow; more is kept back. Neither stops a change of name."""
    target, friend = pair

    def known_as(nick: str) -> bool:
        contacts = friend.api("GET", "/v1/contacts")
        return any(one["peer_id"] == target.peer_id and one["nick"] == nick for one in contacts)

    async with attack(pair) as attacker:
        await attacker.gossip([attacker.said("in 4 minutes", ahead_ms=240_000)])
        await attacker.gossip([attacker.said("in an hour", ahead_ms=3_600_000)])
        await in_time(lambda: "in 4 minutes" in target.texts("lobby"), "it is there")
        for nick in ("one", "two"):
            target.cli("nick", nick)
            assert target.json("nick") == [{"nick": nick}]
            await in_time(lambda nick=nick: known_as(nick), "the name is known")
        target.send("lobby", "after it")
        last = target.history("lobby")[-2:]
        assert [message["text"] for message in last] == ["in 4 minutes", "after it"]
        assert "in an hour" not in target.texts("lobby")


def tail(node: Daemon, room: str, options: list[str]) -> str:
    """What `p2pd tail` prints for a message of the past and for one that comes."""
    process = subprocess.Popen(
        [P2PD, "tail", room, "--since", "1h", *options],
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment() | {"P2PD_HOME": str(node.home)},
    )
    assert process.stdout is not None
    with process:
        first = process.stdout.readline()
        node.send(room, "good bye \x1b[0m")
        shown = first
        while "good bye" not in shown:
            line = process.stdout.readline()
            assert line, "the tail has ended"
            shown += line
        process.send_signal(signal.SIGINT)
    return shown
