"""The commands against running daemons: JSON shapes, exit codes, pipes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator

import pytest
from e2e.harness import P2PD, Daemon, clean_environment, eventually, open_net, run_cli

pytestmark = pytest.mark.slow

MESSAGE = {"id", "room", "from", "nick", "ts_ms", "kind", "text", "state"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Daemon]]:
    """Ana and Bob, connected, both in the room `lobby`. Tests of this module use rooms of their own otherwise."""
    with open_net(tmp_path_factory.mktemp("pair")) as net:
        ana, bob = net.daemons("ana", "bob")
        ana.cli("nick", "ana")
        bob.cli("nick", "bob")
        assert ana.json("connect", bob.addr)[0].keys() == {"peer_id", "addr", "ms"}
        for node in (ana, bob):
            [joined] = node.json("join", "lobby")
            native = {"room": "lobby", "topic": "p2pd/1/lobby", "wire": "p2pd", "announce": False}
            assert joined == native
        eventually(lambda: ana.members("lobby") == bob.members("lobby") == 2)
        yield ana, bob


def test_json_shapes(pair: tuple[Daemon, Daemon]) -> None:
    ana, bob = pair
    assert ana.json("id") == [{"peer_id": ana.peer_id, "addrs": ana.ready["addrs"]}]
    assert ana.json("addrs") == [{"addr": addr} for addr in ana.ready["addrs"]]
    eventually(lambda: ana.json("peers")[0]["nick"] == "bob")
    [peer] = ana.json("peers")
    assert peer.keys() >= {"peer_id", "nick", "addrs", "direction", "since_ms", "rtt_ms"}
    assert (peer["peer_id"], peer["direction"]) == (bob.peer_id, "out")
    [sent] = ana.json("send", "lobby", "two", "words")
    assert sent.keys() == {"id", "room", "ts_ms", "state"}
    [told] = ana.json("msg", "bob", "hello")
    assert told.keys() == {"id", "to", "ts_ms", "state"}
    assert told["to"] == bob.peer_id
    eventually(lambda: bob.texts("lobby") == ["two words"])
    [heard] = bob.json("history", "lobby")
    assert heard.keys() >= MESSAGE
    assert (heard["id"], heard["nick"], heard["text"], heard["state"]) == (
        sent["id"],
        "ana",
        "two words",
        "received",
    )
    [room] = bob.json("rooms")
    assert room.keys() >= {"room", "topic", "unread", "members", "last_ts_ms"}
    assert (room["unread"], room["members"], room["last_ts_ms"]) == (1, 2, sent["ts_ms"])
    [status] = ana.json("status")
    assert status.keys() >= {"peer_id", "uptime_ms", "peers", "rooms", "outbox", "version"}
    assert len(ana.json("ping", "bob", "--count", "2")[0]["rtt_ms"]) == 2
    assert ana.json("contacts", "name", "bob", "robert")[0]["name"] == "robert"
    assert [contact["petname"] for contact in ana.json("contacts")] == ["robert"]
    assert ana.json("contacts", "remove", "robert") == [{"ok": True}]
    assert ana.json("nick") == [{"nick": "ana"}]
    shown = {value["key"]: value for value in ana.json("config")}
    assert shown["http"] == {"key": "http", "value": "off", "source": "option"}


def test_status_says_the_same_either_way(pair: tuple[Daemon, Daemon]) -> None:
    ana, _ = pair

    def the_same() -> bool:
        quick = ana.cli("status", "--home", str(ana.home))
        full = ana.cli("--home", str(ana.home), "status")  # not the short cut: that one begins with `status`
        return re.sub(r"\d+ (s|min)", "", quick) == re.sub(r"\d+ (s|min)", "", full)

    eventually(the_same, what="both show the same, but for what changed between the two")


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (["send", "nowhere", "x"], 4, "nowhere"),
        (["msg", "nobody", "x"], 4, "nobody"),
        (["tail", "nobody"], 4, "nobody"),
        (["history", "nobody"], 4, "nobody"),
        (
            ["connect", "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWHizeSokdayftXJfmd9SSXPCozQa8gR6Cbx9Z2wRteKmL"],
            5,
            "refused",
        ),
        (["connect", "/ip4/nonsense"], 2, "nonsense"),
        (["join", "a\x07b"], 2, "hint:"),
        (["send", "lobby", "x" * 8193], 6, "8193"),
        (["history", "lobby", "--before", "00" * 32], 4, "00"),
        (["send", "lobby", ""], 2, "text"),
    ],
)
def test_exit_codes(pair: tuple[Daemon, Daemon], line: list[str], code: int, said: str) -> None:
    done = run_cli(*line, home=pair[0].home)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_send_reads_lines(pair: tuple[Daemon, Daemon]) -> None:
    ana, bob = pair
    for node in pair:
        node.join("lines")
    eventually(lambda: ana.members("lines") == 2)
    sent = ana.json("send", "lines", "-", stdin="one\n\n  two\r\n漢字")
    assert len(sent) == 3
    eventually(lambda: bob.texts("lines") == ["one", "  two", "漢字"])
    done = run_cli("send", "lines", "-", home=ana.home, stdin="three\n" + "x" * 9000 + "\nfour\n")
    assert done.returncode == 6
    assert done.stderr.startswith("error: line 2: ")
    assert "error: 1 of 3 messages were not sent" in done.stderr
    assert len(done.stdout.splitlines()) == 2
    eventually(lambda: bob.texts("lines")[3:] == ["three", "four"])
    sent = ana.json("send", "lines", "-", "--whole", stdin="roses\n\nviolets\n")
    assert len(sent) == 1
    eventually(lambda: bob.texts("lines")[5:] == ["roses\n\nviolets"])


def test_send_names_the_line_that_is_no_text(pair: tuple[Daemon, Daemon]) -> None:
    ana, _ = pair
    ana.join("bytes")
    done = subprocess.run(
        [P2PD, "send", "bytes", "-"],
        input=b"one\n\xff\xfe\ntwo",
        env=clean_environment() | {"P2PD_HOME": str(ana.home)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert b"line 2: it is not UTF-8" in done.stderr
    assert ana.texts("bytes") == ["one", "two"]


def test_history_pages_and_searches(pair: tuple[Daemon, Daemon]) -> None:
    ana, _ = pair
    ana.join("pages")
    for number in range(1, 13):
        ana.send("pages", f"message number{number}")
    assert [line["text"] for line in ana.json("history", "pages", "--limit", "2")] == [
        "message number11",
        "message number12",
    ]
    newest = ana.json("history", "pages", "--limit", "1")[0]
    before = ana.json("history", "pages", "--before", newest["id"], "--limit", "1")
    assert before[0]["text"] == "message number11"
    assert [line["text"] for line in ana.json("history", "pages", "--search", "number7")] == [
        "message number7"
    ]
    assert len(ana.cli("history", "pages").splitlines()) == 12


def test_what_others_say_cannot_command_the_terminal(pair: tuple[Daemon, Daemon]) -> None:
    ana, bob = pair
    for node in pair:
        node.join("hostile")
    eventually(lambda: ana.members("hostile") == 2)
    ana.send("hostile", "\x1b]0;title\x07\x1b[2J\u202egnp.exe\x9b31m\nsecond")
    eventually(lambda: len(bob.texts("hostile")) == 1)
    for shown in (bob.cli("history", "hostile"), bob.cli("history", "hostile", "--json")):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)
    assert bob.json("history", "hostile")[0]["text"] == "\x1b]0;title\x07\x1b[2J\u202egnp.exe\x9b31m\nsecond"


class Tail:
    """A running `p2pd tail --json`."""

    def __init__(self, node: Daemon, *options: str) -> None:
        self.process = subprocess.Popen(
            [P2PD, "tail", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment() | {"P2PD_HOME": str(node.home)},
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        shown = self.process.stdout.readline()
        assert shown, "the tail has ended"
        return shown

    def message(self) -> dict[str, object]:
        return dict(json.loads(self.line()))

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """The exit code and what was said on stderr."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


