"""libp2p's stream and its negotiation, without the turns of the scheduler and the round trips that they waste."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import trio
from libp2p.abc import IMultiselectCommunicator
from libp2p.custom_types import TProtocol
from libp2p.host import basic_host
from libp2p.io.exceptions import IOException
from libp2p.network.connection import swarm_connection
from libp2p.network.stream.exceptions import StreamClosed, StreamEOF, StreamError, StreamReset
from libp2p.network.stream.net_stream import NetStream, StreamState
from libp2p.protocol_muxer import generic_selector
from libp2p.protocol_muxer.exceptions import (
    MultiselectClientError,
    MultiselectCommunicatorError,
    ProtocolNotSupportedError,
)
from libp2p.protocol_muxer.multiselect import MULTISELECT_PROTOCOL_ID
from libp2p.protocol_muxer.multiselect_client import MultiselectClient
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.stream_muxer.exceptions import (
    MuxedStreamClosed,
    MuxedStreamEOF,
    MuxedStreamError,
    MuxedStreamReset,
)
from libp2p.utils import encode_delim


class QuickStream(NetStream):
    """libp2p takes a lock to look at the state before each read and write: a turn of the scheduler each."""

    async def read(self, n: int | None = None) -> bytes:
        if self._state is StreamState.RESET:
            raise StreamReset("the stream was reset")
        try:
            return await self.muxed_stream.read(n)
        except MuxedStreamEOF as error:
            self._half_closed(StreamState.CLOSE_READ, StreamState.CLOSE_WRITE)
            raise StreamEOF from error
        except MuxedStreamReset as error:
            self._state = StreamState.RESET
            raise StreamReset from error
        except MuxedStreamError as error:
            self._state = StreamState.ERROR
            raise StreamError(f"reading failed: {error}") from error

    async def write(self, data: bytes) -> None:
        if self._state is StreamState.RESET:
            raise StreamReset("the stream was reset")
        try:
            await self.muxed_stream.write(data)
        except MuxedStreamClosed as error:
            self._half_closed(StreamState.CLOSE_WRITE, StreamState.CLOSE_READ)
            raise StreamClosed from error
        except MuxedStreamError as error:
            self._state = StreamState.RESET
            raise StreamReset from error

    async def set_state(self, state: StreamState) -> None:
        """No checkpoint: who opens a stream and is cancelled here would leave it open, as nobody has it yet."""
        self._state = state

    def _half_closed(self, half: StreamState, other: StreamState) -> None:
        if self._state is StreamState.OPEN:
            self._state = half
        elif self._state is other:
            self._state = StreamState.CLOSE_BOTH


class EagerClient(MultiselectClient):
    """libp2p waits for the other's greeting before it names a protocol. Both lines may be sent together, as go-libp2p
    and js-libp2p do: a round trip less for each stream, and two for each connection.
    """

    async def select_one_of(
        self,
        protocols: Sequence[TProtocol],
        communicator: IMultiselectCommunicator,
        negotiate_timeout: int = 30,
    ) -> TProtocol:
        if not protocols or not isinstance(communicator, MultiselectCommunicator):
            return await super().select_one_of(protocols, communicator, negotiate_timeout)
        with trio.move_on_after(negotiate_timeout):
            return await self._select(protocols, communicator)
        raise MultiselectClientError(f"no answer within {negotiate_timeout} s to {list(protocols)}")

    async def _select(
        self, protocols: Sequence[TProtocol], communicator: MultiselectCommunicator
    ) -> TProtocol:
        first, *others = protocols
        lines = encode_delim(MULTISELECT_PROTOCOL_ID.encode()) + encode_delim(first.encode())
        try:
            await communicator.read_writer.write(lines)
            greeting = await communicator.read()
            if greeting != MULTISELECT_PROTOCOL_ID:
                raise MultiselectClientError(f"not multistream: {greeting[:100]!r}")
            answer = await communicator.read()
        except (MultiselectCommunicatorError, IOException) as error:
            raise MultiselectClientError(f"the negotiation broke off: {error}") from error
        if answer == first:
            return first
        if answer != "na":
            raise MultiselectClientError(f"{answer[:100]!r} is no answer to {first}")
        for protocol in others:
            with contextlib.suppress(ProtocolNotSupportedError):
                return await self.try_select(communicator, protocol)
        raise ProtocolNotSupportedError(f"none of {list(protocols)} is supported")


def install() -> None:
    vars(swarm_connection)["NetStream"] = QuickStream
    vars(basic_host)["MultiselectClient"] = EagerClient
    vars(generic_selector)["MultiselectClient"] = EagerClient
