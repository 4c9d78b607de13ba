"""Who comes late to a long room, and who lost the store file, have all of it again from the others."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import trio
from e2e.harness import Daemon, Net, eventually

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))  # `benchmarks` is a folder of the checkout, not part of what is installed

from benchmarks import big_room  # noqa: E402

LONG = 20_000
NEWEST_S = 15.0  # generous: what is aimed at is a benchmark's (`python -m benchmarks catch-up`)
ALL_S = 120.0


def newest(node: Daemon) -> str:
    found = node.history(big_room.ROOM, 1)
    return str(found[-1]["text"]) if found else ""


def syncing(node: Daemon) -> list[dict[str, int]]:
    return list(node.api("GET", "/v1/status")["syncing"])


@pytest.mark.all
def test_a_late_joiner_sees_the_end_at_once_and_then_has_all(net: Net) -> None:
    member = net.daemon("member", start=False)
    member.home.mkdir()
    trio.run(big_room.fill, member.home, big_room.say_all(LONG))
    member.start()
    joiner = net.daemon("joiner")
    joiner.join(big_room.ROOM)
    joiner.connect(member)
    eventually(lambda: newest(joiner) == big_room.TEXT.format(LONG - 1), NEWEST_S, "the newest message")
    progress = eventually(lambda: [one for one in syncing(joiner) if one["got"]], what="status tells of it")
    assert progress[0]["total"] == LONG
    assert progress[0]["got"] < LONG
    eventually(lambda: not syncing(joiner), ALL_S, "all is in")
    history = joiner.whole_history(big_room.ROOM)
    assert [line["text"] for line in history] == [big_room.TEXT.format(number) for number in range(LONG)]
    assert all(line["caught_up"] for line in history)
    rooms = joiner.api("GET", "/v1/rooms")
    assert next(room["unread"] for room in rooms if room["room"] == big_room.ROOM) == 0
    kinds = [event["kind"] for event in events(joiner)]
    assert "message" not in kinds
    assert "synced" in kinds


def events(node: Daemon) -> list[dict[str, str]]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(node.home / big_room.STORE)) as conn:
        return [{"kind": kind} for (kind,) in conn.execute("SELECT kind FROM events")]


@pytest.mark.slow
def test_a_damaged_store_is_named_and_the_room_comes_back_from_the_others(net: Net) -> None:
    ann, bob = net.daemons("ann", "bob")
    for node in (ann, bob):
        node.keep_port()
        node.join("lobby")
    ann.connect(bob)
    eventually(lambda: ann.members("lobby") == bob.members("lobby") == 2, what="they meet")
    for number in range(30):
        ann.send("lobby", f"ann says {number} " + "x" * 200)
        bob.send("lobby", f"bob says {number} " + "x" * 200)
    eventually(lambda: len(ann.texts("lobby")) == len(bob.texts("lobby")) == 60, what="both have all")
    before = ann.history("lobby")
    assert ann.stop() == 0

    store = ann.home / big_room.STORE
    damaged = bytearray(store.read_bytes())
    damaged[4096 : 4096 * 8] = b"\xa5" * (4096 * 7)
    store.write_bytes(damaged)
    with pytest.raises(AssertionError, match="did not start") as error:
        ann.start()
    assert str(store) in str(error.value)
    assert "damaged" in str(error.value)
    assert "Traceback" not in str(error.value)
    assert store.read_bytes() == damaged  # nothing made it worse

    store.rename(store.with_suffix(".damaged"))
    for rest in ann.home.glob(f"{big_room.STORE}-*"):
        rest.unlink()
    ann.start()
    ann.join("lobby")
    ann.connect(bob)
    eventually(lambda: len(ann.texts("lobby")) == 60, what="the room is back")
    after = ann.history("lobby")
    assert [line["id"] for line in after] == [line["id"] for line in before]
    assert [line["text"] for line in after] == [line["text"] for line in before]
    own = [line for line in after if line["from"] == ann.peer_id]
    assert len(own) == 30
    assert {line["state"] for line in own} == {"sent"}
    ann.send("lobby", "and on it goes")
    eventually(lambda: bob.texts("lobby")[-1] == "and on it goes", what="it goes on")
