"""What peers say of themselves by identify: kept within bounds, with the agent, which libp2p throws away."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

from libp2p.abc import IPeerStore
from libp2p.host import basic_host
from libp2p.host.basic_host import BasicHost
from libp2p.identity.identify import identify as libp2p_identify
from libp2p.identity.identify.pb.identify_pb2 import Identify
from libp2p.identity.identify_push import identify_push
from libp2p.identity.update import update_peerstore_from_identify
from libp2p.peer.id import ID

ADDRS = 32  # a machine has a few; libp2p keeps up to 1,000 of each stranger
PROTOCOLS = 200
AGENT_CHARS = 100

AGENT = "agent_version"  # where it is in the peerstore

# Whom to tell, by peerstore: libp2p itself tells nobody when identify is done.
_listeners: WeakKeyDictionary[IPeerStore, list[Callable[[ID], None]]] = WeakKeyDictionary()


def on_identified(peerstore: IPeerStore, tell: Callable[[ID], None]) -> None:
    """Calls `tell` each time a peer of the host with this peerstore has said what it is and where."""
    _listeners.setdefault(peerstore, []).append(tell)


def forget(host: BasicHost, peer_id: ID) -> None:
    """So that the peer is asked when it comes back: libp2p asks only whom it knows nothing of.

    That a connection has ended is told 0.1 s late, so this is for its end and for the next one's beginning.
    """
    host.get_peerstore().clear_protocol_data(peer_id)
    host._identified_peers.pop(peer_id, None)
    host._identify_inflight.discard(peer_id)


async def _update(peerstore: IPeerStore, peer_id: ID, message: Identify) -> None:
    del message.listen_addrs[ADDRS:]
    del message.protocols[PROTOCOLS:]
    await update_peerstore_from_identify(peerstore, peer_id, message)
    if message.agent_version:
        peerstore.put(peer_id, AGENT, message.agent_version[:AGENT_CHARS])
    for tell in _listeners.get(peerstore, ()):
        tell(peer_id)


def install(agent: str) -> None:
    """There is no parameter for either, so that both are set where libp2p looks them up."""
    libp2p_identify.AGENT_VERSION = agent
    for module in (basic_host, identify_push):
        vars(module)["update_peerstore_from_identify"] = _update
