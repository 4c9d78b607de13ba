"""What is put off until it is used, held against the libp2p that is installed; each in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from p2pd_daemon.net import libp2p_imports

pytestmark = pytest.mark.slow

# Distributions that libp2p wants and an idle node does without.
UNUSED = [
    "aioquic",
    "OpenSSL",
    "service_identity",
    "requests",
    "urllib3",
    "httpx",
    "rich",
    "pygments",
    "dns",
    "zeroconf",
    "miniupnpc",
    "Crypto",
    "cffi",
    "pycparser",
    "coincurve",
    "psutil",
    "asyncio",
    "cryptography.x509.base",
    "prometheus_client.metrics",
    "libp2p.kad_dht",
    "libp2p.bitswap",
]


def run(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parent.parent,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_node_runs_without_what_it_does_not_use() -> None:
    """Two networks, opened and connected over Noise."""
    code = """
import importlib, sys
importlib.import_module("p2pd_daemon.net")
import trio
import p2pd_daemon.node.serve
sys.path.insert(0, ".")
from net.support import Recorder, new_key
from p2pd_daemon.net.network import NetworkConfig, open_network
async def main():
    config = NetworkConfig(listen=("/ip4/127.0.0.1/tcp/0",), mdns=False)
    with trio.fail_after(60):
        async with (
            open_network(new_key(), config, Recorder(), []) as one,
            open_network(new_key(), config, Recorder(), []) as two,
        ):
            await one.connect(two.addrs()[0])
            await one.ping(two.peer_id, 1)
trio.run(main)
from p2pd_daemon.deferred import deferred_modules
print("\\n".join(name for name in sys.argv[1:] if name in sys.modules and name not in deferred_modules()))
"""
    assert run(code, *UNUSED).split() == []


def test_the_table_is_true_of_libp2p() -> None:
    """Every name is there, is no exception (which `except` could not do without), and what is put off can be run."""
    code = """
import importlib
from p2pd_daemon.net.libp2p_imports import DEFERRED
from p2pd_daemon import deferred
import p2pd_daemon.node.serve
deferred.run_deferred()
assert not deferred.deferred_modules()
for module, names in DEFERRED.items():
    imported = importlib.import_module(module)
    imported.__dict__.get("__all__")
    for name in names:
        found = imported
        for part in name.split("."):
            found = getattr(found, part)
        assert callable(found) and not isinstance(found, deferred.StandIn), (module, name)
        assert not (isinstance(found, type) and issubclass(found, BaseException)), (module, name)
"""
    run(code)


def test_every_module_of_libp2p_imports_as_it_would_without_us() -> None:
    code = """
import importlib, pkgutil, sys
if sys.argv[1] == "ours":
    import p2pd_daemon.net
import libp2p
for found in pkgutil.walk_packages(libp2p.__path__, "libp2p.", onerror=lambda name: None):
    try:
        importlib.import_module(found.name)
    except Exception as error:
        print(found.name, type(error).__name__, error)
"""
    assert run(code, "ours") == run(code, "usual")


def test_another_version_is_imported_as_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libp2p_imports, "MADE_FOR", "0.0.1")
    assert not libp2p_imports._is_made_for()
    monkeypatch.undo()
    assert libp2p_imports._is_made_for()


@pytest.mark.parametrize("kind", ["rsa", "secp256k1"])
def test_peers_with_other_kinds_of_keys_are_understood(kind: str) -> None:
    code = """
import importlib, sys
import p2pd_daemon.net
from libp2p.crypto.serialization import deserialize_public_key, deserialize_private_key
from p2pd_daemon.deferred import deferred_modules
module = "libp2p.crypto." + sys.argv[1]
assert module in deferred_modules()
pair = importlib.import_module(module).create_new_key_pair()
assert deserialize_public_key(pair.public_key.serialize()) == pair.public_key
assert deserialize_private_key(pair.private_key.serialize()).to_bytes() == pair.private_key.to_bytes()
"""
    run(code, kind)


def test_tls_and_names_work_when_they_are_asked_for() -> None:
    code = """
import trio
import p2pd_daemon.net
from libp2p.crypto.ed25519 import create_new_key_pair
from p2pd_daemon.net import resolver, tls
from multiaddr import Multiaddr
pair = create_new_key_pair()
when_asked = tls.TlsWhenAsked(pair)
from libp2p.security.tls import transport
assert transport.PROTOCOL_ID == tls.PROTOCOL_ID
assert when_asked._transport.local_peer == transport.TLSTransport(pair).local_peer
addr = Multiaddr("/ip4/127.0.0.1/tcp/1")
try:
    from multiaddr.resolvers import DNSResolver
    usual = trio.run(DNSResolver().resolve, addr)
    assert trio.run(resolver.ResolverWhenAsked().resolve, addr) == usual
except Exception as error:
    raise SystemExit(repr(error))
"""
    run(code)
