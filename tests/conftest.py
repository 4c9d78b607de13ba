"""Test policy: real components on loopback with port 0, every wait under `trio.fail_after`, no sleeping for luck.

Hypothesis's examples are the same at every run, and may take as long as they do: `HYPOTHESIS_PROFILE=explore` looks for
new ones instead.
"""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

LOADED = [HealthCheck.too_slow]  # by the clock, which on a machine with other work says nothing
settings.register_profile(
    "fixed", deadline=None, derandomize=True, max_examples=100, suppress_health_check=LOADED
)
settings.register_profile(
    "explore", deadline=None, max_examples=2000, print_blob=True, suppress_health_check=LOADED
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


def pytest_configure() -> None:
    """Whoever runs the tests in the background has SIGINT ignored, and every process they start would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def anyio_backend() -> str:
    return "trio"
