"""The network view: the same people in the picture and in the table, by room, and details by keyboard."""

from __future__ import annotations

from e2e.harness import Net, eventually
from playwright.sync_api import expect
from web.harness import HTTP, Pages, room


def test_picture_and_table_show_the_peers_of_a_room(net: Net, pages: Pages) -> None:
    ana, ben, cleo = net.daemons("ana", "ben", "cleo", options=HTTP)
    for daemon, nick in ((ana, "ana"), (ben, "ben"), (cleo, "cleo")):
        daemon.api("POST", "/v1/nick", {"nick": nick})
        daemon.join("lobby")
    for daemon in (ana, ben):
        daemon.join("garden")
    ben.connect(ana)
    cleo.connect(ana)
    eventually(lambda: ana.members("lobby") == 3 and ana.members("garden") == 2)
    eventually(lambda: {peer["name"] for peer in ana.api("GET", "/v1/peers")} == {"ben", "cleo"})

    opened = pages.open(ana, "#network")
    page = opened.page
    picture = page.get_by_role("group", name="Picture of your connections.")
    rows = page.get_by_role("table", name="Your connections").get_by_role("rowheader")
    expect(rows).to_have_text(["ben", "cleo"])
    expect(picture.get_by_role("button")).to_have_count(2)
    page.get_by_label("Room", exact=True).select_option(label="garden")
    expect(rows).to_have_text(["ben"])
    expect(picture.get_by_role("button")).to_have_count(1)

    node = picture.get_by_role("button", name="ben, Person, direct")
    node.click()
    expect(page.get_by_role("heading", name="ben")).to_be_visible()
    page.get_by_role("button", name="Close", exact=True).click()
    expect(node).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="ben")).to_be_focused()
    expect(node).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("definition").filter(has_text=ben.peer_id).first).to_be_visible()
    page.get_by_role("button", name="Measure").click()
    expect(page.get_by_text("Round trip: ")).to_be_visible()
    page.get_by_role("button", name="Disconnect").click()
    expect(rows.get_by_text("ben")).to_have_count(1)  # was a member, and is not connected
    expect(picture.get_by_role("button", name="ben, Person, seen in this room")).to_be_visible()
    opened.show(room("garden"))
    expect(opened.box).to_be_visible()
