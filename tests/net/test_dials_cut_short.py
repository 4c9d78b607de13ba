"""A connection that is given up at any moment of its making leaves no socket open, on either side."""

from __future__ import annotations

import itertools
import os
import re
import socket
import stat
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import pytest
import trio
from net.support import Node, open_node, until
from p2pd_daemon.errors import NetworkError
from p2pd_daemon.net.dial import dial
from p2pd_daemon.net.targets import parse_target

End = Literal["dialled", "accepted"]
When = Literal["while it waits", "when it goes on"]
BOTH = ("/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0/ws")


@dataclass(eq=False)
class Cut(trio.abc.Instrument):
    """Calls `cut` once, at the step with the number `at` of the tasks that `concerns`.

    A task that is cut while it waits is cancelled there; one that was about to go on, at its next checkpoint.
    """

    concerns: Callable[[trio.lowlevel.Task], bool]
    cut: Callable[[], None]
    at: int
    when: When
    steps: int = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.concerns(task):
            self.steps += 1
            if self.steps == self.at and self.when == "when it goes on":
                self.cut()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.concerns(task) and self.steps == self.at and self.when == "while it waits":
            self.cut()

    @property
    def was_late(self) -> bool:
        return self.steps < self.at


def descends(task: trio.lowlevel.Task, ancestor: trio.lowlevel.Task) -> bool:
    """Whether `task` is `ancestor`, or one of its children."""
    nursery = task.parent_nursery
    return task is ancestor or (nursery is not None and descends(nursery.parent_task, ancestor))


def port_of(addr: str) -> int:
    found = re.search(r"/tcp/(\d+)", addr)
    assert found
    return int(found[1])


@contextmanager
def cutting(cut: Cut) -> Iterator[None]:
    trio.lowlevel.add_instrument(cut)
    try:
        yield
    finally:
        trio.lowlevel.remove_instrument(cut)


async def in_a_task(run: Callable[[int], Awaitable[Cut]], at: int) -> Cut:
    """What `run(at)` returns; its task has no other tasks below it, as a test's has those of its nodes."""
    done: list[Cut] = []

    async def keep() -> None:
        done.append(await run(at))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep)
    return done[0]


def connections(node: Node, end: End) -> int:
    """How many sockets of this process dialled `node`, or were accepted by it."""
    ports = {port_of(addr) for addr in node.network.addrs()}
    count = 0
    for name in os.listdir("/dev/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                with socket.socket(fileno=os.dup(int(name))) as sock:
                    if sock.family == socket.AF_INET:
                        ends = {"dialled": sock.getpeername()[1], "accepted": sock.getsockname()[1]}
                        count += ends[end] in ports
        except OSError:  # the listing's own, which is closed, or a socket that is not connected
            pass
    return count


@pytest.mark.slow
@pytest.mark.parametrize("when", ["while it waits", "when it goes on"])
@pytest.mark.parametrize("index", [0, 1], ids=["tcp", "ws"])
async def test_a_dial_that_is_cancelled_at_any_moment(index: int, when: When) -> None:
    async with open_node() as node, open_node(listen=BOTH) as other:
        target = parse_target(other.network.addrs()[index])

        async def dial_and_cut(at: int) -> Cut:
            me = trio.lowlevel.current_task()
            with trio.CancelScope() as scope:
                cut = Cut(lambda task: descends(task, me), scope.cancel, at, when)
                with cutting(cut):
                    await dial(node.opened, [target], 5)
            return cut

        for at in itertools.count(1):
            cut = await in_a_task(dial_and_cut, at)
            await node.network.disconnect(other.peer_id)
            await until(lambda: not connections(other, "dialled"))
            if cut.was_late:
                assert at > 15  # the steps of making a connection
                break


@pytest.mark.slow
@pytest.mark.parametrize("when", ["while it waits", "when it goes on"])
@pytest.mark.parametrize("index", [0, 1], ids=["tcp", "ws"])
async def test_a_newcomer_that_is_given_up_at_any_moment(index: int, when: When) -> None:
    async with open_node() as node, open_node(listen=BOTH) as other:
        target = parse_target(other.network.addrs()[index])
        half_open = other.opened.swarm.half_open
        for at in itertools.count(1):
            cut = Cut(lambda task: task in half_open._slots, half_open._give_up_one, at, when)
            with cutting(cut), suppress(NetworkError):
                await dial(node.opened, [target], 5)
            await node.network.disconnect(other.peer_id)
            await until(lambda: not connections(other, "accepted"))
            if cut.was_late:
                assert at > 5
                break
