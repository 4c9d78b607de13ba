"""Many light peers in one process, for a node to be idle among: `python -m benchmarks.crowd COUNT TOPIC`.

Each is p2pd's network layer alone (net_peer.py), subscribes to TOPIC, and says nothing of its own. They wait to be
dialled, as js-libp2p takes only five connections a second from one address, and print {"event": "ready", "addrs": [one
of each]}. The end of standard input ends them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

import trio
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.net.interface import NetworkConfig
from p2pd_daemon.net.network import open_network
from p2pd_daemon.tasks import TaskStatus

from .net_peer import NetPeer
from .trio_peer import open_acks


async def attend(topic: str, *, task_status: TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
    acks, _ = await open_acks()
    peer = NetPeer(SigningKey.from_seed(os.urandom(32)), acks)
    config = NetworkConfig(listen=("/ip4/127.0.0.1/tcp/0",), mdns=False, limits=Limits())
    async with open_network(peer._key, config, peer, ()) as network:
        await network.subscribe(topic)
        task_status.started(network.addrs()[0])
        await trio.sleep_forever()


async def serve(count: int, topic: str) -> None:
    async with trio.open_nursery() as nursery:
        addrs = [await nursery.start(attend, topic) for _ in range(count)]
        print(json.dumps({"event": "ready", "addrs": addrs}), flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)
        nursery.cancel_scope.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("topic")
    asked = parser.parse_args()
    trio.run(serve, asked.count, asked.topic)


if __name__ == "__main__":
    main()
