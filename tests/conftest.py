"""Test policy: real components on loopback with port 0, every wait under `trio.fail_after`, no sleeping for luck."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "trio"
