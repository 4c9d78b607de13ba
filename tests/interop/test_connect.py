"""Connect, identify and ping: each implementation, each transport, whoever dials."""

from __future__ import annotations

import pytest
from e2e.harness import Daemon, eventually
from interop.harness import Foreign, Foreigners, ForeignPeer, addr_of, connect
from p2pd_daemon.version import __version__


@pytest.mark.cell("connect, identify")
def test_both_know_who_the_other_is(
    daemon: Daemon, foreigners: Foreigners, kind: Foreign, transport: str, dialler: str
) -> None:
    agent = f"somebody's-chat/{kind.name}"
    peer = foreigners.start(kind, "--agent", agent)
    connect(daemon, peer, transport, dialler)

    found = eventually(lambda: next((one for one in daemon.json("peers") if one["agent"] == agent), None))
    assert found["peer_id"] == peer.peer_id
    assert found["direction"] == ("out" if dialler == "p2pd" else "in")
    if dialler == "p2pd":
        assert [("/ws" in addr) for addr in found["addrs"]] == [transport == "ws"]

    known = peer.call("identify", peer_id=daemon.peer_id)
    assert known["agent"] == f"p2pd/{__version__}"
    assert {"/ipfs/id/1.0.0", "/ipfs/ping/1.0.0", "/meshsub/1.1.0", "/p2pd/sync/1.0.0"} <= set(
        known["protocols"]
    )
    told = {addr.partition("/p2p/")[0] for addr in known["addrs"]}
    assert {addr_of(daemon.ready["addrs"], way).partition("/p2p/")[0] for way in ("tcp", "ws")} <= told


@pytest.mark.cell("ping")
def test_each_pings_the_other(daemon: Daemon, neighbour: ForeignPeer) -> None:
    for _ in range(3):
        assert 0 < neighbour.call("ping", peer_id=daemon.peer_id)["ms"] < 10_000
    [pinged] = daemon.json("ping", neighbour.peer_id, "--count", "3")
    assert all(0 < rtt < 10_000 for rtt in pinged["rtt_ms"])
    assert len(pinged["rtt_ms"]) == 3


@pytest.mark.cell("disconnect")
def test_each_can_end_the_connection(daemon: Daemon, neighbour: ForeignPeer, dialler: str) -> None:
    if dialler == "p2pd":
        daemon.cli("disconnect", neighbour.peer_id)
    else:
        neighbour.call("disconnect", peer_id=daemon.peer_id)
    eventually(lambda: neighbour.peer_id not in daemon.peers(), what="p2pd knows that it ended")
    eventually(lambda: daemon.peer_id not in neighbour.peers(), what="the peer knows that it ended")
