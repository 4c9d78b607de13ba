"""What keeps one peer's garbage from hurting anybody else: guards round every inbound stream and negotiation."""

from __future__ import annotations

import logging
from collections import Counter
from typing import cast

import trio
from libp2p.abc import INetStream
from libp2p.exceptions import ParseError
from libp2p.host.basic_host import BasicHost
from libp2p.io.abc import Reader
from libp2p.network.stream.net_stream import NetStream
from libp2p.peer.id import ID
from libp2p.protocol_muxer import multiselect_communicator
from libp2p.stream_muxer.exceptions import MuxedStreamError
from libp2p.utils.varint import read_varint_prefixed_bytes_limited

from p2pd_daemon.net.tasks import grace
from p2pd_daemon.net.yamux_stream import YamuxStream

log = logging.getLogger(__name__)

STREAMS_PER_PEER = 64  # inbound streams at once; an honest peer has one for gossip and a few short ones
NEGOTIATION_BYTES = 16 * 1024  # a multistream line is a protocol name; an answer to `ls` lists a few hundred
LINGER_S = 10.0  # how long the other side may take to close a stream that we have closed


def guard_streams(host: BasicHost, dropped: Counter[str]) -> None:
    """Wrap the handler of all inbound streams of `host`, whatever their protocol (traps 2 and 12).

    An exception resets that stream and is counted; afterwards the stream is gone on both sides, because yamux keeps a
    stream that one side has not closed, and 256 of those block the peer for good.
    """
    inner = host._swarm_stream_handler
    live: Counter[ID] = Counter()

    async def handle(stream: INetStream) -> None:
        peer = stream.muxed_conn.peer_id
        if live[peer] >= STREAMS_PER_PEER:
            dropped["stream_limit"] += 1
            await stream.reset()
            return
        live[peer] += 1
        finished = False
        try:
            await inner(stream)
            finished = True
        except Exception as error:  # anything that a handler lets out: the host would end (trap 2)
            dropped["stream_fault"] += 1
            log.debug("stream of %s failed: %r", peer, error)
        finally:
            await _finish(stream, finished)
            live[peer] -= 1
            if not live[peer]:
                del live[peer]

    host.get_network().set_stream_handler(handle)


async def _finish(stream: INetStream, cleanly: bool) -> None:
    muxed = cast(NetStream, stream).muxed_stream  # the only kind of INetStream there is
    if cleanly:
        try:
            await stream.close()
            with trio.move_on_after(LINGER_S):
                while await muxed.read(4096):
                    pass
        except MuxedStreamError:  # the usual end: EOF or reset
            pass
        except Exception as error:
            log.debug("closing a stream failed: %r", error)
    with grace(1):
        if not cast(YamuxStream, muxed).closed:
            await stream.reset()


async def _read_line(reader: Reader) -> bytes:
    line = await read_varint_prefixed_bytes_limited(reader, NEGOTIATION_BYTES)
    if not line.endswith(b"\n"):
        raise ParseError("a multistream line ends with a newline")
    if not line.isascii():
        raise ParseError("a multistream line is ASCII")
    return line[:-1]


def bound_negotiation() -> None:
    """libp2p reads a protocol name of any length that a stranger announces, into memory (multiselect)."""
    vars(multiselect_communicator)["read_delim"] = _read_line
