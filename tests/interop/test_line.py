"""A – p2pd – B: what two peers say that only p2pd connects, over each transport."""

from __future__ import annotations

import itertools

import pytest
from e2e.harness import Daemon, eventually
from interop.harness import IMPLEMENTATIONS, WIRE, Foreign, Foreigners, connect, meet, texts

PAIRS = list(itertools.combinations_with_replacement(IMPLEMENTATIONS, 2))


@pytest.mark.cell("A – p2pd – B: p2pd passes on")
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "-".join(kind.name for kind in pair))
def test_p2pd_passes_on_what_each_says(
    daemon: Daemon, foreigners: Foreigners, pair: tuple[Foreign, Foreign], transport: str, room: str
) -> None:
    left, right = (foreigners.start(kind) for kind in pair)
    connect(daemon, left, transport, "peer")
    connect(daemon, right, transport, "p2pd")
    meet(room, WIRE, daemon, left, right)
    topic = WIRE.topic(room)
    said = {left: texts("from the left"), right: texts("from the right")}
    for lines in zip(*said.values(), strict=True):
        for peer, line in zip(said, lines, strict=True):
            peer.publish(topic, WIRE.encode(line))

    for listener, speaker in ((left, right), (right, left)):
        eventually(lambda here=listener, there=speaker: len(here.heard(topic, there.peer_id)) >= 10)
        heard = listener.heard(topic, speaker.peer_id)
        assert [WIRE.decode(message.data) for message in heard] == said[speaker]
        for message in heard:
            message.check(topic)
        assert listener.peers() == [daemon.peer_id]
