"""A swarm in virtual time: the real records, rooms and reconciliation on a simulated network.

What is real: `core/` (events, records, heads, quarantine, sync sessions, Negentropy). What is simulated: clocks, links
(latency, loss, partitions), gossip's mesh, who is up, and signatures, which cost most and are tested elsewhere (an
author's bytes are taken as theirs; a forged record is marked as such). Everything random comes from one seeded
generator, so a run is repeated by its seed.
"""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from p2pd_daemon.core.clock import is_due
from p2pd_daemon.core.event import ChatEvent, Text, decode_event, encode_event
from p2pd_daemon.core.peer_id import PeerId, peer_id_from_bytes
from p2pd_daemon.core.reconcile_storage import KeyTree
from p2pd_daemon.core.record import Record, decode_record
from p2pd_daemon.core.room import Heads
from p2pd_daemon.core.sync import (
    Batch,
    Load,
    LoadPage,
    Peek,
    Place,
    Receive,
    Send,
    Session,
    Settle,
    Side,
    SyncResult,
    Take,
    Taken,
    initiate,
    respond,
)
from p2pd_daemon.core.sync_frames import (
    Frame,
    Hello,
    Reconcile,
    Records,
    decode_sync_frame,
    encode_sync_frame,
    sync_tag,
)
from p2pd_daemon.errors import RemoteProtocolError

TOPIC = "p2pd/1/sim"
TAG = sync_tag(TOPIC)
START_MS = 1_800_000_000_000
DAY_MS = 86_400_000

DEGREE = 6  # neighbours a node dials; about twice as many it has
LATENCY_S = (0.01, 0.2)
SYNC_EVERY_S = (
    30.0  # the daemon's is 180 s: a smaller one makes the virtual hour shorter, not the work different
)
FORGED = b"forged"  # a signature that would not verify
SIGNED = b"signed"


@dataclass
class Totals:
    """What a run cost."""

    gossip: int = 0  # records that arrived by gossip
    duplicates: int = 0  # of those, that the node had already
    sessions: int = 0
    rounds: int = 0
    broken: int = 0  # sessions cut by a partition, a crash, or a liar
    refused: int = 0  # forged records that were not taken
    sync_bytes: int = 0
    idle_sessions: int = 0  # between equal sides
    idle_bytes: int = 0
    synced: int = 0  # records that came by reconciliation


@dataclass
class Node:
    """One node: what it keeps, and how wrong its clock is."""

    number: int
    peer: PeerId
    skew_ms: int = 0
    liar: bool = False
    up: bool = True
    side: int = 0  # of the partition it is on
    seqno: int = 0
    raws: dict[bytes, bytes] = field(default_factory=dict)
    tree: KeyTree = field(default_factory=KeyTree)
    heads: Heads = field(default_factory=Heads)
    quarantined: dict[bytes, ChatEvent] = field(default_factory=dict)
    neighbours: set[int] = field(default_factory=set)


