"""kill -9 at any moment: what was acknowledged is there, and the database is sound."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from p2pd_daemon.store import open_store
from store_records import START_MS, TOPIC

KILLS = 10
SEED = 20_260
WRITER = """
import sys
from pathlib import Path

import trio
from store_records import START_MS, TOPIC, make

from p2pd_daemon.store import open_store
from p2pd_daemon.store.rows import STORED


async def say(store, room_n, first):
    # Batches of several sizes from several tasks: groups of all kinds are cut.
    for at in range(first, first + 1_000_000, 10):
        size = 1 + at // 10 % 7
        batch = [
            make(room_n, f"message {at + i}", seqno=at + i, ts_ms=START_MS + at + i, own=True, state=STORED)
            for i in range(size)
        ]
        for done in await store.ingest(batch):
            print(done.id.hex(), flush=True)


async def main():
    async with open_store(Path(sys.argv[1])) as store, trio.open_nursery() as nursery:
        room = await store.add_room("lobby", TOPIC, START_MS)
        first = await store.last_seqno() // 10_000_000 * 10_000_000 + 10_000_000
        for task in range(4):
            nursery.start_soon(say, store, room.room_n, first + task * 1_000_000)


trio.run(main)
"""


def run_until_killed(path: Path, rng: random.Random) -> list[str]:
    """The ids that a writing process acknowledged before it was killed, after a random number of them."""
    root = Path(__file__).parents[1]
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(root)},
    )
    assert writer.stdout is not None
    with writer:
        ids = [writer.stdout.readline().strip() for _ in range(rng.randrange(1, 400))]
        writer.send_signal(signal.SIGKILL)
        # Whatever is still in the pipe was acknowledged as well; a line that was cut off was not.
        ids += [line.strip() for line in writer.stdout if line.endswith("\n")]
    assert writer.returncode == -signal.SIGKILL
    return ids


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    rng = random.Random(SEED)
    acknowledged: list[str] = []
    with trio.fail_after(60):
        for _ in range(KILLS):
            acknowledged += await trio.to_thread.run_sync(run_until_killed, path, rng)
            async with open_store(path) as store:
                ids = [bytes.fromhex(text) for text in acknowledged]
                assert await store.known(ids) == set(ids)
                room = await store.room_by_topic(TOPIC)
                assert room is not None
                newest = await store.history(room.room_n, limit=1)
                assert await store.last_seqno() >= newest[0].ts_ms - START_MS
                assert [event.n for event in await store.events_after(0, limit=10**6)][-1] >= len(ids)
            conn = sqlite3.connect(path)
            assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            conn.execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
            conn.close()
    assert len(acknowledged) > KILLS
