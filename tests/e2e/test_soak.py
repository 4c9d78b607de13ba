"""A short soak: what a daemon holds does not grow with the time and the messages that pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak import judge, soak

pytestmark = [pytest.mark.slow, pytest.mark.all]


def test_nothing_grows_and_nothing_is_lost_while_nodes_come_and_go(tmp_path: Path) -> None:
    samples, wrong = soak(tmp_path, seconds=150, rate=20, churn_s=5, seed=1)
    assert not wrong
    # Caches still fill in the first minutes; `python -m benchmarks.soak` looks at half an hour, with 5 %.
    judged = judge(samples, warm_s=60, memory_room=0.1)
    assert len(judged) == 9
    assert not [str(one) for one in judged if not one.flat]
