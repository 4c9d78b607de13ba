"""Gives up what the user does not want to keep, a little at a time."""

from __future__ import annotations

import logging

import trio

from p2pd_daemon.core.retention import Keep
from p2pd_daemon.core.room import Wire
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.room import Room
from p2pd_daemon.node.rooms import Rooms

log = logging.getLogger(__name__)

EVERY_S = 600.0
PAUSE_S = 0.05  # between two batches, for writers who wait


async def run_retention(parts: Parts, rooms: Rooms, keep: Keep) -> None:
    """Raises each room's floor, at the start and then every few minutes, until cancelled."""
    while keep != Keep():
        for room in list(rooms.all()):
            await (_raise_floor if room.wire is Wire.P2PD else _forget)(parts, room, keep)
        await trio.sleep(EVERY_S)


async def _raise_floor(parts: Parts, room: Room, keep: Keep) -> None:
    nth = await parts.store.nth_newest_ts(room.room_n, keep.records) if keep.records else None
    floor_ts = keep.floor_ts(parts.clock.now_ms(), nth)
    if floor_ts <= room.floor_ts:
        return
    # First no session compares or fetches what is below any more, then it goes.
    room.floor_ts = floor_ts
    given_up = 0
    while batch := await parts.store.raise_floor(room.room_n, floor_ts):
        given_up += batch
        await trio.sleep(PAUSE_S)
    if given_up:
        log.info("%s: gave up %d records from before %d", room.name, given_up, floor_ts)


async def _forget(parts: Parts, room: Room, keep: Keep) -> None:
    """Where records carry no time: what was seen before then loses its body, its place in the set stays. An age
    counts from when a message came here: when others saw it is their word, which must not erase anything.
    """
    now_ms = parts.clock.now_ms()
    nth = await parts.store.nth_newest_ts(room.room_n, keep.records) if keep.records else None
    before_ms = keep.floor_ts(now_ms, nth)
    here_since_ms = before_ms if keep.age_ms else now_ms
    given_up = 0
    while batch := await parts.store.older_messages(room.room_n, before_ms, here_since_ms):
        await parts.store.forget_messages(batch)
        given_up += len(batch)
        await trio.sleep(PAUSE_S)
    if given_up:
        log.info("%s: gave up %d messages seen before %d", room.name, given_up, before_ms)
