"""Nothing is lost: after loss, partition, churn, wrong clocks and liars, every honest node has the same room.

The seed of a failing run is in its name; `Swarm(seed, …)` repeats it.
"""

from __future__ import annotations

import pytest
from sim.swarm import Node, Swarm, missed

MEND_S = 600.0  # virtual seconds after the last fault; a few rounds of reconciliation
SEEDS = range(8)


def speakers(swarm: Swarm, count: int) -> list[Node]:
    honest = [node for node in swarm.nodes if not node.liar]
    return swarm.random.sample(honest, min(count, len(honest)))


def live_through(swarm: Swarm, messages: int) -> None:
    """Chat while a partition splits the swarm, nodes go and come, and the network loses what it likes."""
    authors = speakers(swarm, 5)
    for i in range(messages):
        author = swarm.random.choice(authors)
        if author.up:
            swarm.say(author, f"message {i}")
        swarm.run(swarm.random.uniform(0, 0.5))
        if i == messages // 4:
            for node in swarm.nodes:
                node.side = int(swarm.random.random() < 0.4)
        if i == 3 * messages // 4:
            for node in swarm.nodes:
                node.side = 0
        for node in swarm.random.sample(swarm.nodes, 1 + len(swarm.nodes) // 50):
            node.up = not node.up  # a crash or a restart; what is stored stays
    for node in swarm.nodes:
        node.up, node.side = True, 0


def same_rooms(swarm: Swarm) -> None:
    assert missed(swarm) == {}
    honest = [node for node in swarm.nodes if not node.liar]
    histories = {tuple(node.tree.items()) for node in honest}
    assert len(histories) == 1, "the same records, in the same order"
    assert len({tuple(node.heads.heads) for node in honest}) == 1
    assert all(not node.heads.missing for node in honest)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_swarm_of_forty_mends(seed: int) -> None:
    swarm = Swarm(seed, 40, loss=0.1, liars=3)
    live_through(swarm, 60)
    swarm.run(MEND_S)
    same_rooms(swarm)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_wrong_clocks_neither_poison_the_order_nor_lose_messages(seed: int) -> None:
    swarm = Swarm(seed, 20, loss=0.05, skewed=4)
    ahead = max(node.skew_ms for node in swarm.nodes)
    right = [node for node in swarm.nodes if not node.skew_ms]
    for i in range(40):
        swarm.say(swarm.random.choice(swarm.nodes), f"message {i}")
        swarm.run(0.5)
    swarm.run(MEND_S)
    assert missed(swarm) == {}
    for node in right:  # nobody's clock is dragged into the future
        assert node.heads.next(swarm.now_ms(node))[0] <= swarm.now_ms(node) + 300_000
        assert bool(node.quarantined) == (ahead > 0), "what comes from the future waits"
    swarm.correct_clocks()
    swarm.run(MEND_S)
    if ahead > 0:
        swarm.now_s += ahead / 1000  # a day later it is due everywhere
    for node in swarm.nodes:
        swarm.release(node)
    same_rooms(swarm)


@pytest.mark.slow
def test_equal_nodes_spend_less_than_a_kilobyte_a_round() -> None:
    swarm = Swarm(1, 10, loss=0.0)
    for i in range(200):
        swarm.say(swarm.nodes[0], f"message {i}")
        swarm.run(0.1)
    swarm.run(MEND_S)
    swarm.totals.idle_sessions = swarm.totals.idle_bytes = 0
    swarm.run(MEND_S)
    assert swarm.totals.idle_sessions > 100
    assert swarm.totals.idle_bytes / swarm.totals.idle_sessions < 1024


@pytest.mark.all
@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_nodes_miss_nothing(seed: int) -> None:
    swarm = Swarm(seed, 1000, loss=0.1, liars=50)
    live_through(swarm, 40)
    swarm.run(MEND_S)
    same_rooms(swarm)


@pytest.mark.all
@pytest.mark.parametrize("seed", range(100, 200))
def test_many_seeds(seed: int) -> None:
    swarm = Swarm(seed, 30, loss=0.15, liars=4, skewed=0)
    live_through(swarm, 40)
    swarm.run(MEND_S)
    same_rooms(swarm)
