"""Every view of the page, with something in it: for the tests that hold for each, and for the screenshots."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from e2e.harness import Daemon, Net, eventually
from playwright.sync_api import expect

from .harness import Opened, peer, room, two_daemons

ROOM = "garden"
CONVERSATION = [
    ("ana", "Good morning! The seedlings are out of the greenhouse."),
    ("ben", "All of them? It was 3 °C last night."),
    ("ana", "Tomatoes stay in until Sunday. I wrote it down: https://garden.example/plan"),
    ("ben", "Then this can run again:\n```sh\nwater --bed 4 --minutes 20\n```"),
    ("ana", "`--bed 4` is the beans, they had enough rain. @ben take 2 and 3."),
]


@dataclass(frozen=True)
class View:
    """`where` is behind the #, or a path; `prepare` opens what is to be open, and waits until it is there."""

    name: str
    where: str | Callable[[Daemon, Daemon], str]
    prepare: Callable[[Opened], None]

    def open(self, opened: Opened, ana: Daemon, ben: Daemon) -> None:
        where = self.where if isinstance(self.where, str) else self.where(ana, ben)
        opened.page.goto("about:blank")
        opened.page.goto(f"{opened.base}/{where}")
        self.prepare(opened)

    def __str__(self) -> str:
        return self.name


def settle(net: Net) -> tuple[Daemon, Daemon]:
    """Ana and Ben, who talked in a room and with each other."""
    ana, ben = two_daemons(net, ("ana", "ben"))
    ana.connect(ben)
    for daemon in (ana, ben):
        daemon.join(ROOM)
        daemon.join("kitchen")
    for daemon in (ana, ben):
        eventually(lambda daemon=daemon: daemon.members(ROOM) > 0, 30, what="each other in the room")
    nodes = {"ana": ana, "ben": ben}
    sent = {}
    for name, text in CONVERSATION:
        sent[text] = nodes[name].send(ROOM, text)["id"]
        eventually(lambda text=text: all(text in node.texts(ROOM) for node in nodes.values()), what=text)
    first, frost, *_, beds = sent.values()
    ben.api("POST", "/v1/react", {"id": first, "symbol": "♥"})
    ben.api("POST", "/v1/reply", {"id": beds, "text": "On my way. Two and three."})
    ben.api("POST", "/v1/edit", {"id": frost, "text": "All of them? It was 3 °C last night, and windy."})
    ana.api("POST", "/v1/msg", {"to": ben.peer_id, "text": "Do you still have my spade?"})
    eventually(lambda: ben.texts(ana.peer_id))
    ben.api("POST", "/v1/msg", {"to": ana.peer_id, "text": "I do. Tonight?"})
    ben.send("kitchen", "Soup is ready when you are.")
    eventually(lambda: ana.texts(ben.peer_id)[1:] and ana.texts("kitchen") and len(ana.texts(ROOM)) == 6)
    return ana, ben


def shown(role: str, name: str | re.Pattern[str]) -> Callable[[Opened], None]:
    return lambda opened: expect(opened.page.get_by_role(role, name=name).first).to_be_visible()  # type: ignore[arg-type]


def _room(opened: Opened) -> None:
    expect(opened.message("On my way. Two and three.")).to_be_visible()


def _acting(opened: Opened) -> None:
    _room(opened)
    opened.act("On my way. Two and three.", "React")
    shown("group", "React")(opened)


def _replying(opened: Opened) -> None:
    _room(opened)
    opened.act("On my way. Two and three.", "Reply")
    expect(opened.page.get_by_text("Replying to")).to_be_visible()


def _conversation(opened: Opened) -> None:
    expect(opened.message("I do. Tonight?")).to_be_visible()


def _members(opened: Opened) -> None:
    _room(opened)
    opened.page.get_by_role("button", name="Members").click()
    expect(opened.page.get_by_role("complementary").get_by_text("ben")).to_be_visible()


def _searching(opened: Opened) -> None:
    _room(opened)
    opened.page.get_by_role("button", name="Search", exact=True).click()
    opened.page.get_by_role("searchbox").fill("greenhouse")
    opened.page.get_by_role("searchbox").press("Enter")
    expect(opened.page.get_by_text("1 message found")).to_be_visible()


def _joining(opened: Opened) -> None:
    opened.page.get_by_role("button", name="Join a room").click()
    expect(opened.page.get_by_role("navigation").get_by_role("textbox")).to_be_focused()


def _network(opened: Opened) -> None:
    opened.page.get_by_role("table").get_by_role("button", name="ben").click()
    shown("heading", "ben")(opened)


def _start(opened: Opened) -> None:
    opened.page.get_by_role("button", name="QR code of your ID").click()
    shown("img", "QR code of your ID")(opened)


def _settings(opened: Opened) -> None:
    shown("button", "Block ben")(opened)
    opened.page.get_by_role("button", name="Reset access").click()
    shown("button", "Yes, reset")(opened)


VIEWS = [
    View("start", "", _start),
    View("room", room(ROOM), _room),
    View("acting", room(ROOM), _acting),
    View("replying", room(ROOM), _replying),
    View("members", room(ROOM), _members),
    View("search", room(ROOM), _searching),
    View("conversation", lambda _, ben: peer(ben.peer_id), _conversation),
    View("not-joined", room("elsewhere"), shown("button", "Join this room")),
    View("joining", "#start", _joining),
    View("network", "#network", _network),
    View("settings", "#settings", _settings),
    View("receive", "receive", shown("img", re.compile("^QR code"))),
    View("send", "send", shown("button", "Connect")),
    View("talking", lambda _, ben: f"send{peer(ben.peer_id)}", _conversation),
]
