"""A task of one connection or one peer must not end the host (LIBP2P.md, traps 1 and 2).

libp2p's services cancel themselves, and with them the whole host, when any task that they run raises.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import trio
from libp2p.abc import IMuxedConn
from libp2p.io.exceptions import IOException
from libp2p.network.connection.exceptions import RawConnError
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.tools.anyio_service.api import InternalManagerAPI

log = logging.getLogger(__name__)

# What a task meets when the other end is suddenly gone: everyday, and nobody's fault.
ENDED = (OSError, trio.BrokenResourceError, trio.ClosedResourceError, IOException, RawConnError)

AsyncFn = Callable[..., Awaitable[Any]]


class GuardedTasks:
    """Stands in for a service's task runner: a task that fails is logged, and costs its connection only."""

    def __init__(self, runner: InternalManagerAPI) -> None:
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    def run_task(self, async_fn: AsyncFn, *args: Any, daemon: bool = False, name: str | None = None) -> None:
        self._runner.run_task(guarded(async_fn), *args, daemon=daemon, name=name)

    def run_daemon_task(self, async_fn: AsyncFn, *args: Any, name: str | None = None) -> None:
        self.run_task(async_fn, *args, daemon=True, name=name)


def guarded(async_fn: AsyncFn) -> Callable[..., Awaitable[None]]:
    async def run(*args: Any) -> None:
        try:
            await async_fn(*args)
        except Exception as error:
            if all(isinstance(leaf, ENDED) for leaf in leaves(error)):
                log.debug("a connection ended under %s: %r", _name(async_fn), error)
            else:
                log.warning("a network task failed: %s", _name(async_fn), exc_info=True)
            await _close_owner(async_fn)

    run.__name__ = run.__qualname__ = _name(async_fn)
    return run


def _name(async_fn: AsyncFn) -> str:
    return str(getattr(async_fn, "__qualname__", async_fn))


@contextmanager
def no_groups() -> Iterator[None]:
    """For context managers that hide their nurseries: one error inside leaves as itself, not in a group of groups."""
    try:
        yield
    except BaseExceptionGroup as group:
        errors = [error for error in leaves(group) if not isinstance(error, trio.Cancelled)]
        if len(errors) != 1:
            raise
        raise errors[0] from errors[0].__cause__


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The exceptions in a group of groups."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def grace(seconds: float) -> trio.CancelScope:
    """A scope for cleaning up: not cancelled from outside, but over after `seconds`."""
    return trio.CancelScope(deadline=trio.current_time() + seconds, shield=True)


async def _close_owner(async_fn: AsyncFn) -> None:
    owner = getattr(async_fn, "__self__", None)
    if isinstance(owner, SwarmConn | IMuxedConn):
        try:
            await owner.close()
        except Exception:  # it is broken already; libp2p raises whatever it met first
            log.debug("closing a failed connection failed as well", exc_info=True)
