"""One dial: from addresses to a connection, or to an error that tells a person what is wrong and what to do.

libp2p's own dialling is passed by: it tries one address per transport and then refuses the peer for 60 s
(network/swarm.py `_NegativePeerCache`, MAX_ADDRS_PER_PEER; traps 8 and 10 of LIBP2P.md). We give `dial_addr` one
address at a time, each under a timeout, and race them with a small head start for the better ones (RFC 8305).
"""

from __future__ import annotations

import errno
import logging
import re
import socket
import ssl
from collections.abc import Iterator, Sequence

import trio
from libp2p.abc import INetConn
from libp2p.exceptions import MultiError
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.errors import (
    ConnectionEnded,
    ConnectionRefused,
    DialFailed,
    DialTimeout,
    NetworkError,
    PeerUnreachable,
    SelfDial,
    WrongPeerId,
)
from p2pd_daemon.net.host import OpenHost
from p2pd_daemon.net.interface import Connected
from p2pd_daemon.net.targets import Target

log = logging.getLogger(__name__)

HEAD_START_S = 0.3  # RFC 8305 recommends 0.25 s between connection attempts
MAX_RACE = 8  # addresses tried in one dial; honest peers have fewer
_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EINVAL)
_PEER_ID = re.compile(r"\b(?:12D3Koo|16Uiu2|Qm)[1-9A-HJ-NP-Za-km-z]{30,60}\b")


async def dial(opened: OpenHost, targets: Sequence[Target], timeout: float) -> Connected:
    """Connects to the one peer that all targets name, by the first address that answers, within `timeout` seconds.

    Raises SelfDial, WrongPeerId, ConnectionRefused, DialTimeout, PeerUnreachable or DialFailed. Of several failed
    addresses the error lists each. Cancelling closes what was half open.
    """
    peer = targets[0].peer
    if peer == opened.peer_id:
        raise self_dial(targets[0])
    existing = live_connection(opened, peer)
    if existing is not None:
        return Connected(peer, remote_addr(existing) or targets[0].addr, 0.0)
    start = trio.current_time()
    errors: dict[int, NetworkError] = {}
    won: list[tuple[INetConn, Target]] = []
    tried = [target for target in targets if target.addr][:MAX_RACE]
    if not tried:
        raise nothing_known(peer)
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = start + timeout

        async def attempt(index: int, done: trio.Event) -> None:
            try:
                won.append((await dial_address(opened, tried[index], timeout), tried[index]))
                nursery.cancel_scope.cancel()
            except NetworkError as error:
                errors[index] = error
            finally:
                done.set()

        for index in range(len(tried)):
            done = trio.Event()
            nursery.start_soon(attempt, index, done)
            with trio.move_on_after(HEAD_START_S):
                await done.wait()
    if not won:
        for index, target in enumerate(tried):
            errors.setdefault(index, timed_out(target, timeout))
        raise joined_error(peer, [errors[index] for index in sorted(errors)])
    for connection, _ in won[1:]:  # two addresses answered in the same instant
        await connection.close()
    return Connected(peer, won[0][1].addr, (trio.current_time() - start) * 1000)


async def dial_address(opened: OpenHost, target: Target, timeout: float) -> INetConn:
    """One attempt at one address. Raises the NetworkError that fits."""
    peer = ID.from_base58(target.peer)
    opened.swarm.unblock_peer(peer)
    try:
        with trio.fail_after(timeout):
            addrs = await _resolve(target.addr)
            for addr in addrs[:-1]:
                try:
                    with trio.fail_after(timeout / len(addrs)):
                        return await opened.swarm.dial_addr(Multiaddr(addr), peer)
                except Exception as error:
                    log.debug("%s of %s: %r", addr, target.addr, error)
            return await opened.swarm.dial_addr(Multiaddr(addrs[-1]), peer)
    except (
        Exception
    ) as error:  # libp2p wraps what happened in up to four layers, some of them plain Exception
        raise translate(error, target, opened.peer_id, timeout) from error


async def _resolve(addr: str) -> list[str]:
    """Addresses with an IP in the place of a DNS name, by the system's resolver; WebSocket needs the name and keeps it.

    libp2p asks DNS servers itself, which knows neither /etc/hosts nor .local names. Raises gaierror.
    """
    _, kind, name, rest = addr.split("/", 3)
    if not kind.startswith("dns") or rest.endswith(("/ws", "/wss")):
        return [addr]
    family = {"dns4": socket.AF_INET, "dns6": socket.AF_INET6}.get(kind, socket.AF_UNSPEC)
    found = await trio.socket.getaddrinfo(name, None, family=family, type=socket.SOCK_STREAM)
    ips = dict.fromkeys(str(one[4][0]) for one in found)
    return [f"/{'ip6' if ':' in ip else 'ip4'}/{ip}/{rest}" for ip in ips][:MAX_RACE]


def live_connection(opened: OpenHost, peer: PeerId) -> INetConn | None:
    for connection in opened.swarm.get_connections(ID.from_base58(peer)):
        if not connection.is_closed:
            return connection
    return None


def remote_addr(connection: INetConn) -> str:
    """The transport address of the other end, "" when it cannot be told."""
    try:
        addrs = connection.get_transport_addresses()
    except (AttributeError, OSError, ValueError):
        return ""
    return str(addrs[0]) if addrs else ""


