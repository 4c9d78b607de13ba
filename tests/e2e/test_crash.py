"""kill -9 at any moment: what `send` accepted is there, and the database opens every time."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import resource
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import pytest
from e2e.harness import P2PD, Daemon, Net, clean_environment, eventually
from p2pd_client import quick
from p2pd_client.errors import ApiError

pytestmark = pytest.mark.slow

KILLS = 3
SENDERS = 4
LONGEST_LIFE_S = 0.6  # from the first message to the kill
SEEDS = [20_262]
MORE_SEEDS = range(4)
UNLIMITED = {"P2PD_LIMITS_AUTHOR_RATE": "0", "P2PD_LIMITS_AUTHOR_BURST": "0"}


class Senders:
    """Clients that send as fast as the daemon takes it until it is gone; each counts on where it stopped."""

    def __init__(self) -> None:
        self.accepted: list[list[str]] = [[] for _ in range(SENDERS)]  # in the order in which they were sent
        self._counts = [itertools.count() for _ in range(SENDERS)]

    def run_until_dead(self, node: Daemon, life: float) -> None:
        begun = threading.Event()
        threads = [threading.Thread(target=self._send, args=(node, n, begun)) for n in range(SENDERS)]
        for thread in threads:
            thread.start()
        begun.wait(60)
        time.sleep(life)  # the moment of the crash, which is the seed's
        node.kill()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()

    def _send(self, node: Daemon, sender: int, begun: threading.Event) -> None:
        for number in self._counts[sender]:
            text = f"sender {sender} message {number}"
            try:
                status, answer = quick.request(
                    node.ready["socket"], "POST", "/v1/send", {"room": "lobby", "text": text}
                )
            except ApiError:
                return
            assert status == 200, answer
            self.accepted[sender].append(text)
            begun.set()


def check_whole(path: Path) -> None:
    conn = sqlite3.connect(path)
    with contextlib.closing(conn):
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert conn.execute("PRAGMA foreign_key_check").fetchall() == []
        conn.execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")


def all_texts(node: Daemon, target: str) -> list[str]:
    return [line["text"] for line in node.json("history", target, "--limit", "1000000")]


def kill_in_a_loop(net: Net, seed: int) -> None:
    print(f"seed {seed}")
    rng = random.Random(seed)
    node = net.daemon("node", **UNLIMITED)
    node.join("lobby")
    senders = Senders()
    for _ in range(KILLS):
        senders.run_until_dead(node, rng.uniform(0, LONGEST_LIFE_S))
        node.start()
        there = all_texts(node, "lobby")
        assert len(set(there)) == len(there)
        for sender, accepted in enumerate(senders.accepted):
            # All that was accepted, in its order. What was stored when the answer got lost may be there, too.
            mine = [text for text in there if text.startswith(f"sender {sender} ")]
            assert [text for text in mine if text in set(accepted)] == accepted
            assert len(mine) - len(accepted) <= KILLS
    node.kill()
    check_whole(node.home / "store.sqlite3")
    assert sum(map(len, senders.accepted)) > KILLS * SENDERS


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_accepted_is_lost_by_kill_9(net: Net, seed: int) -> None:
    kill_in_a_loop(net, seed)


@pytest.mark.all
@pytest.mark.parametrize("seed", MORE_SEEDS)
def test_nothing_accepted_is_lost_by_kill_9_at_more_moments(net: Net, seed: int) -> None:
    kill_in_a_loop(net, seed)


def test_a_full_disk_costs_what_did_not_fit_and_not_the_node(net: Net) -> None:
    """The disk has room for ever more pages, so that it fills within each of the commits that a message takes."""
    node, friend = net.daemons("node", "friend")
    node.connect(friend)
    for one in (node, friend):
        one.join("lobby")
    eventually(lambda: node.members("lobby") == friend.members("lobby") == 2, what="together in the room")
    log = node.home / "store.sqlite3-wal"
    accepted = []
    answers = set()
    for pages in range(30):
        resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (log.stat().st_size + pages * 4120, -1))
        body = {"room": "lobby", "text": f"room for {pages} pages"}
        status, answer = quick.request(node.ready["socket"], "POST", "/v1/send", body)
        answers.add(status)
        if status == 200:
            accepted.append(body["text"])
        else:
            assert "disk" in answer["error"]["message"]
            assert answer["error"]["hint"]
        resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (-1, -1))
        accepted.append(f"after {pages}")
        node.send("lobby", accepted[-1])
    assert len(answers) == 2  # the smallest was too small, the largest large enough
    assert node.texts("lobby") == accepted
    eventually(lambda: set(accepted) <= set(friend.texts("lobby")), what="the friend has heard it all")
    node.kill()
    check_whole(node.home / "store.sqlite3")


class SendingLines:
    """A running `p2pd send lobby - --json` that is fed line by line."""

    def __init__(self, node: Daemon) -> None:
        self.process = subprocess.Popen(
            [P2PD, "send", "lobby", "-", "--json"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment() | {"P2PD_HOME": str(node.home)},
        )

    def say(self, text: str) -> str:
        """Writes the line and waits for the id under which it was stored."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()
        return str(json.loads(self.process.stdout.readline())["id"])

    def rest(self) -> tuple[list[str], str]:
        """The ids that were not read yet, and stderr, when it has ended."""
        out, err = self.process.communicate(timeout=60)
        return [json.loads(line)["id"] for line in out.splitlines()], err


def test_send_from_standard_input_when_either_side_is_killed(net: Net) -> None:
    node = net.daemon("node", **UNLIMITED)
    node.join("lobby")
    lines = [f"line {number}" for number in range(2000)]

    # The client is killed somewhere in the middle: the daemon has what it answered for, and goes on.
    client = SendingLines(node)
    ids = [client.say(text) for text in lines[:20]]
    assert client.process.stdin is not None
    client.process.stdin.write("\n".join(lines[20:]))
    client.process.stdin.flush()
    eventually(lambda: len(node.texts("lobby")) > 100, what="it is in the middle")
    client.process.send_signal(signal.SIGKILL)
    with contextlib.suppress(BrokenPipeError):
        client.process.stdin.close()
    client.process.stdin = None
    more, _ = client.rest()
    kept = node.json("history", "lobby", "--limit", "10000")
    assert [line["text"] for line in kept] == lines[: len(kept)]
    assert [line["id"] for line in kept][: len(ids + more)] == ids + more
    assert len(kept) >= len(ids + more)  # and those whose receipts were on their way

    # The daemon is killed: the client says at which line it ended, and what it printed is there after the restart.
    client = SendingLines(node)
    first = [client.say(text) for text in ("one", "two")]
    node.kill()
    assert client.process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        client.process.stdin.write("three\nfour\n")
        client.process.stdin.flush()
    unread, said = client.rest()
    assert unread == []
    assert client.process.returncode == 3
    assert said.startswith("error: line 3: ")
    assert "Traceback" not in said
    node.start()
    after = node.json("history", "lobby", "--limit", "10000")
    said_later = [line for line in after if line["text"] in ("one", "two", "three", "four")]
    assert [line["id"] for line in said_later] == first
    stored = [
        line["text"] for line in after if line not in said_later
    ]  # the killed client's, some of them later
    assert stored == lines[: len(stored)]
    assert len(stored) >= len(kept)
