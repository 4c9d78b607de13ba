"""yamux with bounded memory and a pulse: windows are enforced, writes are gathered, and a silent peer is noticed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from libp2p.abc import IMuxedConn, ISecureConn
from libp2p.connection_types import ConnectionType
from libp2p.peer.id import ID
from libp2p.stream_muxer import muxer_multistream
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable, MuxedStreamError
from multiaddr import Multiaddr

from p2pd_daemon.errors import RemoteProtocolError
from p2pd_daemon.net.outbox import Outbox
from p2pd_daemon.net.tasks import grace
from p2pd_daemon.net.yamux_frames import (
    GO_AWAY,
    GO_AWAY_NORMAL,
    GO_AWAY_PROTOCOL_ERROR,
    PING,
    WINDOW_UPDATE,
    Flag,
    Frame,
    FrameReader,
    encode,
)
from p2pd_daemon.net.yamux_stream import WINDOW_BYTES, YamuxStream

log = logging.getLogger(__name__)

STREAMS = 256  # open at once in each direction; more of ours wait, more of the peer's are reset
PING_EVERY_S = 2.0
PING_TIMEOUT_S = 6.0  # with PING_EVERY_S: a frozen peer is noticed within 8 s, a peer busy for 5 s is kept
ANSWER_TIMEOUT_S = 60.0  # who talks and does not answer for so long does not read
CLOSE_TIMEOUT_S = 1.0

SYN, ACK, FIN, RST = (int(flag) for flag in (Flag.SYN, Flag.ACK, Flag.FIN, Flag.RST))


class YamuxConnection(IMuxedConn):
    """In place of libp2p's Yamux, which keeps a stream's state in three dictionaries behind locks, reads each header by
    itself, only warns of an overrun window, and blocks when it closes while the socket is full. Three tasks: one reads
    and does at once what a frame says, one writes, one pings.
    """

    def __init__(
        self,
        secured_conn: ISecureConn,
        peer_id: ID,
        is_initiator: bool | None = None,
        on_close: Callable[[], Awaitable[Any]] | None = None,
    ) -> None:
        self.secured_conn = secured_conn
        self.peer_id = peer_id
        self.on_close = on_close
        self.event_started = trio.Event()
        self.event_closed = trio.Event()
        self.outbox = Outbox(self._give_up)
        self.streams: dict[int, YamuxStream] = {}
        self._initiator = secured_conn.is_initiator if is_initiator is None else is_initiator
        self._next_id = 1 if self._initiator else 2
        self._slots = trio.Semaphore(STREAMS)
        self._holding: set[int] = set()  # our streams that hold one of them
        self._arrived, self._arrivals = trio.open_memory_channel[YamuxStream](STREAMS)
        self._running = trio.CancelScope()
        self._ending = False
        self._heard = False  # something, since the pulse looked last
        self._rtt = 0.0
        self._pinged: tuple[int, float] = (0, 0.0)  # what the last ping held, and when
        self._answered = trio.Event()

    @property
    def is_initiator(self) -> bool:
        return self._initiator

    @property
    def is_established(self) -> bool:
        return self.event_started.is_set() and not self._ending

    @property
    def is_closed(self) -> bool:
        return self.event_closed.is_set()

    def rtt(self) -> float:
        """Seconds, smoothed; 0 before the first answer."""
        return self._rtt

    # Its life

    async def start(self) -> None:
        """Runs until the connection ends."""
        try:
            with self._running:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    nursery.start_soon(self._pulse)
                    self.event_started.set()
                    await self._read()
                    nursery.cancel_scope.cancel()
        finally:
            await self._end()

    def _give_up(self) -> None:
        log.info("peer %s asks for answers, and does not read them: closing", self.peer_id)
        self._running.cancel()

    async def _read(self) -> None:
        frames = FrameReader(WINDOW_BYTES)
        try:
            while received := await self.secured_conn.read():
                self._heard = True
                for frame in frames.feed(received):
                    if frame.kind == GO_AWAY:
                        log.debug("peer %s goes away: %d", self.peer_id, frame.number)
                        return
                    self._handle(frame)
        except RemoteProtocolError as error:
            log.info("peer %s broke yamux: %s", self.peer_id, error)
            await self._say_good_bye(GO_AWAY_PROTOCOL_ERROR)
        except Exception as error:  # whatever the connection under it raises when it ends
            log.debug("connection with %s ended: %r", self.peer_id, error)

    async def _write(self) -> None:
        try:
            await self.outbox.run(self.secured_conn.write)
        except Exception as error:
            log.debug("connection with %s broke: %r", self.peer_id, error)
            self.outbox.close()
            await abort(self)

    async def _pulse(self) -> None:
        """Trap 9: libp2p's health monitor pings its connections one after another, so that ten frozen peers take more
        than half a minute. Here each has its own pulse, by pings which every yamux answers.
        """
        await trio.sleep(0.1)
        while True:
            self._answered = trio.Event()
            self._pinged = (self._pinged[0] + 1 & 0xFFFFFFFF, trio.current_time())
            self.outbox.put_urgent(encode(PING, SYN, 0, self._pinged[0]))
            if not await self._is_alive():
                log.info("peer %s has not answered for %.0f s: closing", self.peer_id, PING_TIMEOUT_S)
                await abort(self)
                return
            await trio.sleep(PING_EVERY_S)

    async def _is_alive(self) -> bool:
        """The ping is answered; later than PING_TIMEOUT_S while something else is heard, because on a slow line the
        answer waits behind what was sent before it.
        """
        with trio.move_on_after(ANSWER_TIMEOUT_S):
            self._heard = True
            while self._heard:
                self._heard = False
                with trio.move_on_after(PING_TIMEOUT_S):
                    await self._answered.wait()
                    return True
        return False

    async def close(self, error_code: int = GO_AWAY_NORMAL) -> None:
        """Says good-bye, waiting a moment for it to be sent. Idempotent."""
        try:
            if not self._ending and self.event_started.is_set():
                await self._say_good_bye(error_code)
        finally:
            await self._end()

    async def _say_good_bye(self, code: int) -> None:
        self.outbox.put(encode(GO_AWAY, 0, 0, code), size=12)
        with trio.move_on_after(CLOSE_TIMEOUT_S):
            await self.outbox.drained()

    async def _end(self) -> None:
        if self._ending:
            return
        self._ending = True
        self.outbox.close()
        self._arrived.close()
        for stream in self.streams.values():
            stream.on_reset()
        self.streams.clear()
        for _ in self._holding:  # who waits to open one is told
            self._slots.release()
        try:
            await abort(self)
        except Exception as error:  # whatever a broken connection raises
            log.debug("closing the connection with %s: %r", self.peer_id, error)
        finally:
            self.event_closed.set()
            if self.on_close is not None:
                await self.on_close()

    # Streams

    async def open_stream(self) -> YamuxStream:
        """Waits while STREAMS of ours are open."""
        await self._slots.acquire()
        if self._ending:
            self._slots.release()
            raise MuxedStreamError("the connection is closed")
        stream = YamuxStream(self._next_id, self, ours=True)
        self._next_id += 2
        self.streams[stream.stream_id] = stream
        self._holding.add(stream.stream_id)
        self.outbox.put(encode(WINDOW_UPDATE, SYN, stream.stream_id, 0), size=12)
        return stream

    async def accept_stream(self) -> YamuxStream:
        """The next of the peer's streams. One that it has reset meanwhile costs no task: 24 bytes are all it paid."""
        try:
            while (stream := await self._arrivals.receive()).was_reset:
                pass
        except trio.EndOfChannel:
            raise MuxedConnUnavailable("the connection is closed") from None
        return stream

    def has_closed(self, stream: YamuxStream) -> None:
        """A half of `stream`, or both, is closed."""
        if stream.send_closed and stream.stream_id in self._holding:
            self._holding.discard(stream.stream_id)
            self._slots.release()
        if stream.closed:
            self.streams.pop(stream.stream_id, None)

    # What the peer says

    def _handle(self, frame: Frame) -> None:
        if frame.kind == PING:
            self._handle_ping(frame)
            return
        if frame.flags & SYN and not self._admit(frame.stream_id):
            return
        stream = self.streams.get(frame.stream_id)
        if stream is None:  # of a stream that we have reset
            return
        if frame.content:
            stream.on_data(frame.content)
        elif frame.number:
            stream.on_credit(frame.number)
        if frame.flags & (FIN | RST):
            if frame.flags & RST:
                stream.on_reset()
            else:
                stream.on_end()
            self.has_closed(stream)

    def _handle_ping(self, frame: Frame) -> None:
        if frame.flags & SYN:
            self.outbox.put_urgent(encode(PING, ACK, 0, frame.number))
        elif frame.number == self._pinged[0] and not self._answered.is_set():
            took = trio.current_time() - self._pinged[1]
            self._rtt = (self._rtt + took) / 2 if self._rtt else took
            self._answered.set()

    def _admit(self, stream_id: int) -> bool:
        """Takes in a stream of the peer's. False: there are too many, and it is reset."""
        if stream_id in self.streams or not stream_id or stream_id % 2 == self._next_id % 2:
            raise RemoteProtocolError(f"a new stream with the number {stream_id}")
        if len(self.streams) < 2 * STREAMS:
            stream = YamuxStream(stream_id, self, ours=False)
            try:
                self._arrived.send_nowait(stream)
            except trio.WouldBlock:
                pass
            else:
                self.streams[stream_id] = stream
                self.outbox.put_urgent(encode(WINDOW_UPDATE, ACK, stream_id, 0))
                return True
        self.outbox.put_urgent(encode(WINDOW_UPDATE, RST, stream_id, 0))
        return False

    # What libp2p asks of a connection besides

    def get_transport_addresses(self) -> list[Multiaddr]:
        return list(self.secured_conn.get_transport_addresses())

    def get_connection_type(self) -> ConnectionType:
        return self.secured_conn.get_connection_type()

    def get_remote_address(self) -> tuple[str, int] | None:
        return self.secured_conn.get_remote_address()


async def abort(connection: YamuxConnection) -> None:
    """Close the socket under a connection, without a word to the peer, so that whoever waits for it is woken."""
    with grace(CLOSE_TIMEOUT_S):
        await connection.secured_conn.close()


def install() -> None:
    """`muxer_opt` is ignored for yamux (muxer_multistream.py:143 names the class), so the class is replaced there."""
    vars(muxer_multistream)["Yamux"] = YamuxConnection
