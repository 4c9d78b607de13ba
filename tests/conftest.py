"""Test policy: real components on loopback with port 0, every wait under `trio.fail_after`, no sleeping for luck."""

from __future__ import annotations

import signal

import pytest


def pytest_configure() -> None:
    """Whoever runs the tests in the background has SIGINT ignored, and every process they start would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def anyio_backend() -> str:
    return "trio"
