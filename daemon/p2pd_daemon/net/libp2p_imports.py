"""What libp2p imports and a node of ours uses rarely or never. It is put off until something uses it.

Importing libp2p as it comes takes two thirds of the start and 35 MiB; most of that is for transports, discovery and
metrics that we do not switch on. `tests/net/test_libp2p_imports.py` holds this table against libp2p. Where another
version is installed than the table was made for, everything is imported as usual: slower, and as right.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path

from p2pd_daemon.deferred import defer

MADE_FOR = "0.8.1"

KEY_METHODS = ("{0}PublicKey", "{0}PublicKey.from_bytes", "{0}PrivateKey", "{0}PrivateKey.from_bytes")

# Module → what others take from it by name; the reason stands above.
DEFERRED: dict[str, tuple[str, ...]] = {
    # Packages that import all of their parts only to offer them under a shorter name.
    "libp2p": (),
    "libp2p.transport": (),
    "libp2p.security": (),
    "libp2p.security.tls": (),
    "libp2p.relay": (),
    "libp2p.relay.circuit_v2": (),
    "libp2p.discovery.mdns": (),
    "libp2p.discovery.bootstrap": (),
    "libp2p.discovery.upnp": (),
    # QUIC (aioquic, pyOpenSSL): we do not offer it. They are named in type aliases.
    "libp2p.transport.quic": (),
    "libp2p.transport.quic.stream": ("QUICStream",),
    "libp2p.transport.quic.config": ("QUICTransportConfig",),
    # What BasicHost would switch on if asked: our own discovery does this. (zeroconf, dnspython, miniupnpc)
    "libp2p.discovery.mdns.mdns": ("MDNSDiscovery", "create_mdns_discovery"),
    "libp2p.discovery.bootstrap.bootstrap": ("BootstrapDiscovery",),
    "libp2p.discovery.upnp.upnp": ("UpnpManager",),
    # Certificates from a public authority for browsers, over HTTP (requests, httpx with rich and pygments).
    "libp2p.security.tls.autotls.acme": ("ACMEClient", "compute_b36_peer_id"),
    "libp2p.security.tls.autotls.broker": ("BrokerClient",),
    # Only for certificates of those two.
    "libp2p.relay.circuit_v2.nat": ("is_private_ip",),
    # Private networks (PyCryptodome's Salsa20).
    "libp2p.security.pnet.protector": ("new_protected_conn",),
    # X.509: TLS loads it at its first connection (net/tls.py).
    "cryptography.x509": (),
    # Peers with RSA or secp256k1 keys (PyCryptodome with cffi and pycparser; coincurve): loaded when one comes.
    "libp2p.crypto.rsa": tuple(name.format("RSA") for name in KEY_METHODS),
    "libp2p.crypto.secp256k1": tuple(name.format("Secp256k1") for name in KEY_METHODS),
    # Limits and metrics of libp2p's own; ours are in net/. Prometheus would start an HTTP server.
    "libp2p.rcmgr.manager": ("ResourceLimits", "ResourceManager", "new_resource_manager"),
    "libp2p.rcmgr.prometheus_exporter": ("PrometheusExporter", "create_prometheus_exporter"),
    "prometheus_client": ("Counter",),
    "psutil": (),
    # A resolver with name servers of its own (dnspython): /dns addresses of others (net/resolver.py).
    "multiaddr.resolvers": ("DNSResolver",),
    # protobuf's implementation in Python, which the one in C imports and does not call.
    "google.protobuf.internal.python_message": (),
    # Of each of these Starlette uses one function, for what our API does not do.
    "asyncio": ("iscoroutinefunction",),
    "http.client": (),
}


def install() -> None:
    """Before the first import of libp2p; after it there is nothing left to put off."""
    if "libp2p" not in sys.modules and _is_made_for():
        defer(DEFERRED)


def _is_made_for() -> bool:
    """Whether the metadata beside the installed libp2p say MADE_FOR; asking importlib.metadata costs 5 ms."""
    spec = PathFinder.find_spec("libp2p")
    if spec is None or spec.origin is None:
        return False
    return (Path(spec.origin).parent.parent / f"libp2p-{MADE_FOR}.dist-info").is_dir()
