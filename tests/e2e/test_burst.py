"""A burst loses nothing: whoever is too slow slows the publisher down."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from e2e.harness import Net, eventually

pytestmark = pytest.mark.slow

BURST = 500
RECEIVERS = 5
SENDERS = 8  # requests in flight: as fast as the API takes them


def test_500_messages_at_once_reach_five_nodes(net: Net) -> None:
    publisher, *receivers = net.daemons("publisher", *(f"receiver{i}" for i in range(RECEIVERS)))
    for node in (publisher, *receivers):
        node.join("burst")
    for node in receivers:
        node.connect(publisher)
    eventually(lambda: publisher.members("burst") == 1 + RECEIVERS, what="all are in the room")

    texts = [f"message {i}" for i in range(BURST)]
    with ThreadPoolExecutor(SENDERS) as pool:
        sent = list(pool.map(lambda text: publisher.send("burst", text), texts))
    assert {one["state"] for one in sent} == {"sent"}
    for node in receivers:
        eventually(lambda node=node: len(node.texts("burst")) == BURST, 30, "the burst has arrived")
        assert node.texts("burst") == publisher.texts("burst")
    assert sorted(publisher.texts("burst")) == sorted(texts)
