"""Store nodes and their clients in one loop, without streams: the real keeper, the real sessions, a pipe of frames."""

from __future__ import annotations

from collections.abc import Sequence

import trio
from p2pd_daemon.core.event import Body, ChatEvent, Text, decode_event, encode_event
from p2pd_daemon.core.keeping import KeptRecord, open_mail, open_room_records
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.reconcile_storage import KeyTree
from p2pd_daemon.core.record import decode_record, sign_record
from p2pd_daemon.core.seal import direct_box
from p2pd_daemon.core.sync import (
    Batch,
    Load,
    LoadPage,
    Peek,
    Receive,
    Send,
    Side,
    SyncResult,
    Take,
    Taken,
    initiate,
)
from p2pd_daemon.core.sync_frames import BATCH_BYTES, Frame, decode_sync_frame, encode_sync_frame, sync_tag
from p2pd_daemon.keeper.keeper import Keeper
from p2pd_daemon.net.sync import SyncChannel

TOPIC = "p2pd/1/lobby"
TAG = sync_tag(TOPIC)
NOW_MS = 1_800_000_000_000

ANN, BOB, EVE = (SigningKey.from_seed(bytes([n]) * 32) for n in (1, 2, 3))


def signed(
    body: Body | str, ts_ms: int, *, key: SigningKey = ANN, topic: str = TOPIC, seqno: int = 1
) -> bytes:
    """A record's bytes. Records that are to differ need another ts, seqno, author or body."""
    event = ChatEvent(ts_ms, (), Text(body) if isinstance(body, str) else body)
    return sign_record(key, seqno, topic, encode_event(event)).raw


def sealed(text: str, ts_ms: int, *, key: SigningKey = ANN, to: SigningKey = BOB, seqno: int = 1) -> bytes:
    box = direct_box(key, to.peer_id)
    nonce = seqno.to_bytes(12) + ts_ms.to_bytes(12)
    body = box.seal(Text(text), sender=key.peer_id, seqno=seqno, ts_ms=ts_ms, nonce=nonce)
    return signed(body, ts_ms, key=key, topic=box.topic, seqno=seqno)


def room_record(raw: bytes, tag: bytes = TAG) -> KeptRecord:
    (found,), faults = open_room_records([raw], tag)
    assert not faults
    return found


def mail(raw: bytes) -> KeptRecord:
    return open_mail(raw)


class Pipe(SyncChannel):
    """One end of a stream in memory; frames are encoded and decoded on their way."""

    def __init__(
        self, peer: PeerId, out: trio.MemorySendChannel[bytes], into: trio.MemoryReceiveChannel[bytes]
    ) -> None:
        self.peer = peer
        self._out = out
        self._into = into
        self.bytes_out = 0

    async def send(self, frame: Frame) -> None:
        raw = encode_sync_frame(frame)
        self.bytes_out += len(raw)
        await self._out.send(raw)

    async def receive(self) -> Frame:
        return decode_sync_frame(await self._into.receive())


def open_pipe(one: PeerId, other: PeerId) -> tuple[Pipe, Pipe]:
    there, from_here = trio.open_memory_channel[bytes](1000)
    here, from_there = trio.open_memory_channel[bytes](1000)
    return Pipe(other, there, from_there), Pipe(one, here, from_here)


class Client:
    """A room's member without a node: its records in memory. `floor_ts` as a node's own retention."""

    def __init__(self, key: SigningKey, raws: Sequence[bytes] = (), *, floor_ts: int = 0) -> None:
        self.key = key
        self.floor_ts = floor_ts
        self.raws: dict[bytes, bytes] = {}
        self.tree = KeyTree()
        self.gone: set[tuple[int, bytes]] = set()
        self._take(raws)

    async def compare(self, keeper: Keeper, tag: bytes = TAG) -> SyncResult:
        """A session with the store node. Raises what ends it on either side."""
        mine, theirs = open_pipe(self.key.peer_id, PeerId("keeper"))
        theirs.peer = self.key.peer_id
        result = SyncResult()
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(keeper.on_sync, theirs)
                result = await self._drive(mine, tag)
                nursery.cancel_scope.cancel()
        return result

    async def _drive(self, channel: Pipe, tag: bytes) -> SyncResult:
        session = initiate(Side(tag, self.tree, self.floor_ts, NOW_MS))
        outcome: object = None
        while True:
            try:
                effect = session.send(outcome)
            except StopIteration as stop:
                result: SyncResult = stop.value
                return result
            outcome = None
            match effect:
                case Send(frame):
                    await channel.send(frame)
                case Receive():
                    outcome = await channel.receive()
                case LoadPage(before, floor_ts, _):
                    outcome = self._page(before, floor_ts)
                case Load(ids):
                    outcome = Batch(tuple(self.raws[one] for one in ids if one in self.raws))
                case Peek(raws, gone):
                    outcome = min([*map(place_of, raws), *gone], default=None)
                case Take(raws, gone):
                    self.gone |= set(gone)
                    outcome = self._take(raws)

    def _page(self, before: tuple[int, bytes] | None, floor_ts: int) -> Batch:
        places = [place for place in self.tree.items() if place[0] >= floor_ts]
        older = [place for place in reversed(places) if before is None or place < before]
        raws: list[bytes] = []
        for _, record_id in older:
            if sum(map(len, raws)) > BATCH_BYTES:
                return Batch(tuple(raws), more=True)
            raws.append(self.raws[record_id])
        return Batch(tuple(raws))

    def _take(self, raws: Sequence[bytes]) -> Taken:
        new = 0
        for raw in raws:
            ts_ms, record_id = place_of(raw)
            if ts_ms >= self.floor_ts and self.tree.insert(ts_ms, record_id):
                self.raws[record_id] = raw
                new += 1
        return Taken(new, len(raws) - new)


def place_of(raw: bytes) -> tuple[int, bytes]:
    record = decode_record(raw)
    return decode_event(record.data).ts_ms, record.id
