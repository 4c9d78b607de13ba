"""What a person may give `connect`: a multiaddr that ends in /p2p/<peer ID>, or a peer ID alone."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from multiaddr import Multiaddr
from multiaddr.protocols import P_P2P

from p2pd_daemon.core.peer_id import PeerId, decode_peer_id
from p2pd_daemon.errors import BadMultiaddr, BadPeerId

EXAMPLE = "/ip4/203.0.113.7/tcp/4100/p2p/12D3KooW…"
_HINT = f"A full address looks like {EXAMPLE}; `p2pd addrs` on the other machine prints it."
_MAX_TEXT = 1024  # characters; a sensible multiaddr has under 200
_HOSTS = ("ip4", "ip6", "dns", "dns4", "dns6")
_TRANSPORTS = (("tcp",), ("tcp", "ws"), ("tcp", "wss"), ("tcp", "tls", "ws"))


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to dial. `addr` is the transport part, without /p2p/…; empty when only the peer ID was given."""

    peer: PeerId
    addr: str

    @property
    def full(self) -> str:
        return f"{self.addr}/p2p/{self.peer}"


def parse_target(text: str) -> Target:
    """Raises BadMultiaddr or BadPeerId, with a hint that shows a right one."""
    text = text.strip()
    if len(text) > _MAX_TEXT:
        raise BadMultiaddr(f"an address of {len(text)} characters is no address", hint=_HINT)
    if text.startswith("/"):
        return _parse_multiaddr(text)
    if any(letter in text for letter in "/:.[") or not text:
        raise BadMultiaddr(f"{text!r} is not a multiaddr" if text else "the address is empty", hint=_HINT)
    return Target(decode_peer_id(text), "")


def _parse_multiaddr(text: str) -> Target:
    try:
        parts = list(Multiaddr(text).items())
    except Exception as error:  # the library raises a dozen kinds, some of them plain ValueError and KeyError
        raise BadMultiaddr(f"{text!r} is not a multiaddr: {_reason(error)}", hint=_HINT) from None
    names = tuple(protocol.name for protocol, _ in parts)
    if "p2p-circuit" in names:
        raise BadMultiaddr(f"{text} goes through a relay, which this version cannot dial", hint=_HINT)
    if "p2p" not in names:
        raise BadMultiaddr(
            f"{text} does not say whom to expect there",
            hint=f"It needs the peer ID at its end: {text.rstrip('/')}/p2p/<peer id>. `p2pd id` there prints it.",
        )
    if names[-1] != "p2p" or names.count("p2p") != 1:
        raise BadMultiaddr(f"{text} must end in /p2p/<peer id>, once", hint=_HINT)
    if names == ("p2p",):
        return Target(_peer_id(text, str(parts[0][1])), "")
    _check_transport(text, names[:-1], [str(value) for _, value in parts])
    return Target(_peer_id(text, str(parts[-1][1])), str(Multiaddr(text).decapsulate_code(P_P2P)))


def _check_transport(text: str, names: tuple[str, ...], values: list[str]) -> None:
    if names[0] not in _HOSTS:
        raise BadMultiaddr(f"{text} begins with /{names[0]}, which cannot be dialled", hint=_HINT)
    if names[1:] not in _TRANSPORTS:
        raise BadMultiaddr(
            f"{text} uses a transport that this node does not speak: {'/'.join(names[1:]) or 'none'}",
            hint=f"It dials /tcp, /tcp/…/ws and /tcp/…/wss. {_HINT}",
        )
    if names[0] in ("ip4", "ip6") and ipaddress.ip_address(values[0]).is_unspecified:
        raise BadMultiaddr(
            f"{text}: {values[0]} means every interface of a machine, so one can listen on it but not dial it",
            hint="Put the machine's own address in its place.",
        )
    if values[1] == "0":
        raise BadMultiaddr(f"{text}: port 0 is no port one can dial", hint=_HINT)


def _peer_id(text: str, written: str) -> PeerId:
    try:
        return decode_peer_id(written)
    except BadPeerId as error:
        raise BadMultiaddr(f"{text}: {error.message}", hint=error.hint) from None


def _reason(error: Exception) -> str:
    """The library says: Invalid MultiAddr '…': <what is wrong> (string: …, protocol: …). We keep the middle."""
    text = str(error).strip().partition("\n")[0]
    text = text.partition("': ")[2] or text
    return text.partition(" (string: ")[0][:100] or type(error).__name__
