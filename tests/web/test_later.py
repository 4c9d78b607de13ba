"""What the page loads when it is first wanted: that it takes long is said, that it failed too, and it is retried."""

from __future__ import annotations

from e2e.harness import Net
from playwright.sync_api import Route, expect
from web.harness import HTTP, Pages, room
from web.test_gone import stay_put

NETWORK_ERRORS = "net::ERR_|Failed to load resource|EventSource"


def test_what_takes_long_is_said_and_then_has_the_focus(net: Net, pages: Pages) -> None:
    ana = net.daemon("ana", *HTTP)
    ana.join("lobby")
    opened = pages.open(ana, room("lobby"))
    expect(opened.box).to_be_visible()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    for name, part, focused in (
        ("Search", "search", opened.page.get_by_role("searchbox")),
        ("Members", "members", opened.page.get_by_role("button", name="Close the list of members")),
    ):
        opened.page.route(f"**/views/{part}.js", hold)
        opened.page.get_by_role("button", name=name, exact=True).click()
        expect(opened.page.get_by_role("status").filter(has_text="Loading …")).to_be_visible()
        held.pop().continue_()
        expect(focused).to_be_focused()


def test_what_cannot_be_loaded_comes_when_the_daemon_does(net: Net, pages: Pages) -> None:
    ana = net.daemon("ana", *HTTP)
    stay_put(ana)
    opened = pages.open(ana)
    opened.expect_errors(NETWORK_ERRORS)
    expect(opened.page.get_by_role("heading", level=1, name="Ready to talk")).to_be_visible()
    opened.page.evaluate("window.same = true")
    ana.stop()
    opened.show("#network")
    expect(opened.page.get_by_text("This part of the page could not be loaded.")).to_be_visible()
    expect(opened.page.get_by_role("button", name="Load the page again")).to_be_visible()
    ana.start()
    expect(opened.page.get_by_role("heading", level=1, name="Network")).to_be_visible()
    assert opened.page.evaluate("window.same"), "it was loaded anew"
