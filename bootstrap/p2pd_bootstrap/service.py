"""The rendezvous service: what a bootstrap node does for others. A hostile peer costs only itself.

Every stream has a timeout, every peer few streams and a rate beyond which its requests wait; memory is bounded by the
registry. A registration is taken only with a record that the registering peer signed itself.
"""

from __future__ import annotations

import ipaddress
import logging
from collections import Counter
from collections.abc import Callable

import trio
from libp2p.abc import INetStream
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.core.push import FrameReader, encode_frame
from p2pd_daemon.errors import RemoteProtocolError
from p2pd_daemon.net.inbound import Inbound
from p2pd_daemon.net.peer_record import open_addresses
from p2pd_daemon.net.rendezvous import MAX_COOKIE_BYTES, MAX_REQUEST_BYTES, MAX_TAG_BYTES, decode_message
from p2pd_daemon.net.streams import read_some, write_all
from p2pd_daemon.net.wire.rendezvous_pb2 import Message

from p2pd_bootstrap.registry import BadCookie, Registry, RegistryFull, Signed

log = logging.getLogger(__name__)

IDLE_S = 30.0  # a client may think this long between two requests of one stream
WRITE_S = 10.0
STREAMS_PER_PEER = 4
RATE = 50.0  # requests/s of one peer, sustained; beyond it they wait
BURST = 2500  # requests at once: a node with 1,000 rooms registers and discovers each when it starts
SWEEP_S = 30.0  # between two sweeps of what has ended

_Status = Message.ResponseStatus


class _Allowance:
    """How many requests a peer may make now; the rest wait (GCRA)."""

    def __init__(self) -> None:
        self._slots: dict[PeerId, float] = {}

    def wait_for(self, peer: PeerId, now: float) -> float:
        """Seconds to wait before the request that is counted by this call."""
        slot = max(self._slots.get(peer, now), now) + 1 / RATE
        self._slots[peer] = slot
        return max(0.0, slot - now - BURST / RATE)

    def sweep(self, now: float) -> None:
        self._slots = {peer: slot for peer, slot in self._slots.items() if slot > now}


class RendezvousService:
    """Give `handle_stream` to the host for `/rendezvous/1.0.0`, and start `run`."""

    def __init__(self, registry: Registry, is_connected: Callable[[PeerId], bool]) -> None:
        self.registry = registry
        self.requests: Counter[str] = Counter()  # by kind
        self.refused: Counter[str] = Counter()  # requests and streams, by reason
        self._is_connected = is_connected
        self._allowance = _Allowance()
        self.inbound = Inbound("rendezvous", self._serve, self.refused, per_peer=STREAMS_PER_PEER)
        self.handle_stream = self.inbound.handle_stream

    async def run(self) -> None:
        """Sweeps until cancelled."""
        while True:
            await trio.sleep(SWEEP_S)
            self.registry.expire(trio.current_time())
            self._allowance.sweep(trio.current_time())

    def disconnected(self, peer: PeerId) -> None:
        if not self._is_connected(peer):
            self.registry.left(peer, trio.current_time())

    async def _serve(self, stream: INetStream, peer: PeerId) -> None:
        host = _host_of(stream)
        reader = FrameReader(MAX_REQUEST_BYTES)
        while chunk := await read_some(stream, IDLE_S):
            for frame in reader.feed(chunk):
                await trio.sleep(self._allowance.wait_for(peer, trio.current_time()))
                answer = self._answer(decode_message(frame), peer, host)
                if answer is not None:
                    await write_all(stream, encode_frame(answer.SerializeToString()), WRITE_S)
        if reader.pending:
            raise RemoteProtocolError("the stream ended inside a request")

    def _answer(self, request: Message, peer: PeerId, host: str) -> Message | None:
        if request.type == Message.REGISTER:
            self.requests["register"] += 1
            return self._register(request.register, peer, host)
        if request.type == Message.DISCOVER:
            self.requests["discover"] += 1
            return self._discover(request.discover)
        if request.type == Message.UNREGISTER:
            self.requests["unregister"] += 1
            self.registry.unregister(peer, request.unregister.ns)
            return None
        raise RemoteProtocolError(f"a message of type {request.type} is no request")

    def _register(self, request: Message.Register, peer: PeerId, host: str) -> Message:
        answer = Message(type=Message.REGISTER_RESPONSE)
        status, text = self._refusal(request)
        if status == _Status.OK:
            try:
                answer.registerResponse.ttl = self.registry.register(
                    peer, request.ns, self._signed(request, peer, host), request.ttl, trio.current_time()
                )
            except RegistryFull as error:
                status, text = _Status.E_UNAVAILABLE, str(error)
            except RemoteProtocolError as error:
                status, text = _Status.E_INVALID_SIGNED_PEER_RECORD, error.message
            except PermissionError as error:
                status, text = _Status.E_NOT_AUTHORIZED, str(error)
        answer.registerResponse.status, answer.registerResponse.statusText = status, text
        self._count(status)
        return answer

    def _refusal(self, request: Message.Register) -> tuple[_Status, str]:
        if not 0 < len(request.ns.encode()) <= MAX_TAG_BYTES:
            return _Status.E_INVALID_NAMESPACE, f"a tag has 1 to {MAX_TAG_BYTES} bytes"
        if request.ttl > self.registry.limits.ttl_max:
            return _Status.E_INVALID_TTL, f"at most {self.registry.limits.ttl_max} s"
        return _Status.OK, ""

    def _signed(self, request: Message.Register, peer: PeerId, host: str) -> Signed:
        """Verifies each record once: renewals carry the same bytes."""
        known = self.registry.signed_of(peer)
        if known is not None and known.raw == request.signedPeerRecord:
            return known
        record = open_addresses(request.signedPeerRecord)
        if record.peer != peer:
            raise PermissionError("a peer can only register itself")
        return Signed(request.signedPeerRecord, record.seq, host)

    def _discover(self, request: Message.Discover) -> Message:
        answer = Message(type=Message.DISCOVER_RESPONSE)
        response = answer.discoverResponse
        try:
            if not 0 < len(request.ns.encode()) <= MAX_TAG_BYTES:
                response.status = _Status.E_INVALID_NAMESPACE
            elif len(request.cookie) > MAX_COOKIE_BYTES:
                response.status = _Status.E_INVALID_COOKIE
            else:
                found = self.registry.discover(request.ns, request.limit, request.cookie, trio.current_time())
                response.cookie = found.cookie
                for raw, left in found.registrations:
                    response.registrations.add(ns=request.ns, signedPeerRecord=raw, ttl=left)
        except BadCookie:
            response.status = _Status.E_INVALID_COOKIE
        self._count(response.status)
        return answer

    def _count(self, status: int) -> None:
        if status != _Status.OK:
            self.refused[_Status.Name(status)] += 1


def _host_of(stream: INetStream) -> str:
    """The IP address at the other end; of IPv6 the /64, which is what one customer has. "" where it cannot be told."""
    remote = stream.get_remote_address()
    if remote is None:
        return ""
    try:
        address = ipaddress.ip_address(remote[0].partition("%")[0])
    except ValueError:
        return ""
    if address.version == 4:
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