class Swarm:
    """Nodes, links and a queue of what happens when."""

    def __init__(self, seed: int, size: int, *, loss: float = 0.05, liars: int = 0, skewed: int = 0) -> None:
        self.random = random.Random(seed)
        self.loss = loss
        self.now_s = 0.0
        self.totals = Totals()
        self.said: list[bytes] = []  # ids of what honest nodes said
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        self._opened: dict[bytes, tuple[Record, ChatEvent]] = {}
        self.nodes = [Node(number, _peer(number)) for number in range(size)]
        for node in self.random.sample(self.nodes[1:], liars):
            node.liar = True
        honest = [node for node in self.nodes[1:] if not node.liar]
        for node in self.random.sample(honest, skewed):
            node.skew_ms = self.random.choice((-DAY_MS, DAY_MS))
        self._wire()
        for node in self.nodes:
            self.later(self.random.uniform(0, SYNC_EVERY_S), self._sync_round(node))

    def _wire(self) -> None:
        """A ring, so that it is connected, and random chords."""
        size = len(self.nodes)
        for node in self.nodes:
            self.link(node.number, (node.number + 1) % size)
            for _ in range(DEGREE - 1):
                self.link(node.number, self.random.randrange(size))

    def link(self, one: int, other: int) -> None:
        if one != other:
            self.nodes[one].neighbours.add(other)
            self.nodes[other].neighbours.add(one)

    # Time

    def later(self, delay_s: float, happen: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._queue, (self.now_s + delay_s, self._order, happen))

    def run(self, seconds: float) -> None:
        """Lets virtual time pass."""
        until = self.now_s + seconds
        while self._queue and self._queue[0][0] <= until:
            self.now_s, _, happen = heapq.heappop(self._queue)
            happen()
        self.now_s = until

    def now_ms(self, node: Node) -> int:
        return START_MS + int(self.now_s * 1000) + node.skew_ms

    def reachable(self, one: Node, other: Node) -> bool:
        return one.up and other.up and one.side == other.side

    def latency(self) -> float:
        return self.random.uniform(*LATENCY_S)

    # Saying and gossip

    def say(self, node: Node, text: str) -> bytes:
        """A record of an honest node, stored and gossiped; its id."""
        ts_ms, parents = node.heads.next(self.now_ms(node))
        node.seqno += 1
        data = encode_event(ChatEvent(ts_ms, parents, Text(text)))
        record = Record(node.peer, node.seqno, TOPIC, data, SIGNED)
        self.said.append(record.id)
        self._keep(node, record.raw)
        self._gossip(node, record.raw, None)
        return record.id

    def _gossip(self, node: Node, raw: bytes, source: int | None) -> None:
        targets = sorted(node.neighbours - {source})
        for number in self.random.sample(targets, min(DEGREE, len(targets))):
            if self.random.random() >= self.loss:
                self.later(self.latency(), lambda number=number: self._heard(node, self.nodes[number], raw))

    def _heard(self, source: Node, node: Node, raw: bytes) -> None:
        if not self.reachable(source, node) or node.liar:
            return
        self.totals.gossip += 1
        record, event = self.open(raw)
        if record.id in node.raws:
            self.totals.duplicates += 1
            return
        missing = self._keep(node, raw)
        if is_due(event.ts_ms, self.now_ms(node)):  # what is quarantined is not relayed
            self._gossip(node, raw, source.number)
        if missing:
            self.later(self.random.uniform(0.5, 1.5), lambda: self._begin(node))

    def open(self, raw: bytes) -> tuple[Record, ChatEvent]:
        """Decoded once for all nodes: decoding is real, but a thousand times the same."""
        found = self._opened.get(raw)
        if found is None:
            record = decode_record(raw)
            found = self._opened[raw] = (record, decode_event(record.data))
        return found

    def _keep(self, node: Node, raw: bytes) -> bool:
        """Stores a record that is new; whether parents of it are missing."""
        record, event = self.open(raw)
        node.raws[record.id] = raw
        node.tree.insert(event.ts_ms, record.id)
        if not is_due(event.ts_ms, self.now_ms(node)):
            node.quarantined[record.id] = event
            return False
        return bool(node.heads.add(record.id, event.ts_ms, event.parents).missing)

    def correct_clocks(self) -> None:
        """The skewed nodes' owners set their clocks; what was quarantined and is due now comes to light."""
        for node in self.nodes:
            node.skew_ms = 0
            self.release(node)

    def release(self, node: Node) -> None:
        for record_id, event in list(node.quarantined.items()):
            if is_due(event.ts_ms, self.now_ms(node)):
                del node.quarantined[record_id]
                node.heads.add(record_id, event.ts_ms, event.parents)

    # Reconciliation

    def _sync_round(self, node: Node) -> Callable[[], None]:
        def happen() -> None:
            self._begin(node)
            self.later(SYNC_EVERY_S * self.random.uniform(0.7, 1.3), happen)

        return happen

    def _begin(self, node: Node) -> None:
        """A session with a neighbour at random, as the daemon's reconciler begins one."""
        others = [self.nodes[n] for n in sorted(node.neighbours) if self.reachable(node, self.nodes[n])]
        if node.up and not node.liar and others:
            Meeting(self, node, self.random.choice(others)).start()


