"""What waits to be sent to one peer: bounded, in order, and with back-pressure instead of silent loss (trap 6, B3)."""

from __future__ import annotations

from collections import deque

import trio
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.rpc_queue import RpcQueue

from p2pd_daemon.core.gossip_frames import encode_rpc

FRAME_BYTES = (
    1024 * 1024
)  # one RPC; go-libp2p accepts as much, rust-libp2p 64 KiB (we send less, see BATCH_BYTES)
BATCH_BYTES = 48 * 1024  # one write to the muxer, below its 64 KiB frames
QUEUE_BYTES = 8 * 1024 * 1024  # a burst of 500 records of the largest size
QUEUE_FRAMES = 16_384
OWN_SHARE = (
    0.5  # our own publishes leave the other half to what we relay, so that nodes do not wait in a circle
)
PATIENCE_S = 5.0  # how long one waits for a slow peer before the record is not sent to it, and counted
CONTROL_FRAMES = 1024
CONTROL_BYTES = 4 * 1024 * 1024  # 350 RPCs of the size at which we cut them


class OutboundQueue(RpcQueue):
    """Control frames go first and never wait; records wait for room, see `put`."""

    def __init__(self) -> None:
        super().__init__(max_message_size=FRAME_BYTES)
        self._control: deque[bytes] = deque()
        self._records: deque[bytes] = deque()
        self._held = 0  # bytes in _records
        self._control_held = 0  # bytes in _control
        self._freed = trio.Event()
        self._stalled = False  # waited in vain for this peer: nobody waits again until it has caught up

    def __len__(self) -> int:
        return len(self._control) + len(self._records)

    def push(self, rpc: rpc_pb2.RPC, priority: bool = False) -> bool:
        """Subscriptions and control messages, in the order they are given: a GRAFT must not overtake its SUBSCRIBE."""
        if self._closed or len(self._control) >= CONTROL_FRAMES:
            return False
        frame = rpc.SerializeToString()
        if self._control_held + len(frame) > CONTROL_BYTES:
            return False
        if frame:
            frame = encode_rpc(frame)
            self._control.append(frame)
            self._control_held += len(frame)
            self._notify.set()
        return True

    def put_nowait(self, frame: bytes, share: float = 1.0) -> bool:
        """False when records already fill `share` of the queue."""
        if self._closed or not self._has_room(len(frame), share):
            return False
        self._records.append(frame)
        self._held += len(frame)
        self._notify.set()
        return True

    async def put(self, frame: bytes, share: float = 1.0) -> bool:
        """Wait at most PATIENCE_S for room. False: the peer does not keep up, or is gone."""
        if self.put_nowait(frame, share):
            return True
        if self._stalled:
            return False
        with trio.move_on_after(PATIENCE_S):
            while not self._closed:
                await self._freed.wait()
                if self.put_nowait(frame, share):
                    return True
        self._stalled = True
        return False

    async def take(self) -> bytes:
        """As many whole frames as one write should carry; b"" when the queue is closed."""
        while not self._control and not self._records:
            if self._closed:
                return b""
            self._notify = trio.Event()
            await self._notify.wait()
        batch: list[bytes] = []
        size = 0
        while size < BATCH_BYTES and (self._control or self._records):
            if self._control:
                frame = self._control.popleft()
                self._control_held -= len(frame)
            else:
                frame = self._records.popleft()
                self._held -= len(frame)
            batch.append(frame)
            size += len(frame)
        # A peer that takes a little now and then must not cost us PATIENCE_S each time.
        self._stalled = self._stalled and not self._has_room(0, OWN_SHARE / 2)
        self._freed.set()
        self._freed = trio.Event()
        return b"".join(batch)

    def close(self) -> None:
        super().close()
        self._freed.set()

    def _has_room(self, size: int, share: float) -> bool:
        return self._held + size <= QUEUE_BYTES * share and len(self._records) < QUEUE_FRAMES * share
