"""`p2pd chat --stream`: with the examples' protocol, with another p2pd, in pipes, and what goes wrong."""

from __future__ import annotations

import contextlib
import json
import subprocess

import pytest
import trio
from e2e.harness import P2PD, Daemon, Net, clean_environment, eventually, run_cli
from e2e.raw_peer import CHAT, away, open_raw_peer, soon
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from p2pd_client import connect
from p2pd_client.sync import connect as connect_sync
from p2pd_daemon.net.streams import open_stream, read_some, write_all
from p2pd_daemon.net.targets import parse_target

pytestmark = pytest.mark.slow

NETWORK, REFUSED = 5, 6


@pytest.fixture
def ann(net: Net) -> Daemon:
    return net.daemon("ann", "--nick", "ann")


class Chatting:
    """`p2pd chat --stream` as a process with pipes."""

    def __init__(self, node: Daemon, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [P2PD, "chat", "--stream", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment() | {"P2PD_HOME": str(node.home)},
        )

    def __enter__(self) -> Chatting:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(60)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def say(self, *lines: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines))
        self.process.stdin.flush()

    def finish(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().removesuffix("\n")

    def told(self) -> str:
        """The next line of what is said to the person."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()


@pytest.fixture
def pair(net: Net) -> tuple[Daemon, Daemon]:
    ann, bob = net.daemons("ann", "bob")
    ann.connect(bob)
    return ann, bob


def test_two_nodes_chat_until_both_have_said_all(pair: tuple[Daemon, Daemon]) -> None:
    ann, bob = pair
    with Chatting(bob) as waiting:
        assert "Waiting" in waiting.told()
        with Chatting(ann, bob.addr, "--wait", "20") as calling:
            assert "signed" in calling.told()
            assert "Chatting" in waiting.told()
            calling.say("hello", "", "how are you? ☕")
            assert [waiting.hear(), waiting.hear()] == ["hello", "how are you? ☕"]
            waiting.say("fine \x1b[31m")
            assert calling.hear() == "fine ␛[31m"
            calling.finish()
            waiting.say("bye")
            assert calling.hear() == "bye"
            waiting.finish()
            assert calling.process.wait(60) == waiting.process.wait(60) == 0
    assert ann.history(bob.peer_id) == []


def test_a_line_that_is_too_long_costs_none_of_the_others(pair: tuple[Daemon, Daemon]) -> None:
    ann, bob = pair
    with Chatting(bob) as waiting:
        assert "Waiting" in waiting.told()
        done = run_cli("chat", "--stream", bob.addr, home=ann.home, stdin=f"{'x' * 70_000}\nafter\n")
        assert (done.returncode, waiting.hear()) == (6, "after")
        assert "line 1: it has more than 65536 bytes" in done.stderr


def test_with_nobody_waiting_it_says_so_and_the_other_side_is_told(pair: tuple[Daemon, Daemon]) -> None:
    ann, bob = pair
    done = run_cli("chat", "--stream", bob.peer_id, home=ann.home, stdin="hello\n")
    assert done.returncode == NETWORK
    assert "nobody waits for a chat there" in done.stderr
    eventually(lambda: missed(bob) == [ann.peer_id], what="bob is told who called")
    assert ann.peers() == {bob.peer_id}


def missed(node: Daemon) -> list[str]:
    with connect_sync(node.home) as client:
        found = []
        for event in client.events(0, reconnect=False):
            if event.kind == "missed_chat":
                found.append(event.data["peer_id"])
            if event.n >= newest(node):
                break
        return found


def newest(node: Daemon) -> int:
    """The number of the newest event: one past all is answered with it."""
    with connect_sync(node.home) as client:
        return next(client.events(2**62)).n


def test_the_blocked_are_not_answered(pair: tuple[Daemon, Daemon]) -> None:
    ann, bob = pair
    bob.cli("block", ann.peer_id)
    with Chatting(bob) as waiting:
        waiting.told()
        done = run_cli("chat", "--stream", bob.peer_id, home=ann.home, stdin="hello\n")
        assert done.returncode == NETWORK
    assert run_cli("chat", "--stream", ann.peer_id, home=bob.home, stdin="x\n").returncode == REFUSED


def test_who_stops_waiting_is_not_called(pair: tuple[Daemon, Daemon]) -> None:
    ann, bob = pair
    with Chatting(bob) as gone:
        gone.told()
    with Chatting(bob) as waiting:
        waiting.told()
        eventually(lambda: heard_by(waiting, ann, bob), what="the one who still waits is called")


def heard_by(waiting: Chatting, ann: Daemon, bob: Daemon) -> bool:
    """Until the daemon knows that the first one is gone, a call may be taken for it."""
    done = run_cli("chat", "--stream", bob.peer_id, "--wait", "1", home=ann.home, stdin="hello\n")
    return done.returncode == 0 and waiting.hear() == "hello"


# With the examples' own ways


async def test_an_example_is_called_by_its_address(ann: Daemon) -> None:
    """Go's writes an empty line after each, and never closes."""
    heard: list[bytes] = []

    async def chat(stream: INetStream) -> None:
        heard.append(await read_some(stream, 5))
        await stream.write(b"who is there?\n\n")
        while chunk := await read_some(stream, 20):
            heard.append(chunk)
        await stream.write("bye \xff".encode("latin-1").replace(b"\xff", "ÿ".encode()))
        await stream.close()

    with trio.fail_after(180):
        async with open_raw_peer("go-chat/0.1") as other:
            other.opened.host.set_stream_handler(TProtocol(CHAT), chat)
            done = await away(
                run_cli, "chat", "--stream", other.addr, "--wait", "20", home=ann.home, stdin="hi\nit's ann"
            )
            assert done.returncode == 0, done.stderr
            assert done.stdout == "who is there?\nbye ÿ\n"
            assert b"".join(heard) == b"hi\nit's ann\n"
            assert "go-chat/0.1" in done.stderr


async def test_an_example_calls_who_waits(ann: Daemon) -> None:
    with trio.fail_after(180):
        async with open_raw_peer() as other:
            await other.connect(ann)
            async with connect(ann.home) as client, trio.open_nursery() as nursery:
                answers: list[str] = []

                async def answer() -> None:
                    async with client.chat_lines() as chat:
                        assert chat.peer_id == other.peer_id
                        async for line in chat:
                            answers.append(line)
                            await chat.say(f"you said: {line}")

                nursery.start_soon(answer)
                peer = parse_target(ann.addr).peer
                said = b""
                while not said:  # until the daemon has somebody who waits
                    try:
                        async with open_stream(other.opened, peer, CHAT, 5) as stream:
                            await write_all(stream, b"hello\n\nagain\n\n", 5)
                            while said.count(b"\n") < 2 and (chunk := await read_some(stream, 10)):
                                said += chunk
                    except Exception:
                        await trio.sleep(0.05)
                assert said == b"you said: hello\nyou said: again\n"
                assert answers == ["hello", "again"]


async def test_what_is_no_text_ends_the_chat_with_the_reason(ann: Daemon) -> None:
    async def chat(stream: INetStream) -> None:
        await stream.write(b"\xff\xfe\n")
        await read_some(stream, 10)

    with trio.fail_after(180):
        async with open_raw_peer() as other:
            other.opened.host.set_stream_handler(TProtocol(CHAT), chat)
            with_stdin_open = await away(Chatting, ann, other.addr)
            with with_stdin_open as chatting:
                assert await away(chatting.process.wait, 60) == NETWORK
                assert "not UTF-8" in chatting.process.stderr.read()  # type: ignore[union-attr]  # a pipe


async def test_who_does_not_speak_it_is_told_of(ann: Daemon) -> None:
    with trio.fail_after(180):
        async with open_raw_peer("somebody/2") as other:
            done = await away(run_cli, "chat", "--stream", other.addr, home=ann.home, stdin="x\n")
            assert done.returncode == REFUSED
            assert "somebody/2 does not speak /chat/1.0.0" in done.stderr
            await soon(lambda: other.peer_id in ann.peers(), "it stays connected")


def test_the_api_says_what_is_wrong_before_a_chat_begins(ann: Daemon) -> None:
    unknown = run_cli("chat", "--stream", "nobody-here", home=ann.home, stdin="x\n")
    assert unknown.returncode == 4
    wire = run_cli("chat", "--stream", "--wire", "text", home=ann.home)
    assert wire.returncode == 2
    assert json.loads(ann.cli("status", "--json"))["peers"] == 0