class Meeting:
    """One session between two nodes, frame by frame, each with its own latency; it ends when one goes away."""

    def __init__(self, swarm: Swarm, one: Node, other: Node) -> None:
        self._swarm = swarm
        self._nodes = (one, other)
        self._sessions: list[Session | None] = [initiate(self._side(one)), None]
        self._bytes = 0
        self._results: dict[int, SyncResult] = {}
        swarm.totals.sessions += 1

    def _side(self, node: Node) -> Side:
        return Side(TAG, node.tree, 0, self._swarm.now_ms(node))

    def start(self) -> None:
        self._advance(0, None)

    def _advance(self, at: int, outcome: object) -> None:
        """Runs one side until it waits for the other."""
        session = self._sessions[at]
        assert session is not None
        try:
            while True:
                effect = session.send(outcome)
                outcome = None
                match effect:
                    case Send(frame):
                        self._send(at, frame)
                    case Receive():
                        return
                    case _:
                        outcome = self._do(self._nodes[at], effect)
        except StopIteration as stop:
            self._finish(at, stop.value)
        except RemoteProtocolError:
            self._swarm.totals.broken += 1
            self._sessions = [None, None]

    def _send(self, at: int, frame: Frame) -> None:
        raw = encode_sync_frame(self._lie(frame) if self._nodes[at].liar else frame)
        self._bytes += len(raw)
        self._swarm.later(self._swarm.latency(), lambda: self._arrive(1 - at, raw))

    def _arrive(self, at: int, raw: bytes) -> None:
        if self._sessions == [None, None]:
            return
        if not self._swarm.reachable(*self._nodes):
            self._swarm.totals.broken += 1
            self._sessions = [None, None]
            return
        try:
            frame = decode_sync_frame(raw)
        except RemoteProtocolError:
            self._swarm.totals.broken += 1
            self._sessions = [None, None]
            return
        if self._sessions[at] is None and isinstance(frame, Hello) and at == 1:
            self._sessions[1] = respond(self._side(self._nodes[1]), frame)
            self._advance(1, None)
        elif self._sessions[at] is not None:
            self._advance(at, frame)

    def _do(self, node: Node, effect: LoadPage | Load | Peek | Take | Settle) -> Batch | Taken | Place | None:
        match effect:
            case LoadPage(before, _, max_bytes):
                return self._page(node, before, max_bytes)
            case Load(ids):
                return Batch(tuple(node.raws[one] for one in ids if one in node.raws))
            case Peek(raws, _):
                return min((event.ts_ms, record.id) for record, event in map(self._swarm.open, raws))
            case Take(raws, _):
                return self._take(node, raws)
        return None

    def _page(self, node: Node, before: Place | None, max_bytes: int) -> Batch:
        places = list(node.tree.items())
        raws: list[bytes] = []
        for place in reversed([one for one in places if before is None or one < before]):
            if raws and sum(map(len, raws)) > max_bytes:
                return Batch(tuple(raws), more=True)
            raws.append(node.raws[place[1]])
        return Batch(tuple(raws))

    def _take(self, node: Node, raws: tuple[bytes, ...]) -> Taken:
        opened = [self._swarm.open(raw) for raw in raws]
        if any(record.signature == FORGED for record, _ in opened):
            self._swarm.totals.refused += 1
            raise RemoteProtocolError("a signature that is not its author's")
        fresh = [raw for (record, _), raw in zip(opened, raws, strict=True) if record.id not in node.raws]
        for raw in fresh:
            self._swarm._keep(node, raw)
        self._swarm.totals.synced += len(fresh)
        return Taken(len(fresh), len(raws) - len(fresh))

    def _lie(self, frame: Frame) -> Frame:
        """Liars forge records, hide what they have, or talk nonsense."""
        roll = self._swarm.random.random()
        if isinstance(frame, Records) and frame.raws and roll < 0.7:
            record, _ = self._swarm.open(frame.raws[0])
            forged = Record(record.author, record.seqno + 1, TOPIC, record.data, FORGED)
            return Records((forged.raw, *frame.raws[1:]), frame.gone, frame.more)
        if isinstance(frame, Reconcile) and roll < 0.3:
            return Reconcile(frame.message[:1] + self._swarm.random.randbytes(40))
        return frame

    def _finish(self, at: int, result: SyncResult) -> None:
        self._results[at] = result
        self._sessions[at] = None
        if len(self._results) < 2:
            return
        totals = self._swarm.totals
        totals.rounds += result.rounds
        totals.sync_bytes += self._bytes
        if not any(one.got for one in self._results.values()):
            totals.idle_sessions += 1
            totals.idle_bytes += self._bytes


def _peer(number: int) -> PeerId:
    """An Ed25519 peer ID that nobody has the key of."""
    return peer_id_from_bytes(b"\x00\x24\x08\x01\x12\x20" + number.to_bytes(32))


def missed(swarm: Swarm) -> dict[int, int]:
    """Honest nodes that lack something honest nodes said, with how many records."""
    wanted = set(swarm.said)
    counts = defaultdict(int)
    for node in swarm.nodes:
        lacking = len(wanted - node.raws.keys())
        if lacking and not node.liar:
            counts[node.number] = lacking
    return dict(counts)
