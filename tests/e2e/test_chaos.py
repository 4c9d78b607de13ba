"""Five nodes, three of which talk, while nodes are killed and the network breaks: in the end all have every message.

What happens when comes from a seed, which is printed. Histories are compared as the API gives them, id by id.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from e2e.harness import Daemon, Net, eventually
from e2e.namespaces import open_hosts, why_not
from p2pd_client import quick
from p2pd_client.errors import ApiError

ROOM = "lobby"
NODES = 5
AUTHORS = 3
RATE = 30.0  # messages a second, of all authors
AFTER_S = 30.0  # so soon after the last trouble all are the same
SEED = 20_263
UNLIMITED = {"P2PD_LIMITS_AUTHOR_RATE": "100"}


@dataclass
class Author:
    """Sends so many messages at its rate, wherever its node is; remembers the ids of those that `send` accepted."""

    node: Daemon
    name: str
    count: int
    accepted: list[str] = field(default_factory=list)

    def run(self) -> None:
        start = time.monotonic()
        for number in range(self.count):
            time.sleep(max(0.0, start + number * AUTHORS / RATE - time.monotonic()))
            self._send(f"{self.name} says {number}")

    def _send(self, text: str) -> None:
        try:
            status, answer = quick.request(
                self.node.ready["socket"], "POST", "/v1/send", {"room": ROOM, "text": text}
            )
        except ApiError:
            return  # its node was killed: nothing was promised
        assert status == 200, answer
        self.accepted.append(answer["id"])


class Trouble:
    """Kills and restarts nodes, one at a time, until told to stop."""

    def __init__(self, rng: random.Random, nodes: Sequence[Daemon], pause_s: tuple[float, float]) -> None:
        self._rng = rng
        self._nodes = nodes
        self._pause_s = pause_s
        self.spared: set[Daemon] = set()  # frozen ones are not killed
        self.pause = threading.Lock()  # while it is held, no node is on its way down or up
        self.kills = 0

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(self._rng.uniform(*self._pause_s)):
            node = self._rng.choice(self._nodes)
            with self.pause:
                if node not in self.spared:
                    node.kill()
                    self.kills += 1
                    stop.wait(self._rng.uniform(0.0, 1.0))
                    node.start()


def go_through(
    nodes: list[Daemon],
    rng: random.Random,
    count: int,
    pause_s: tuple[float, float],
    middle: Callable[[Trouble], None],
) -> list[str]:
    """All that was accepted while authors talk, nodes die, and `middle` has its way with the network."""
    authors = [Author(node, f"author {n}", count // AUTHORS) for n, node in enumerate(nodes[:AUTHORS])]
    trouble = Trouble(rng, nodes, pause_s)
    stop = threading.Event()
    talking = [threading.Thread(target=author.run) for author in authors]
    killing = threading.Thread(target=trouble.run, args=(stop,))
    for thread in (*talking, killing):
        thread.start()
    try:
        middle(trouble)
        for thread in talking:
            thread.join(300)
    finally:
        stop.set()
        killing.join(60)
    assert trouble.kills
    accepted = [one for author in authors for one in author.accepted]
    print(f"{trouble.kills} kills, {len(accepted)} of {count} messages accepted")
    assert len(accepted) > count / 3
    return accepted


def ids(node: Daemon) -> list[str]:
    return [message["id"] for message in node.whole_history(ROOM)]


def check_same(nodes: Sequence[Daemon], accepted: Sequence[str]) -> None:
    since = time.monotonic()

    def lacking() -> list[int]:
        histories = [set(ids(node)) for node in nodes]
        whole = set(accepted).union(*histories)
        return [len(whole - history) for history in histories]

    deadline = since + AFTER_S
    while any(left := lacking()):
        assert time.monotonic() < deadline, f"{left} messages are missing {AFTER_S:g} s after the end"
        time.sleep(0.5)
    print(f"the same on all {time.monotonic() - since:.1f} s after the end")
    first, *others = [ids(node) for node in nodes]
    assert all(other == first for other in others)
    assert len(set(first)) == len(first)
    assert set(accepted) <= set(first)


def meet_all(nodes: Sequence[Daemon]) -> None:
    for node in nodes:
        node.keep_port()
        node.join(ROOM)
    for number, node in enumerate(nodes):
        for other in nodes[:number]:
            node.connect(other)
    eventually(
        lambda: all(node.members(ROOM) == len(nodes) for node in nodes), 20, what="all know each other"
    )


@pytest.mark.slow
def test_killed_and_frozen_nodes_end_with_the_same_room(net: Net) -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    nodes = [net.daemon(f"n{number}", start=False, **UNLIMITED) for number in range(NODES)]
    for node in nodes:
        node.launch()
    for node in nodes:
        node.wait_ready()
    meet_all(nodes)

    def freeze_two(trouble: Trouble) -> None:
        time.sleep(rng.uniform(0.5, 1.5))
        with trouble.pause:
            trouble.spared.update(rng.sample(nodes[AUTHORS:], 2))
        for node in trouble.spared:
            node.freeze()
        time.sleep(8)
        for node in trouble.spared:
            node.thaw()
        trouble.spared.clear()

    accepted = go_through(nodes, rng, 300, (0.5, 3.0), freeze_two)
    check_same(nodes, accepted)


@pytest.mark.all
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
@pytest.mark.parametrize("seed", [SEED])
def test_a_split_and_lossy_network_ends_with_the_same_room(net: Net, seed: int) -> None:
    print(f"seed {seed}")
    rng = random.Random(seed)
    with open_hosts(NODES) as hosts:
        nodes = [
            net.daemon(
                f"n{number}",
                "--listen",
                hosts.listen(number),
                start=False,
                prefix=hosts.prefix(number),
                **UNLIMITED,
            )
            for number in range(NODES)
        ]
        for node in nodes:
            node.launch()
        for node in nodes:
            node.wait_ready()
        meet_all(nodes)
        hosts.lose(10)

        def split(_trouble: Trouble) -> None:
            time.sleep(rng.uniform(20, 30))
            hosts.split(rng.sample(range(NODES), 2))
            time.sleep(30)
            hosts.heal()

        accepted = go_through(nodes, rng, 3000, (2.0, 10.0), split)
        hosts.lose(0)
        check_same(nodes, accepted)
        for node in nodes:
            node.kill()  # before their network goes
