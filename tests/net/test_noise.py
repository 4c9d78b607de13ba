"""Noise frames and the read buffer under them: any cut of the bytes gives the same, and one read takes all there is."""

from __future__ import annotations

import itertools
import select
import socket
from collections.abc import Sequence

import pytest
import trio
import trio.testing
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st
from libp2p.io.exceptions import ConnectionClosedError, DecryptionFailedException
from libp2p.io.trio import TrioTCPStream
from libp2p.transport.websocket.connection import P2PWebSocketConnection
from noise.connection import Keypair, NoiseConnection
from p2pd_daemon.net.buffered import BufferedConnection
from p2pd_daemon.net.noise import FRAME_BYTES, PLAIN_BYTES, NoiseChannel, Opener, Sealer

KEY = bytes(range(32))
SIZES = st.sampled_from([0, 1, 100, PLAIN_BYTES - 1, PLAIN_BYTES, PLAIN_BYTES + 1, 3 * PLAIN_BYTES])


def cut(whole: bytes, places: Sequence[float]) -> list[bytes]:
    at = [0, *sorted(int(place * len(whole)) for place in places), len(whole)]
    return [whole[start:stop] for start, stop in itertools.pairwise(at)]


CUTS = st.lists(st.floats(0, 1), max_size=12)


@given(st.lists(SIZES, max_size=4), CUTS)
def test_what_is_sealed_is_opened_wherever_it_is_cut(sizes: list[int], cuts: list[float]) -> None:
    sealer, opener = Sealer(ChaCha20Poly1305(KEY)), Opener(ChaCha20Poly1305(KEY))
    plains = [bytes([index]) * size for index, size in enumerate(sizes)]
    sealed = b"".join(sealer.seal(plain) for plain in plains)
    assert b"".join(opener.open(part) for part in cut(sealed, cuts)) == b"".join(plains)


@given(st.binary(max_size=300), CUTS)
def test_garbage_is_held_or_refused(garbage: bytes, cuts: list[float]) -> None:
    opener = Opener(ChaCha20Poly1305(KEY))
    try:
        assert b"".join(opener.open(part) for part in cut(garbage, cuts)) == b""
    except InvalidTag:
        return
    assert len(garbage) < 2 or len(garbage) - 2 < int.from_bytes(garbage[:2], "big")


def handshaken() -> tuple[NoiseConnection, NoiseConnection]:
    one, other = (NoiseConnection.from_name(b"Noise_XX_25519_ChaChaPoly_SHA256") for _ in range(2))
    one.set_as_initiator()
    other.set_as_responder()
    for index, side in enumerate((one, other)):
        side.set_keypair_from_private_bytes(Keypair.STATIC, bytes([index + 1]) * 32)
        side.start_handshake()
    other.read_message(one.write_message())
    one.read_message(other.write_message())
    other.read_message(one.write_message())
    return one, other


class Wire:
    """A raw connection that gives what it was given to hold, and counts."""

    def __init__(self, *received: bytes) -> None:
        self.received = list(received)
        self.written: list[bytes] = []
        self.reads = 0

    async def read(self, n: int | None = None) -> bytes:
        self.reads += 1
        return self.received.pop(0) if self.received else b""

    async def write(self, data: bytes) -> None:
        self.written.append(data)

    async def close(self) -> None: ...

    def get_remote_address(self) -> tuple[str, int] | None:
        return None


async def test_a_channel_speaks_with_a_noise_connection_of_another_make() -> None:
    ours, theirs = handshaken()
    frames = [theirs.encrypt(text) for text in (b"one", b"", b"three")]
    whole = b"".join(len(frame).to_bytes(2, "big") + frame for frame in frames)
    wire = Wire(whole[:30], whole[30:])
    channel = NoiseChannel(wire, ours)  # type: ignore[arg-type]  # as much of one as is used
    assert await channel.read_msg() + await channel.read_msg() == b"onethree"
    assert await channel.read_msg() == b""
    assert wire.reads == 3  # the end included

    await channel.write_msg(bytes(2 * PLAIN_BYTES + 1))
    (sent,) = wire.written  # in one piece
    opened = []
    while sent:
        size = int.from_bytes(sent[:2], "big")
        assert size <= FRAME_BYTES
        opened.append(len(theirs.decrypt(sent[2 : 2 + size])))
        sent = sent[2 + size :]
    assert opened == [PLAIN_BYTES, PLAIN_BYTES, 1]


async def test_a_frame_that_was_tampered_with_is_an_error() -> None:
    ours, theirs = handshaken()
    frame = bytearray(theirs.encrypt(b"text"))
    frame[-1] ^= 1
    channel = NoiseChannel(Wire(len(frame).to_bytes(2, "big") + frame), ours)  # type: ignore[arg-type]
    with pytest.raises(DecryptionFailedException):
        await channel.read_msg()


async def test_one_read_takes_all_that_the_socket_has() -> None:
    with trio.fail_after(60):
        near, far = socket.socketpair()
        async with trio.SocketStream(trio.socket.from_stdlib_socket(far)) as other:
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(near))
            connection = BufferedConnection(TrioTCPStream(stream), False)
            await other.send_all(b"\x13/multistream/1.0.0\nmore")
            assert await connection.read(0) == b""
            assert await connection.read(1) == b"\x13"
            assert select.select([stream.socket], [], [], 0)[0] == []
            assert [await connection.read(n) for n in (18, 1)] == [b"/multistream/1.0.0", b"\n"]
            assert await connection.read() == b"more"
            await other.send_all(b"all of it")
            assert await connection.read(100) == b"all of it"
        assert await connection.read(1) == b""
        await connection.close()
        assert await connection.read() == b""
        with pytest.raises(ConnectionClosedError):
            await connection.write(b"x")


async def test_a_websocket_whose_good_bye_is_cut_short_is_closed() -> None:
    near, far = trio.testing.memory_stream_pair()

    class WebSocket:
        _stream = near

        async def aclose(self) -> None:
            await trio.sleep_forever()

    connection = BufferedConnection(P2PWebSocketConnection(WebSocket()), True)
    with trio.fail_after(60):
        with trio.move_on_after(0):
            await connection.close()
        assert await far.receive_some() == b""
