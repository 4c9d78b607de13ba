"""Staying connected: peers that restart, move or freeze come back by themselves; a person's `disconnect` stays."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import trio
from libp2p.peer.id import ID
from net.support import Node, new_key, open_node, until
from p2pd_daemon.core.peer_id import PeerId
from p2pd_daemon.errors import ConnectionEnded
from p2pd_daemon.net.schedule import Kind, Pace

BACK_S = 10.0  # the promise: back within this after the return


@pytest.fixture(autouse=True)
async def limit() -> AsyncIterator[None]:
    with trio.fail_after(60):
        yield


def port_of(addr: str) -> int:
    found = re.search(r"/tcp/(\d+)", addr)
    assert found
    return int(found[1])


def linked(a: Node, b: Node) -> bool:
    return a.network.is_connected(b.peer_id) and b.network.is_connected(a.peer_id)


@pytest.mark.slow
async def test_a_restarted_peer_is_dialled_again() -> None:
    """The restarted one knows nobody: it is the other side that must notice and dial."""
    key = new_key()
    async with open_node() as node:
        async with open_node(key=key) as other:
            await node.network.connect(other.addr)
            listen = other.addr.partition("/p2p/")[0]
        await until(lambda: not node.network.is_connected(other.peer_id))
        async with open_node(key=key, listen=(listen,)) as again:
            await until(lambda: linked(node, again), BACK_S)


@pytest.mark.slow
async def test_a_peer_that_moved_to_a_new_port_is_back_by_its_own_dial_and_found_again_after_that() -> None:
    key = new_key()
    async with open_node() as node:
        async with open_node(key=key) as other:
            old = other.addr
            await node.network.connect(old)
        async with open_node(key=key, known=[(node.peer_id, [node.addr])]) as moved:
            assert moved.addr != old
            await until(lambda: linked(node, moved), BACK_S)
            new_addr = moved.addr.partition("/p2p/")[0]
            await until(lambda: new_addr in node.network._dialler.schedule.addrs(moved.peer_id))


@pytest.mark.slow
async def test_known_and_bootstrap_peers_are_dialled_at_the_start_and_when_they_come_late() -> None:
    keys = [new_key(), new_key()]
    async with open_node(key=keys[0]) as first, open_node(key=keys[1]) as second:
        addrs = [first.addr, second.addr]
    known = [(keys[1].peer_id, [addrs[1]])]
    async with open_node(bootstrap=(addrs[0],), known=known) as node:
        entries = [node.network._dialler.schedule.entry(key.peer_id) for key in keys]
        await until(lambda: all(entry is not None and entry.failures > 0 for entry in entries))
        listens = [addr.partition("/p2p/")[0] for addr in addrs]
        async with (
            open_node(key=keys[0], listen=(listens[0],)) as first,
            open_node(key=keys[1], listen=(listens[1],)) as second,
        ):
            await until(lambda: linked(node, first) and linked(node, second), BACK_S)


@pytest.mark.slow
async def test_a_persons_disconnect_is_undone_by_neither_daemon() -> None:
    async with open_node() as node, open_node() as other:
        await node.network.connect(other.addr)
        await until(lambda: other.network._dialler.addrs(node.peer_id) != [])  # so that it can dial back
        theirs = other.network._dialler.schedule.entry(node.peer_id)
        ours = node.network._dialler.schedule.entry(other.peer_id)
        assert theirs is not None
        assert ours is not None
        await node.network.disconnect(other.peer_id)
        node.network._dialler.learn(other.peer_id, [other.addr], Kind.FOUND)
        await until(lambda: theirs.dropped >= 2)  # its redial went through, and was closed at once
        assert not node.network.is_connected(other.peer_id)
        assert node.network._dialler.schedule.next_dials(trio.current_time() + 60) == []
        ours.refused_until = trio.current_time()  # ten minutes later
        await other.network.connect(node.addr)
        await until(lambda: not ours.held)
        await node.network.disconnect(other.peer_id)
        assert ours.held
        await node.network.connect(other.peer_id)
        assert not ours.held


async def test_who_is_let_in_and_dropped_at_once_is_not_connected() -> None:
    async with open_node() as node, open_node() as other:
        await other.network.connect(node.addr)
        await node.network.disconnect(other.peer_id)
        await until(lambda: not other.network.is_connected(node.peer_id))
        with pytest.raises(ConnectionEnded, match="at once"):  # what it said of itself before counts no more
            await other.network.connect(node.addr)
        await node.network.connect(other.addr)
        await other.network.connect(node.addr)


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["", "/ws"])
async def test_a_daemon_whose_redials_are_refused_tries_less_and_less(transport: str) -> None:
    listen = (f"/ip4/127.0.0.1/tcp/0{transport}",)
    async with open_node(listen=listen) as node, open_node(listen=listen) as other:
        pace = Pace(first=0.01, fresh_ceiling=0.02, redial=0.01, redial_other=0.01, gap=0.0)
        schedule = other.network._dialler.schedule
        schedule.pace = pace
        refused, refuses = 0, node.opened.swarm.refuses

        def counting(peer: ID) -> bool:
            nonlocal refused
            refused += refuses(peer)
            return refuses(peer)

        node.opened.swarm.refuses = counting
        await node.network.connect(other.addr)
        await until(lambda: other.network._dialler.addrs(node.peer_id) != [])
        theirs = schedule.entry(node.peer_id)
        assert theirs is not None
        await node.network.disconnect(other.peer_id)
        await until(lambda: theirs.dropped >= 7)  # the disconnect, and each of its redials
        # libp2p makes none of its own: each is one of the schedule, as dropped or failed; one may be under way.
        assert refused <= theirs.failures + 1
        assert schedule.delay(theirs, trio.current_time()) > 10 * pace.fresh_ceiling


async def test_what_discovery_names_is_dialled_unless_it_is_us() -> None:
    async with open_node() as node, open_node() as other:
        node.network._dialler.learn(node.peer_id, [node.addr], Kind.FOUND)
        node.network._dialler.learn(other.peer_id, ["/ip4/0.0.0.0/tcp/1", "nonsense", other.addr], Kind.FOUND)
        await until(lambda: linked(node, other))
        assert not node.network.is_connected(node.peer_id)
        assert node.network._dialler.schedule.addrs(other.peer_id) == (other.addr.partition("/p2p/")[0],)


@pytest.mark.slow
async def test_dials_at_once_are_bounded() -> None:
    """A hundred peers that answer with silence: eight sockets at a time."""
    open_now = most = 0
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]

    async def silence(stream: trio.SocketStream) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        try:
            while await stream.receive_some():
                pass
        except trio.BrokenResourceError:
            pass
        finally:
            open_now -= 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, silence, listeners)
        async with open_node() as node:
            for _ in range(100):
                node.network._dialler.learn(new_key().peer_id, [f"/ip4/127.0.0.1/tcp/{port}"], Kind.FOUND)
            await until(lambda: open_now == node.network._dialler.schedule.pace.dials)
            async with open_node() as other:  # and a person's own connect does not wait behind them
                await node.network.connect(other.addr)
            await trio.sleep(0.3)
            assert most <= node.network._dialler.schedule.pace.dials + 1
        nursery.cancel_scope.cancel()


CHILD = """
import json, sys, trio
sys.path.insert(0, sys.argv[1])
from net.support import open_node
async def main():
    async with open_node() as node:
        print(json.dumps({"addr": node.addr, "peer_id": node.peer_id}), flush=True)
        await trio.sleep_forever()
trio.run(main)
"""


@pytest.mark.slow
async def test_a_frozen_peer_is_noticed_and_comes_back() -> None:
    """Trap 9. SIGSTOP leaves its sockets open and silent."""
    tests = os.path.dirname(os.path.dirname(__file__))
    child = await trio.lowlevel.open_process(
        [sys.executable, "-c", CHILD, tests], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert child.stdout is not None
        said = json.loads(await child.stdout.receive_some())
        peer = PeerId(said["peer_id"])
        async with open_node() as node:
            await node.network.connect(said["addr"])
            child.send_signal(signal.SIGSTOP)
            await until(lambda: not node.network.is_connected(peer), BACK_S)
            await trio.sleep(0.5)  # some dials reach nobody
            child.send_signal(signal.SIGCONT)
            await until(lambda: node.network.is_connected(peer), BACK_S)
            await node.network.ping(peer, 1)
        await child.stdout.aclose()
    finally:
        child.kill()
        await child.wait()