def test_tail_shows_what_was_and_what_comes(pair: tuple[Daemon, Daemon]) -> None:
    ana, bob = pair
    for node in pair:
        node.join("tail")
    eventually(lambda: ana.members("tail") == 2)
    first = ana.send("tail", "first")
    ana.send("tail", "second")
    eventually(lambda: len(bob.texts("tail")) == 2)
    tail = Tail(bob, "tail", "--json", "--since", str(first["id"]))
    assert tail.message()["text"] == "second"  # the stream was open before history was read: no need to wait
    bob.send("lobby", "elsewhere")
    ana.send("tail", "third")
    third = tail.message()
    assert third.keys() >= MESSAGE
    assert third["text"] == "third"
    assert tail.end() == (130, "")


def test_tail_of_everything(pair: tuple[Daemon, Daemon]) -> None:
    ana, bob = pair
    bob.join("all")
    bob.send("all", "before")
    tail = Tail(bob, "--since", "1h")
    seen = [tail.line()]
    while "before" not in seen[-1]:
        seen.append(tail.line())
    when = r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d"  # with the date where midnight was a moment ago
    assert re.fullmatch(rf"{when} #all bob: before\n", seen[-1])
    ana.cli("msg", bob.peer_id, "psst")
    assert re.fullmatch(rf"{when} @ana ana: psst\n", tail.line())
    assert tail.end()[0] == 130


