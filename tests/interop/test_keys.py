"""Key files go both ways: libp2p's PrivateKey protobuf is the same node to every implementation."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.harness import Net
from interop.harness import Foreign, Foreigners
from p2pd_daemon.core.keys import decode_private_key, encode_private_key


@pytest.mark.cell("key files, both ways", transports=())
def test_a_peer_runs_on_the_key_of_a_p2pd(
    net: Net, foreigners: Foreigners, kind: Foreign, tmp_path: Path
) -> None:
    daemon = net.daemon("owner")
    file = tmp_path / "copy.key"
    file.write_bytes((daemon.home / "identity.key").read_bytes())
    daemon.stop()
    assert foreigners.start(kind, "--key", str(file)).peer_id == daemon.peer_id


@pytest.mark.cell("key files, both ways", transports=())
def test_a_p2pd_runs_on_the_key_of_a_peer(
    net: Net, foreigners: Foreigners, kind: Foreign, tmp_path: Path
) -> None:
    file = tmp_path / "peer.key"
    peer = foreigners.start(kind, "--key", str(file))
    foreigners.stop(peer)
    raw = file.read_bytes()
    assert encode_private_key(decode_private_key(raw)) == raw
    daemon = net.daemon("heir", "--key", str(file))
    assert daemon.peer_id == peer.peer_id
    daemon.stop()
    assert foreigners.start(kind, "--key", str(file)).peer_id == peer.peer_id
