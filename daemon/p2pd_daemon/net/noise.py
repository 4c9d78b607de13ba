"""Noise (https://github.com/libp2p/specs/tree/master/noise) after the handshake: many frames a read and a write.

A frame is a 2-byte length and as many bytes of ChaCha20-Poly1305, whose nonce counts the frames of its direction.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from cryptography.exceptions import InvalidTag
from libp2p.abc import IRawConnection, ISecureConn
from libp2p.io.exceptions import DecryptionFailedException
from libp2p.peer.id import ID
from libp2p.security.noise.io import NoiseTransportReadWriter
from libp2p.security.noise.transport import Transport
from libp2p.security.secure_session import SecureSession

FRAME_BYTES = 65535  # at most, by the specification
TAG_BYTES = 16
PLAIN_BYTES = FRAME_BYTES - TAG_BYTES


class Aead(Protocol):
    def encrypt(self, nonce: bytes, data: bytes | memoryview, associated_data: None) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes | memoryview, associated_data: None) -> bytes: ...


class Sealer:
    """Plain bytes in, frames out. `count` is how many frames were sealed before."""

    def __init__(self, aead: Aead, count: int = 0) -> None:
        self._aead = aead
        self._count = count

    def seal(self, plain: bytes) -> bytes:
        view = memoryview(plain)
        parts: list[bytes] = []
        for start in range(0, len(plain), PLAIN_BYTES):
            sealed = self._aead.encrypt(_nonce(self._count), view[start : start + PLAIN_BYTES], None)
            self._count += 1
            parts += (len(sealed).to_bytes(2, "big"), sealed)
        return b"".join(parts)


class Opener:
    """What was received in, cut anywhere; plain bytes out. Holds less than one frame in between."""

    def __init__(self, aead: Aead, count: int = 0) -> None:
        self._aead = aead
        self._count = count
        self._rest = b""

    def open(self, received: bytes) -> bytes:
        """The content of all frames that are complete. Raises InvalidTag: nothing can be read after that."""
        if self._rest:
            received = self._rest + received
        view, at, end = memoryview(received), 0, len(received)
        plain: list[bytes] = []
        while end - at >= 2:
            start = at + 2
            stop = start + (received[at] << 8 | received[at + 1])
            if stop > end:
                break
            plain.append(self._aead.decrypt(_nonce(self._count), view[start:stop], None))
            self._count += 1
            at = stop
        self._rest = received[at:]
        return plain[0] if len(plain) == 1 else b"".join(plain)


def _nonce(count: int) -> bytes:
    return b"\0\0\0\0" + count.to_bytes(8, "little")


class NoiseChannel(NoiseTransportReadWriter):
    """libp2p reads a length and a frame, each with a call to the socket, and sends each frame by itself.

    A write must not be cancelled, nor may two overlap: part of a frame would be sent, or a later frame first.
    """

    def __init__(self, conn: IRawConnection, noise_state: Any) -> None:
        super().__init__(conn, noise_state)
        self._raw = conn
        ciphers = noise_state.noise_protocol
        sealing, opening = ciphers.cipher_state_encrypt, ciphers.cipher_state_decrypt
        self._sealer = Sealer(cast(Aead, sealing.cipher.cipher), sealing.n)
        self._opener = Opener(cast(Aead, opening.cipher.cipher), opening.n)

    async def read_msg(self, prefix_encoded: bool = False) -> bytes:
        """What has arrived, at least one byte; b"" at the end of the connection."""
        while received := await self._raw.read():
            try:
                plain = self._opener.open(received)
            except InvalidTag:
                raise DecryptionFailedException("the peer sent a frame that was not sealed for us") from None
            if plain:  # a frame may be empty
                return plain
        return b""

    async def write_msg(self, msg: bytes, prefix_encoded: bool = False) -> None:
        await self._raw.write(self._sealer.seal(msg))


class BufferedNoise(Transport):
    """libp2p's handshake, and then a NoiseChannel. Needs a raw connection that may be read ahead."""

    async def secure_inbound(self, conn: IRawConnection) -> ISecureConn:
        return _with_channel(await super().secure_inbound(conn), conn)

    async def secure_outbound(self, conn: IRawConnection, peer_id: ID) -> ISecureConn:
        return _with_channel(await super().secure_outbound(conn, peer_id), conn)


def _with_channel(session: ISecureConn, conn: IRawConnection) -> ISecureConn:
    secure = cast(SecureSession, session)
    secure.conn = NoiseChannel(conn, cast(NoiseTransportReadWriter, secure.conn).noise_state)
    return session
