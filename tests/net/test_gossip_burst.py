"""Bursts: what is published as fast as it is taken reaches everybody, in order, whatever the topology (trap 6, B3)."""

from __future__ import annotations

import pytest
import trio
from net.support import TOPIC, full_mesh, join_up, line, open_nodes, star, until

SHAPES = {"full mesh": full_mesh(6), "line": line(6), "star": star(6)}


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
async def test_trap_06_a_burst_of_500_reaches_five_others_in_order(shape: str) -> None:
    author = 1  # a node in the middle of the line, a leaf of the star
    with trio.fail_after(60):
        async with open_nodes(6, TOPIC) as nodes:
            await join_up(nodes, SHAPES[shape])
            sent = [f"message {number}" for number in range(500)]
            for text in sent:
                await nodes[author].say(text)
            for node in nodes:
                if node is not nodes[author]:
                    await until(lambda node=node: len(node.events.records) >= 500)
                    assert node.events.texts() == sent
                    assert not node.network.dropped


@pytest.mark.slow
async def test_bursts_of_several_authors_at_once() -> None:
    with trio.fail_after(60):
        async with open_nodes(4, TOPIC) as nodes, trio.open_nursery() as nursery:
            await join_up(nodes, line(4))

            async def talk(index: int) -> None:
                for number in range(200):
                    await nodes[index].say(f"{index} {number}")

            for index in range(4):
                nursery.start_soon(talk, index)
            for node in nodes:
                await until(lambda node=node: len(node.events.records) >= 600)
                for index in range(4):
                    heard = [text for text in node.events.texts() if text.startswith(f"{index} ")]
                    assert heard == ([] if nodes[index] is node else [f"{index} {n}" for n in range(200)])
                assert len(node.events.checked) == 600  # each once, though it comes from two sides


@pytest.mark.slow
async def test_trap_06_a_node_that_is_slow_to_take_records_loses_none() -> None:
    with trio.fail_after(60):
        async with open_nodes(2, TOPIC) as (alice, bob):
            await join_up([alice, bob], [(0, 1)])
            bob.events.gate = trio.Event()
            sent = [f"{number} ".ljust(6000, ".") for number in range(300)]  # more than yamux and TCP hold
            for text in sent:
                await alice.say(text)
            assert bob.events.records == []
            bob.events.gate.set()
            await until(lambda: len(bob.events.records) == 300)
            assert bob.events.texts() == sent
