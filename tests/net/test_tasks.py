"""A task that fails costs its connection, and is a warning only when it is a fault."""

from __future__ import annotations

import logging

import pytest
import trio
from p2pd_daemon.net.tasks import guarded


async def fails_with(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (trio.BrokenResourceError("the other end is gone"), logging.DEBUG),
        (ExceptionGroup("in a nursery", [ConnectionResetError(104, "reset")]), logging.DEBUG),
        (ValueError("a bug"), logging.WARNING),
        (ExceptionGroup("both", [OSError(), ValueError("a bug")]), logging.WARNING),
    ],
)
async def test_a_connection_that_ends_is_no_warning(
    error: Exception, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with trio.fail_after(60):
        await guarded(fails_with)(error)
    assert [record.levelno for record in caplog.records] == [level]
