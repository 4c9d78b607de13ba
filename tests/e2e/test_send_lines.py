"""Many messages by standard input: all arrive in order, a crash loses none with a receipt, a slow member slows us."""

from __future__ import annotations

import json
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import p2pd_client.sync
import pytest
from e2e.harness import P2PD, Daemon, Net, clean_environment, eventually, run_cli

pytestmark = pytest.mark.slow

UNLIMITED = {f"P2PD_LIMITS_{name}": "0" for name in ("AUTHOR_RATE", "AUTHOR_BURST", "AUTHOR_DAY")}
LINES = [f"line {number}" for number in range(700)]


def test_700_lines_reach_three_nodes_in_order(net: Net) -> None:
    author, *others = net.daemons("author", "one", "two", "three")
    for node in (author, *others):
        node.join("lines")
    for node in others:
        node.connect(author)
    eventually(lambda: author.members("lines") == 4, what="all are in the room")
    sent = author.json("send", "lines", "-", stdin="\n".join(LINES))
    assert {one["state"] for one in sent} == {"sent"}
    for node in (author, *others):
        eventually(lambda node=node: len(node.texts("lines")) == len(LINES), 30, "the lines have arrived")
        said = node.history("lines")
        assert [message["text"] for message in said] == LINES
        assert [message["id"] for message in said] == [one["id"] for one in sent]


def test_what_had_a_receipt_survives_the_daemon(net: Net) -> None:
    node = net.daemon("node", **UNLIMITED)
    node.join("lines")
    for round_ in range(3):
        before = len(node.whole_history("lines"))
        client = subprocess.Popen(
            [P2PD, "send", "lines", "-", "--json"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment() | {"P2PD_HOME": str(node.home)},
        )
        with ThreadPoolExecutor(1) as pool:
            talk = pool.submit(client.communicate, "\n".join(f"{round_} {text}" for text in LINES * 10), 60)
            eventually(lambda before=before: len(node.whole_history("lines")) > before + 50)
            node.kill()
            out, err = talk.result()
        node.start()
        ids = [message["id"] for message in node.whole_history("lines")][before:]
        receipts = [json.loads(line)["id"] for line in out.splitlines()]
        assert ids[: len(receipts)] == receipts
        if client.returncode:  # it was quick enough otherwise
            assert client.returncode == 3, err
            assert f"; {len(receipts)} messages before it were stored" in err


def test_an_author_is_slowed_down_to_the_rate_that_is_relayed(net: Net) -> None:
    author = net.daemon("author", P2PD_LIMITS_AUTHOR_RATE="50", P2PD_LIMITS_AUTHOR_BURST="10")
    author.join("lines")
    with p2pd_client.sync.connect(author.home) as client:
        receipts = list(client.send_many("lines", LINES[:60]))
    assert [receipt.error for receipt in receipts] == [None] * 60
    stored = [receipt.ts_ms for receipt in receipts]
    assert stored[-1] - stored[0] >= 900  # 50 of them at 50 a second
    assert author.texts("lines") == LINES[:60]


def test_a_slow_member_slows_the_author_down_and_loses_nothing(net: Net) -> None:
    author, slow = net.daemons("author", "slow")
    for node in (author, slow):
        node.join("lines")
    slow.connect(author)
    eventually(lambda: author.members("lines") == 2)
    slow.freeze()
    try:
        resident = memory_kib(author)
        with p2pd_client.sync.connect(author.home) as client:
            receipts = list(client.send_many("lines", [f"{n} ".ljust(8000, "x") for n in range(300)]))
        assert len(receipts) == 300
        assert memory_kib(author) - resident < 60_000
    finally:
        slow.thaw()
    eventually(lambda: len(slow.texts("lines")) == 300, 60, "it has caught up")
    assert slow.texts("lines") == author.texts("lines")


def memory_kib(node: Daemon) -> int:
    with open(f"/proc/{node.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def test_all_of_standard_input_is_one_message(net: Net) -> None:
    node = net.daemon("node")
    node.join("lines")
    node.cli("send", "lines", "--whole", stdin="one\n\n two\n")
    for wrong in ("", "\n", "x" * 200_000):
        done = run_cli("send", "lines", "--whole", home=node.home, stdin=wrong)
        assert done.returncode in (2, 6), done
        assert "hint: " in done.stderr
    assert node.texts("lines") == ["one\n\n two"]


def test_ctrl_c_says_how_many_were_stored(net: Net) -> None:
    node = net.daemon("node")
    node.join("lines")
    client = subprocess.Popen(
        [P2PD, "send", "lines", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment() | {"P2PD_HOME": str(node.home)},
    )
    assert client.stdin is not None
    assert client.stdout is not None
    for text in ("one", "two"):
        client.stdin.write(f"{text}\n")
        client.stdin.flush()
        assert client.stdout.readline().endswith(" stored\n")
    client.send_signal(signal.SIGINT)
    _, err = client.communicate(timeout=60)
    assert (client.returncode, err) == (130, "2 messages were stored.\n")
    assert node.texts("lines") == ["one", "two"]


def test_what_is_under_way_when_the_room_is_left_is_refused_at_once(net: Net) -> None:
    node = net.daemon("node", **UNLIMITED)
    node.join("lines")

    def send(number: int) -> str:
        stdin = "\n".join(f"{number} {text}" for text in LINES * 3)
        return run_cli("send", "lines", "-", home=node.home, stdin=stdin).stderr

    with ThreadPoolExecutor(4) as pool:
        talks = [pool.submit(send, number) for number in range(4)]
        eventually(lambda: len(node.history("lines")) > 40, what="they are under way")
        node.api("POST", "/v1/leave", {"room": "lines"})
        said = [talk.result(timeout=50) for talk in talks]  # the API's own limit is 60 s
    assert all("lines" in one for one in said if one)
    assert any(said)
