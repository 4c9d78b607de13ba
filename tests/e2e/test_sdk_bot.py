"""The SDK against running daemons: a bot in a room, and an event stream through kill -9."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import p2pd_client
import pytest
import trio
from e2e.harness import Daemon, Net, clean_environment, eventually

pytestmark = pytest.mark.slow

ECHO_BOT = Path(__file__).parents[2] / "examples" / "echo_bot.py"


@contextmanager
def running(script: Path, home: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = clean_environment() | {"P2PD_HOME": os.fspath(home)}
    process = subprocess.Popen([sys.executable, os.fspath(script), *arguments], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_the_echo_bot_answers_in_a_room(net: Net) -> None:
    host, guest = net.daemons("host", "guest", options=("--no-bootstrap",))
    guest.connect(host)
    guest.join("lobby")
    with running(ECHO_BOT, host.home, "lobby") as bot:
        eventually(lambda: guest.members("lobby") == 2, what="the bot joined")
        # The bot listens from some moment after it joined.
        eventually(lambda: said_and_answered(guest), 15, "the bot answers")
        assert bot.poll() is None
        assert ECHO_BOT.read_text().count("\n") < 25


def said_and_answered(guest: Daemon) -> bool:
    texts = guest.texts("lobby")
    if any(text.endswith("said: is anybody there?") for text in texts):
        return True
    if len(texts) < 20:
        guest.send("lobby", "is anybody there?")
    return False


async def test_no_event_is_missed_over_kill_9(net: Net) -> None:
    """Messages are said before, between and after; the daemon is killed twice while a client listens."""
    daemon = net.daemon("talker", "--no-bootstrap")
    daemon.join("lobby")
    received: list[tuple[int, str]] = []
    with trio.fail_after(180):
        async with p2pd_client.connect(daemon.home) as node, trio.open_nursery() as nursery:

            async def listen() -> None:
                async for event in node.events(after=0, kinds=["message"]):
                    received.append((event.n, event.data["text"]))  # looked at meanwhile
                    if len(received) == 150:
                        nursery.cancel_scope.cancel()

            nursery.start_soon(listen)
            for life in range(3):
                for n in range(50):
                    await node.send("lobby", f"{life}-{n}")
                if life < 2:
                    daemon.kill()
                    await trio.to_thread.run_sync(daemon.start)
    assert [text for _, text in received] == [f"{life}-{n}" for life in range(3) for n in range(50)]
    assert all(earlier < later for (earlier, _), (later, _) in pairwise(received))
