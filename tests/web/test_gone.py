"""The daemon goes and comes back while its page is open: the page says so, goes on, misses nothing, doubles nothing."""

from __future__ import annotations

from e2e.harness import Daemon, Net, eventually
from playwright.sync_api import expect
from web.harness import Pages, room, two_daemons

ROOM = "lobby"
GONE = "p2pd does not answer"
NETWORK_ERRORS = "net::ERR_|Failed to load resource|EventSource"


def test_a_daemon_that_is_killed_is_missed_and_resumed(net: Net, pages: Pages) -> None:
    ana, ben = two_daemons(net)
    stay_put(ana)
    for daemon in (ana, ben):
        daemon.join(ROOM)
    meet(ana, ben)
    opened = pages.open(ana, room(ROOM))
    opened.expect_errors(NETWORK_ERRORS)
    said = []

    def say(text: str) -> None:
        ben.send(ROOM, text)
        said.append(text)

    say("before")
    expect(opened.message("before")).to_be_visible()
    for turn in range(2):
        ana.kill()
        expect(opened.page.get_by_role("status").filter(has_text=GONE)).to_be_visible()
        opened.box.fill(f"typed while it was gone {turn}")
        expect(opened.page.get_by_text("This can be sent as soon as p2pd runs again.")).to_be_visible()
        expect(opened.page.get_by_role("button", name="Send")).to_be_disabled()
        for number in range(5):
            say(f"while it was gone {turn}.{number}")
        ana.start()
        meet(ana, ben)
        expect(opened.page.get_by_role("status").filter(has_text=GONE)).to_have_count(0)
        expect(opened.message(said[-1])).to_be_visible()
        expect(opened.box).to_have_value(f"typed while it was gone {turn}")
        opened.box.press("Enter")
        said.append(f"typed while it was gone {turn}")
        expect(opened.message(said[-1])).to_be_visible()
        say(f"after {turn}")
        expect(opened.message(said[-1])).to_be_visible()
    texts = opened.page.get_by_role("log").locator(".body")
    expect(texts).to_have_text(said)
    expect(opened.page).to_have_title("p2pd")


def test_what_changes_while_it_is_gone_is_seen_in_other_places_too(net: Net, pages: Pages) -> None:
    """A page that looks elsewhere, and a daemon that stops in good order."""
    ana, ben = two_daemons(net)
    stay_put(ana)
    for daemon in (ana, ben):
        daemon.join(ROOM)
    meet(ana, ben)
    opened = pages.open(ana, "#network")
    opened.expect_errors(NETWORK_ERRORS)
    expect(opened.entry(ROOM)).to_be_visible()
    ana.stop()
    expect(opened.page.get_by_role("status").filter(has_text=GONE)).to_be_visible()
    for number in range(3):
        ben.send(ROOM, f"away {number}")
    ana.start()
    meet(ana, ben)
    expect(opened.entry(ROOM).get_by_text("3 unread messages")).to_be_attached()
    opened.entry(ROOM).click()
    expect(opened.page.get_by_role("log").locator(".body")).to_have_text(
        [f"away {number}" for number in range(3)]
    )


def stay_put(daemon: Daemon) -> None:
    """It comes back at the same addresses."""
    daemon.keep_port()
    here = str(daemon.ready["http"]).removeprefix("http://")
    daemon.options = tuple(here if one == "127.0.0.1:0" else one for one in daemon.options)


def meet(ana: Daemon, ben: Daemon) -> None:
    if ben.peer_id not in ana.peers():
        ana.connect(ben)
    for daemon in (ana, ben):
        eventually(lambda daemon=daemon: daemon.members(ROOM) > 0, 30, what="each other in the room")