def test_tail_ends_quietly_with_its_reader(pair: tuple[Daemon, Daemon]) -> None:
    ana, _ = pair
    ana.send("lobby", "something")
    tail = Tail(ana, "lobby", "--since", "1h")
    tail.line()
    assert tail.process.stdout is not None
    assert tail.process.stderr is not None
    tail.process.stdout.close()  # as `head -1` does; no further message is needed
    assert tail.process.wait(60) == 141
    assert tail.process.stderr.read() == ""
    tail.process.stderr.close()


def test_tail_piped_into_send_is_a_bot(pair: tuple[Daemon, Daemon]) -> None:
    ana, bob = pair
    for node in pair:
        node.join("bot")
    eventually(lambda: ana.members("bot") == 2)
    ana.send("bot", "ready?")
    eventually(lambda: bob.texts("bot") == ["ready?"])
    bot = subprocess.Popen(
        f"'{P2PD}' tail bot --since 1h --others --text | sed -u 's/^/you said: /' | '{P2PD}' send bot -",
        shell=True,
        stdout=subprocess.DEVNULL,
        env=clean_environment() | {"P2PD_HOME": str(bob.home)},
        start_new_session=True,
    )
    try:
        eventually(lambda: ana.texts("bot") == ["ready?", "you said: ready?"])
        ana.send("bot", "hello")
        eventually(lambda: ana.texts("bot")[2:] == ["hello", "you said: hello"])
    finally:
        os.killpg(bot.pid, signal.SIGINT)
        bot.wait(60)


def test_block_and_unblock(pair: tuple[Daemon, Daemon]) -> None:
    ana, bob = pair
    assert bob.json("block", ana.peer_id) == [{"ok": True}]
    try:
        assert [contact["peer_id"] for contact in bob.json("block")] == [ana.peer_id]
        refused = run_cli("msg", bob.peer_id, "do you hear me?", home=ana.home)
        assert refused.returncode == 6
        assert "blocked" in refused.stderr
        assert ana.history(bob.peer_id)[-1]["state"] == "refused"
    finally:
        assert bob.json("unblock", ana.peer_id) == [{"ok": True}]


def test_completion_knows_rooms_and_people(pair: tuple[Daemon, Daemon]) -> None:
    ana, _ = pair
    for words, expected in (("p2pd send lob", "plain,lobby"), ("p2pd msg bo", "plain,bob")):
        done = run_cli(
            home=ana.home,
            environment={"_P2PD_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "2"},
        )
        assert expected in done.stdout.splitlines()