# Errors for a person


def translate(error: Exception, target: Target, own: PeerId, timeout: float) -> NetworkError:
    """What a failed dial means, from the chain of causes of a libp2p exception."""
    chain = list(_chain(error))
    texts = " | ".join(str(one) for one in chain)
    if any(type(one).__name__ == "PeerIDMismatchesPubkey" for one in chain) or "Peer ID mismatch" in texts:
        return _wrong_peer(target, own, texts)
    if any(isinstance(one, trio.TooSlowError) for one in chain) or _errno(chain) == errno.ETIMEDOUT:
        return timed_out(target, timeout)
    if any(isinstance(one, ConnectionRefusedError) for one in chain):
        return ConnectionRefused(
            f"nothing listens at {target.addr}: the connection was refused",
            hint="Check that p2pd runs there, and the port: `p2pd addrs` on that machine prints its addresses.",
        )
    return _no_way(chain, texts, target) or _no_libp2p(chain, texts, target)


def _no_way(chain: Sequence[BaseException], texts: str, target: Target) -> NetworkError | None:
    if any(isinstance(one, socket.gaierror) for one in chain) or "resolve DNS" in texts:
        return PeerUnreachable(
            f"the name in {target.addr} cannot be resolved",
            hint="Check its spelling, and that DNS works here.",
        )
    if _errno(chain) in _NO_ROUTE:
        return PeerUnreachable(
            f"there is no way from here to {target.addr}",
            hint="Check that this machine is on a network that reaches that address.",
        )
    return None


def _no_libp2p(chain: Sequence[BaseException], texts: str, target: Target) -> NetworkError:
    if any(isinstance(one, ssl.SSLError) for one in chain) or "TLS handshake failed" in texts:
        return DialFailed(
            f"the TLS certificate at {target.addr} was not accepted: {_last_words(chain)}",
            hint="A /wss address needs a certificate that this machine trusts, for the name in the address.",
        )
    return DialFailed(
        f"{target.addr} answers, but not as a libp2p peer: {_last_words(chain)}",
        hint="Check the port, and that the address has /ws where the other side listens on WebSocket.",
    )


def _wrong_peer(target: Target, own: PeerId, texts: str) -> NetworkError:
    actual = next((found for found in _PEER_ID.findall(texts) if found != target.peer), "")
    if actual == own:
        return self_dial(target)
    who = f"it is {actual}" if actual else "it is another"
    return WrongPeerId(
        f"the peer at {target.addr} is not {target.peer}: {who}",
        hint="Ask for its address again (`p2pd addrs` there). A changed ID means a new key or another machine.",
    )


def self_dial(target: Target) -> SelfDial:
    where = f"{target.addr} is this node itself" if target.addr else f"{target.peer} is this node itself"
    return SelfDial(where, hint="Give the address of another node: `p2pd addrs` on that machine prints it.")


def timed_out(target: Target, timeout: float) -> DialTimeout:
    return DialTimeout(
        f"{target.addr} did not answer within {timeout:.0f} s",
        hint="The machine is off, the address is old, or a firewall drops the packets.",
    )


def nothing_known(peer: PeerId) -> PeerUnreachable:
    return PeerUnreachable(
        f"no address of {peer} is known",
        hint="Give a full address, /ip4/…/tcp/…/p2p/…, once; or start both nodes with the same --bootstrap.",
    )


def ended_at_once(done: Connected) -> ConnectionEnded:
    return ConnectionEnded(
        f"{done.peer_id} at {done.addr} ended the connection at once:"
        " it may have disconnected or blocked you, or take no more connections",
        hint="After `p2pd disconnect` it lets you in again in 10 minutes, or when its person connects to you.",
    )


def joined_error(peer: PeerId, errors: Sequence[NetworkError]) -> NetworkError:
    """The error itself when there is one; PeerUnreachable that lists them when there are several."""
    if len(errors) == 1:
        return errors[0]
    for error in errors:
        if isinstance(error, SelfDial):
            return error
    listed = "; ".join(error.message for error in errors)
    return PeerUnreachable(
        f"none of the {len(errors)} known addresses of {peer} works: {listed}",
        hint="The peer may be away. It is connected by itself when it is back; or give its new address.",
    )


def _chain(error: BaseException, depth: int = 0) -> Iterator[BaseException]:
    """The exception and its causes, also inside groups, the outermost first."""
    yield error
    if depth > 12:
        return
    inner: list[BaseException] = []
    if isinstance(error, BaseExceptionGroup):
        inner.extend(error.exceptions)
    elif isinstance(error, MultiError):
        inner.extend(one for one in getattr(error, "errors", ()) if isinstance(one, BaseException))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        inner.append(cause)
    for one in inner:
        yield from _chain(one, depth + 1)


def _errno(chain: Sequence[BaseException]) -> int | None:
    """The errno of the innermost OSError that has one."""
    return next((one.errno for one in reversed(chain) if isinstance(one, OSError) and one.errno), None)


def _last_words(chain: Sequence[BaseException]) -> str:
    said = next((str(one) for one in reversed(chain) if str(one)), type(chain[-1]).__name__)
    return said.partition("\n")[0][:160]
