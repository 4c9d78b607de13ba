"""A deletion that one peer alone could make up hides nothing."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import sentinel

import trio
from p2pd_daemon.core.event import ChatEvent, Delete, encode_event
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.limits import Limits
from p2pd_daemon.core.record import sign_record
from p2pd_daemon.node.catch_up import Intake
from p2pd_daemon.node.clock import Clock, Seqnos
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.people import People
from p2pd_daemon.node.room import Room
from p2pd_daemon.store import open_store
from p2pd_daemon.store.rows import NewRecord

TOPIC = "p2pd/1/lobby"
HIDDEN = (1_800_000_000_000, b"\x07" * 32)  # what mallory wants nobody to see


async def test_a_record_is_gone_when_two_peers_say_so(tmp_path: Path) -> None:
    mallory, bob, me = (SigningKey.from_seed(bytes([n]) * 32) for n in range(3))
    with trio.fail_after(10):
        async with open_store(tmp_path / "store.sqlite3") as store, trio.open_nursery() as nursery:
            clock = Clock()
            row = await store.add_room("lobby", TOPIC, 1)
            parts = Parts(
                me, store, sentinel.network, People(me.peer_id), clock, Seqnos(clock, 0), Limits(), nursery
            )
            room, intake = Room(row, parts), Intake(parts)
            places = await room.timeline.places.tree()
            await intake.take_gone(room, mallory.peer_id, HIDDEN)
            await intake.take_gone(room, bob.peer_id, HIDDEN)
            assert HIDDEN not in list(places.items()), "no delete of it is here"

            event = ChatEvent(HIDDEN[0] + 1, (), Delete(HIDDEN[1]))
            record = sign_record(mallory, 1, TOPIC, encode_event(event))
            await store.ingest(
                [NewRecord(row.room_n, record, event, "delete", None, event.ts_ms, event.ts_ms)]
            )
            await intake.take_gone(room, mallory.peer_id, HIDDEN)
            await intake.take_gone(room, mallory.peer_id, HIDDEN)
            assert HIDDEN not in list(places.items()), "the deleter alone says so"
            await intake.take_gone(room, bob.peer_id, HIDDEN)
            assert HIDDEN in list(places.items())
            nursery.cancel_scope.cancel()
