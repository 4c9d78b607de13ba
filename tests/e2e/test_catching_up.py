"""Whoever was away ends with the same room as everybody else."""

from __future__ import annotations

import pytest
from e2e.harness import Net, eventually

pytestmark = pytest.mark.slow


def test_a_late_joiner_and_one_who_was_away_have_it_all(net: Net) -> None:
    ann, bob = net.daemons("ann", "bob")
    ann.keep_port()
    for node in (ann, bob):
        node.join("lobby")
    for i in range(40):
        ann.send("lobby", f"before {i}")
    bob.connect(ann)
    eventually(lambda: len(bob.texts("lobby")) == 40, what="a late joiner has the history")
    assert bob.texts("lobby") == ann.texts("lobby")

    bob.kill()
    for i in range(10):
        ann.send("lobby", f"meanwhile {i}")
    bob.start()
    eventually(lambda: len(bob.texts("lobby")) == 50, what="what was said meanwhile is here")
    assert bob.texts("lobby") == ann.texts("lobby")

    ann.kill()
    for i in range(10):
        bob.send("lobby", f"the other way {i}")
    cleo = net.daemon("cleo")
    cleo.join("lobby")
    cleo.connect(bob)
    eventually(lambda: len(cleo.texts("lobby")) == 60, what="the third has both sides")
    ann.start()
    eventually(lambda: len(ann.texts("lobby")) == 60, what="and so has the first")
    assert ann.history("lobby")[0]["id"] == bob.history("lobby")[0]["id"] == cleo.history("lobby")[0]["id"]
    assert ann.texts("lobby") == bob.texts("lobby") == cleo.texts("lobby")
