from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.harness import Net, open_net


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    """Nodes of this test's own, all of them ended with it."""
    with open_net(tmp_path) as found:
        yield found
