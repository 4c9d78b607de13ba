"""Peers: one chat node each, driven by JSON lines, so that implementations can be measured alike.

A peer is a program. It listens on loopback, port 0, and prints
    {"event": "ready", "implementation": …, "pid": the node's own process, "addr": its multiaddr, "acks": its UDP port}
Then it answers each line {"n": 1, "command": …} with {"n": 1, "ok": true, …} or {"n": 1, "ok": false, "error": …}:
    join {room}                 joins the room (subscribes to the topic)
    connect {addr} → {ms}       connects, and says how long it took
    disconnect {peer_id}        closes the connection to that peer
    members {room} → {count}    how many peers it knows in the room
    watch {port, every}         forgets what it has seen, and from now on sends the count of messages seen, in decimal,
                                to that UDP port of 127.0.0.1 at each `every`-th one (port 0: to nobody)
    seen → {count, seconds, latencies_ms}   since `watch`: others' messages, the time from the sending of the first
                                one to the arrival of the last, and each one's way in milliseconds
    flood {room, seconds, size, window, senders} → {sent}    sends for so long; waits while `window` messages are
                                under way by the acknowledgements it gets; as many `senders` at once, each waiting for
                                its own message to be taken before it sends the next
                                (p2pd has `many` as well: one sender, all in one request)
    pace {room, seconds, size, rate} → {sent}   sends at `rate` a second, not waiting for anything
Every message is the text "bench <number> <CLOCK_MONOTONIC in ns> " filled up with x to `size` bytes. The end of its
standard input ends the peer.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from .foreign import IMPLEMENTATIONS
from .model import BenchmarkError
from .processes import ANSWER_S, READY_S, LineProcess, open_line_process

ROOT = Path(__file__).parents[1]
P2PD_COMMAND = Path(sys.executable).parent / "p2pd"
START_OPTIONS = ("start", "--json", "--listen", "/ip4/127.0.0.1/tcp/0", "--http", "off", "--no-mdns")
MEETING_S = 20.0
AT_ONCE = 8  # peers that start side by side: more would keep each other from being ready in time
LOOK_AGAIN_S = 0.05


class Peer(Protocol):
    """A running peer. `call` sends a command and returns its answer; it raises BenchmarkError."""

    name: str
    pid: int
    addr: str
    acks: int

    def call(self, command: str, **arguments: object) -> dict[str, Any]: ...


class LinePeer:
    """A peer that is a process of ours."""

    def __init__(self, process: LineProcess) -> None:
        self._process = process
        self._number = 0
        self._asked = ""
        self.ready = ready = process.read(READY_S)
        self.name: str = ready["implementation"]
        self.pid: int = ready["pid"]
        self.addr: str = ready["addr"]
        self.acks: int = ready["acks"]

    def call(self, command: str, **arguments: object) -> dict[str, Any]:
        self.ask(command, **arguments)
        return self.answer()

    def ask(self, command: str, **arguments: object) -> None:
        """Sends a command. Its `answer` has to be read before the next one."""
        self._number += 1
        self._asked = command
        self._process.write({"n": self._number, "command": command, **arguments})

    def answer(self) -> dict[str, Any]:
        answer = self._process.read(ANSWER_S)
        if answer.get("n") != self._number:
            raise BenchmarkError(f"{self.name} answered out of turn: {answer}")
        if not answer.get("ok"):
            raise BenchmarkError(f"{self.name}, {self._asked}: {answer.get('error')}")
        return answer


@dataclass(frozen=True, slots=True)
class PeerKind:
    """An implementation: the command that starts a peer whose files are in `folder`."""

    name: str
    command: Callable[[Path], Sequence[str | Path]]


P2PD = PeerKind("p2pd", lambda folder: [sys.executable, "-m", "benchmarks.p2pd_peer", folder])
NET = PeerKind("p2pd net", lambda _folder: [sys.executable, "-m", "benchmarks.net_peer"])
FLOOR = PeerKind("floor", lambda _folder: [sys.executable, "-m", "benchmarks.floor"])


def foreign_kinds() -> list[PeerKind]:
    """The other implementations that are built."""
    commands = [(foreign.title, foreign.command) for foreign in IMPLEMENTATIONS]
    return [PeerKind(title, partial(_same, command)) for title, command in commands if command]


def _same(command: list[str], _folder: Path) -> list[str]:
    return command


def peer_kinds() -> list[PeerKind]:
    """p2pd whole, and the others that are built."""
    return [P2PD, *foreign_kinds()]


def room_kinds() -> list[PeerKind]:
    """All that can say something in a room: p2pd whole, its network layer alone, and the others that are built."""
    return [P2PD, NET, *foreign_kinds()]


@contextlib.contextmanager
def open_peer(kind: PeerKind, folder: Path) -> Iterator[LinePeer]:
    """Starts a peer and ends it with everything it started. `folder` is made, and is the peer's own."""
    folder.mkdir(parents=True)
    command = [str(part) for part in kind.command(folder)]
    with open_line_process(command, folder / "stderr.log", folder=ROOT) as process:
        yield LinePeer(process)


@contextlib.contextmanager
def open_peers(kind: PeerKind, folder: Path, count: int) -> Iterator[list[LinePeer]]:
    """As `open_peer`, so many of them, starting and ending side by side."""
    peers: list[LinePeer] = []
    with contextlib.ExitStack() as stack:
        for first in range(0, count, AT_ONCE):
            started = []
            for number in range(first, min(count, first + AT_ONCE)):
                own = folder / str(number)
                own.mkdir(parents=True)
                command = [str(part) for part in kind.command(own)]
                process = stack.enter_context(open_line_process(command, own / "stderr.log", folder=ROOT))
                started.append(process)
            for process in started:
                stack.callback(process.hang_up)
            peers += [LinePeer(process) for process in started]
        yield peers


def meet(publisher: Peer, subscriber: Peer, room: str) -> None:
    """Both join and connect; returns when a message has got through.

    That they are connected is not enough: gossip's mesh forms at the next heartbeat.
    """
    publisher.call("join", room=room)
    subscriber.call("join", room=room)
    publisher.call("connect", addr=subscriber.addr)
    subscriber.call("watch", port=0, every=1)
    deadline = time.monotonic() + MEETING_S
    sent = 0
    while not (seen := subscriber.call("seen")["count"]):
        if time.monotonic() > deadline:
            raise BenchmarkError(f"no message got through within {MEETING_S:g} s")
        if publisher.call("members", room=room)["count"]:
            sent += publisher.call("pace", room=room, seconds=0.2, size=256, rate=5)["sent"]
        time.sleep(LOOK_AGAIN_S)
    if seen < sent:
        time.sleep(1)  # stragglers would count as the next measurement's
