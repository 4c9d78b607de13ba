"""TLS from the first peer that asks for it: its certificate and what makes it cost 20 ms, and most peers take Noise."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from libp2p.abc import IRawConnection, ISecureConn, ISecureTransport
from libp2p.crypto.keys import KeyPair
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID

if TYPE_CHECKING:
    from libp2p.security.tls.transport import TLSTransport

PROTOCOL_ID = TProtocol("/tls/1.0.0")  # https://github.com/libp2p/specs/blob/master/tls/tls.md


class TlsWhenAsked(ISecureTransport):
    def __init__(self, pair: KeyPair) -> None:
        self._pair = pair

    async def secure_inbound(self, conn: IRawConnection) -> ISecureConn:
        return await self._transport.secure_inbound(conn)

    async def secure_outbound(self, conn: IRawConnection, peer_id: ID) -> ISecureConn:
        return await self._transport.secure_outbound(conn, peer_id)

    @cached_property
    def _transport(self) -> TLSTransport:
        from libp2p.security.tls.transport import TLSTransport  # noqa: PLC0415 - see above

        return TLSTransport(self._pair)
