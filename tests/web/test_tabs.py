"""Many tabs of one browser: one event stream serves them all, of the six connections that it has for a host."""

from __future__ import annotations

from collections.abc import Sequence

from e2e.harness import Net, eventually
from playwright.sync_api import Request, expect
from web.harness import Opened, Pages, room, two_daemons

ROOM = "lobby"
TABS = 8
WAITING = "async () => (await navigator.locks.query()).pending.length"


def test_eight_tabs_are_live_and_go_on_without_the_one_that_reads(net: Net, pages: Pages) -> None:
    ana, ben = two_daemons(net)
    for daemon in (ana, ben):
        daemon.join(ROOM)
    ana.connect(ben)
    eventually(lambda: ben.members(ROOM) > 0, 30, what="each other in the room")
    context = pages.context()
    first = pages.blank(ana, context)
    reading: list[int] = []  # numbers of the tabs that asked for the stream, in that order
    tabs = [first]
    follow(first, 0, reading)
    first.page.goto(ana.api("POST", "/v1/page-link", {})["url"])
    first.show(room(ROOM))
    for number in range(1, TABS):
        tab = pages.blank(ana, context)
        follow(tab, number, reading)
        tab.page.goto(f"{tab.base}/{room(ROOM)}")
        tabs.append(tab)
    for tab in tabs:
        expect(tab.box).to_be_visible()
    eventually(lambda: first.page.evaluate(WAITING) == TABS - 1, 30, what="all but one wait for the lock")
    said: list[str] = []

    def say(count: int) -> None:
        for _ in range(count):
            said.append(f"message {len(said)}")
            ben.send(ROOM, said[-1])

    say(5)
    see(tabs, said)
    tabs[3].say("from a tab that does not read the stream")
    said.append("from a tab that does not read the stream")
    see(tabs, said)
    while len(tabs) > TABS - 3:
        leader = reading[-1]
        say(3)
        pages.all[leader].page.close()
        tabs.remove(pages.all[leader])
        say(3)
        see(tabs, said)
        assert reading[-1] != leader


def follow(tab: Opened, number: int, reading: list[int]) -> None:
    def note(request: Request) -> None:
        if "/v1/events" in request.url:
            reading.append(number)

    tab.page.on("request", note)


def see(tabs: Sequence[Opened], said: Sequence[str]) -> None:
    """Every tab, whether in sight or not, shows each once, in order."""
    for tab in tabs:
        expect(tab.page.get_by_role("log").locator(".body")).to_have_text(list(said))
