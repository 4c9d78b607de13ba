"""`p2pd chat` in a real terminal (a pty), with a person at it and a daemon that comes and goes."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.harness import P2PD, Daemon, clean_environment, eventually, open_net

pytestmark = pytest.mark.slow

PATIENCE_S = 60.0
CSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")
CTRL_C, CTRL_D, TAB, PASTE = "\x03", "\x04", "\t", "\x1b[200~{}\x1b[201~"


class Terminal:
    """A chat in a pty. `shown` is all that it has written so far, without cursor movements and colours."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.fd, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.process = subprocess.Popen(
            [P2PD, "chat", *arguments],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            env=clean_environment() | {"P2PD_HOME": str(home), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
        )
        os.close(inner)
        self.shown = ""
        self._raw = b""

    def type(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def expect(self, pattern: str) -> str:
        """Waits until it has been shown, and forgets everything up to it."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = re.search(pattern, self.shown)
            if found:
                self.shown = self.shown[found.end() :]
                return found[0]
            readable, _, _ = select.select([self.fd], [], [], max(0.0, deadline - time.monotonic()))
            if not readable:
                raise AssertionError(f"{pattern!r} was not shown; this was: {self.shown!r}")
            self._raw += self._read()
            text = self._raw.decode(errors="ignore")
            self.shown += CSI.sub("", text).replace("\r", "")
            self._raw = b""

    def _read(self) -> bytes:
        try:
            return os.read(self.fd, 65536)
        except OSError as error:  # Linux says EIO when the other side has closed
            raise AssertionError(f"the chat ended; it had shown {self.shown!r}") from error

    def wait(self) -> int:
        """The exit code; what is still written is thrown away."""
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < deadline:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    os.read(self.fd, 65536)
                except OSError:
                    break
        return self.process.wait(30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.fd)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Daemon]]:
    """Ana and Bob, connected, both in the room `lobby`; Bob is the one who chats."""
    with open_net(tmp_path_factory.mktemp("chat")) as net:
        ana, bob = net.daemons("ana", "bob")
        for node, name in ((ana, "ana"), (bob, "bob")):
            node.api("POST", "/v1/nick", {"nick": name})
            node.join("lobby")
        ana.connect(bob)
        eventually(lambda: ana.members("lobby") == bob.members("lobby") == 2)
        yield ana, bob
        assert ana.running, f"Ana's daemon ended with {ana.end(signal.SIGTERM)}: {ana.stderr()}"


@pytest.fixture
def chat(pair: tuple[Daemon, Daemon]) -> Iterator[Terminal]:
    ana, bob = pair
    bob.api("POST", "/v1/nick", {"nick": "bob"})
    said = ana.send("lobby", "said before")
    eventually(lambda: bob.history("lobby")[-1:] and bob.history("lobby")[-1]["id"] == said["id"])
    terminal = Terminal(bob.home, "lobby")
    try:
        terminal.expect("ana: said before")
        terminal.expect("#lobby>")
        yield terminal
    finally:
        terminal.close()


def test_a_conversation(pair: tuple[Daemon, Daemon], chat: Terminal) -> None:
    ana, bob = pair
    ana.send("lobby", "live \x1b[31mred\x07")
    chat.expect(r"ana: live ␛\[31mred␇")
    chat.type("never said" + CTRL_C + "hello from the chat\r")
    chat.expect("bob: hello from the chat")
    eventually(lambda: ana.texts("lobby")[-1] == "hello from the chat")
    chat.type("/me waves\r")
    chat.expect(r"\* bob waves")
    chat.type(PASTE.format("first line\nsecond line") + "\r")
    chat.expect("bob: first line\n +second line")
    eventually(lambda: ana.texts("lobby")[-1] == "first line\nsecond line")
    chat.type("an" + TAB)
    chat.expect("a:")  # completed
    chat.type("are you there?\r")
    chat.expect("bob: ana: are you there?")

    ana.cli("msg", bob.peer_id, "psst")
    chat.expect(r"\[@ana\] ana: psst")
    chat.type("/msg ana\r")
    chat.expect("-- @ana")
    chat.expect("ana: psst")
    chat.type("back to you\r")
    chat.expect("bob: back to you")
    eventually(lambda: ana.history(bob.peer_id)[-1]["text"] == "back to you")
    eventually(lambda: bob.history(ana.peer_id)[-1]["state"] == "delivered")

    chat.type("/peers\r")
    chat.expect(f"-- ana  {ana.peer_id}")
    chat.type("/jion x\r")
    chat.expect("did you mean /join")
    chat.type("/nick robert\r")
    chat.expect("you are robert")
    chat.type("/join other\r")
    chat.expect("#other: nothing was said here yet")
    chat.type("/rooms\r")
    chat.expect("-- #lobby")
    chat.type("/help\r")
    chat.expect("/quit")
    chat.type("/history 0\r")
    chat.expect("takes a number")
    chat.type("/quit\r")
    assert chat.wait() == 0
    assert "never said" not in ana.texts("lobby")


def test_it_outlives_a_restart_of_the_daemon(pair: tuple[Daemon, Daemon], chat: Terminal) -> None:
    ana, bob = pair
    bob.kill()
    chat.expect("the daemon has stopped")
    chat.type("lost?\r")
    chat.expect("not sent: lost\\?")
    bob.start()
    chat.expect("the daemon is back")
    bob.connect(ana)
    eventually(lambda: ana.members("lobby") == 2)
    chat.type("here again\r")
    chat.expect("bob: here again")
    eventually(lambda: ana.texts("lobby")[-1] == "here again")
    chat.type(CTRL_D)
    assert chat.wait() == 0


def test_it_cannot_begin(pair: tuple[Daemon, Daemon], tmp_path: Path) -> None:
    for home, name, said, code in (
        (tmp_path / "none", "lobby", "error: no daemon is running", 3),
        (pair[0].home, "bad\x07name", "hint: ", 2),
    ):
        terminal = Terminal(home, name)
        try:
            terminal.expect(said)
            assert terminal.wait() == code
        finally:
            terminal.close()


def test_a_signal_clears_the_line(pair: tuple[Daemon, Daemon], chat: Terminal) -> None:
    chat.type("half a line")
    chat.expect("half a line")
    chat.process.send_signal(signal.SIGINT)
    chat.type("\rwhole line\r")
    chat.expect("bob: .*whole line")
    chat.type(CTRL_D)
    assert chat.wait() == 0


def test_messages_are_changed_by_their_numbers(pair: tuple[Daemon, Daemon], chat: Terminal) -> None:
    ana, _ = pair
    question = ana.send("lobby", "shall we?")["id"]
    number = chat.expect(r"\^\d+ \S+ ana: shall we\?").split()[0]
    chat.type("/react 👍\r")
    chat.expect(rf"-- bob reacts with 👍 to \{number}: shall we\?")
    chat.type("/reply let us\r")
    mine = chat.expect(r"\^\d+ \S+ bob: ↩ ana: “shall we\?” let us").split()[0]
    chat.type("/edit let us go\r")
    chat.expect(rf"-- bob edited \{mine}: let us go")
    eventually(lambda: ana.texts("lobby")[-1] == "let us go")
    assert ana.history("lobby")[-1]["reply_to"] == question
    chat.type("a last word\r")
    chat.expect("bob: a last word")
    chat.type(f"/edit {number} not mine\r")
    chat.expect("only ana, who said it")
    chat.type(f"/unreact {number} 👍\r")
    chat.expect("-- bob takes back 👍")
    chat.type(f"/delete {mine}\r")
    chat.expect(rf"-- bob deleted \{mine}")
    eventually(lambda: [one["deleted"] for one in ana.history("lobby")][-2:] == [True, False])
    ana.cli("edit", question, "shall we go?")
    chat.expect(rf"-- ana edited \{number}: shall we go\?")
    ana.cli("delete", question)
    chat.expect(rf"-- ana deleted \{number}")
    chat.type("/history 10\r")
    chat.expect(r"ana: \(deleted\)")
    chat.type("/react ^99999 👍\r")
    chat.expect(r"there is no message \^99999")
    chat.type("/quit\r")
    assert chat.wait() == 0
