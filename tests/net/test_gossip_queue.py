"""The outbound queue of one peer, without any network; waiting is under a clock that jumps."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from libp2p.pubsub.pb import rpc_pb2
from p2pd_daemon.core.gossip_frames import message_frame
from p2pd_daemon.core.push import FrameReader
from p2pd_daemon.net import gossip_queue
from p2pd_daemon.net.gossip_queue import (
    BATCH_BYTES,
    CONTROL_BYTES,
    CONTROL_FRAMES,
    OWN_SHARE,
    PATIENCE_S,
    QUEUE_BYTES,
    OutboundQueue,
)

BIG = b"x" * (64 * 1024)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


def fill(queue: OutboundQueue, share: float = 1.0) -> int:
    count = 0
    while queue.put_nowait(BIG, share):
        count += 1
    return count


async def test_frames_come_out_as_they_went_in_and_in_batches() -> None:
    queue = OutboundQueue()
    frames = [b"%d " % number * 1000 for number in range(200)]
    for frame in frames:
        assert await queue.put(frame)
    out = []
    while len(queue):
        out.append(await queue.take())
    assert b"".join(out) == b"".join(frames)
    assert max(map(len, out)) < BATCH_BYTES + 4000
    assert len(out) < len(frames) / 8


async def test_control_goes_first_and_does_not_wait_behind_records() -> None:
    queue = OutboundQueue()
    fill(queue)
    rpc = rpc_pb2.RPC(subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=True, topicid="t")])
    assert queue.push(rpc)
    assert FrameReader(1 << 20).feed(await queue.take())[0] == rpc.SerializeToString()


async def test_control_frames_are_bounded() -> None:
    queue = OutboundQueue()
    rpc = rpc_pb2.RPC(subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=True, topicid="t")])
    assert sum(queue.push(rpc) for _ in range(2 * CONTROL_FRAMES)) == CONTROL_FRAMES


async def test_control_frames_are_bounded_by_their_bytes_too() -> None:
    """What a peer makes us ask for may be large, and it need not read our asking."""
    queue = OutboundQueue()
    rpc = rpc_pb2.RPC(control=rpc_pb2.ControlMessage(iwant=[rpc_pb2.ControlIWant(messageIDs=[BIG])]))
    for _ in range(2):
        pushed = sum(queue.push(rpc) for _ in range(CONTROL_FRAMES))
        assert pushed == CONTROL_BYTES // rpc.ByteSize()
        while len(queue):
            await queue.take()


async def test_b3_put_waits_for_room() -> None:
    queue = OutboundQueue()
    fill(queue)
    async with trio.open_nursery() as nursery:

        async def drain() -> None:
            await trio.sleep(PATIENCE_S - 1)
            await queue.take()

        nursery.start_soon(drain)
        assert await queue.put(BIG)
        assert trio.current_time() >= PATIENCE_S - 1


async def test_b3_a_peer_that_takes_nothing_is_waited_for_once() -> None:
    queue = OutboundQueue()
    fill(queue)
    start = trio.current_time()
    assert not await queue.put(BIG)
    assert trio.current_time() - start == pytest.approx(PATIENCE_S)
    for _ in range(100):
        assert not await queue.put(BIG)
    assert trio.current_time() - start == pytest.approx(PATIENCE_S)
    await queue.take()
    assert await queue.put(BIG)  # where there is room it is used
    assert not await queue.put(BIG)  # but it is not waited for
    assert trio.current_time() - start == pytest.approx(PATIENCE_S)
    while len(queue) > 1:
        await queue.take()
    fill(queue)
    assert not await queue.put(BIG)
    assert trio.current_time() - start == pytest.approx(
        2 * PATIENCE_S
    )  # it had caught up: it gets another chance


async def test_own_records_leave_room_for_what_is_relayed() -> None:
    queue = OutboundQueue()
    own = fill(queue, OWN_SHARE)
    assert own == pytest.approx(QUEUE_BYTES * OWN_SHARE / len(BIG), abs=1)
    assert fill(queue) >= own - 1


async def test_closing_wakes_everybody() -> None:
    queue = OutboundQueue()
    fill(queue)
    results: list[object] = []
    empty = OutboundQueue()

    async def put() -> None:
        results.append(await queue.put(BIG))

    async def take() -> None:
        results.append(await empty.take())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(put)
        nursery.start_soon(take)
        await trio.testing.wait_all_tasks_blocked()
        queue.close()
        empty.close()
    assert sorted(results, key=str) == [False, b""]
    assert not queue.put_nowait(b"x")


def test_a_burst_of_500_of_the_largest_records_fits() -> None:
    queue = OutboundQueue()
    frame = message_frame(b"x" * 16384)
    assert all(queue.put_nowait(frame) for _ in range(500))
    assert gossip_queue.QUEUE_FRAMES > 500


def test_a_message_frame_holds_the_record_byte_by_byte() -> None:
    raw = rpc_pb2.Message(
        from_id=b"a", seqno=b"12345678", topicIDs=["t"], data=b"hi", signature=b"s"
    ).SerializeToString()
    (frame,) = FrameReader(1 << 20).feed(message_frame(raw))
    (message,) = rpc_pb2.RPC.FromString(frame).publish
    assert message.SerializeToString() == raw
