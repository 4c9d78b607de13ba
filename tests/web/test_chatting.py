"""Rooms and conversations, each seen from both sides: two daemons, two browsers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest
from e2e.harness import Daemon, eventually, open_net
from playwright.sync_api import expect
from web.harness import Opened, Pages, peer, room, two_daemons

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Daemon]]:
    """Two connected nodes. Rooms are each test's own."""
    with open_net(tmp_path_factory.mktemp("pair")) as net:
        ana, ben = two_daemons(net)
        ana.connect(ben)
        introduce([ana, ben])
        yield [ana, ben]


@pytest.fixture
def name(pair: list[Daemon]) -> Iterator[str]:
    """A room of this test's own."""
    name = f"room {next(_numbers)}"
    yield name
    for daemon in pair:
        daemon.api("POST", "/v1/leave", {"room": name})


@pytest.fixture
def both(pair: list[Daemon], pages: Pages, name: str) -> tuple[Opened, Opened]:
    """Two pages that look at the same room."""
    together(pair, name)
    ana, ben = (pages.open(daemon, room(name)) for daemon in pair)
    expect(ana.box).to_be_visible()
    expect(ben.box).to_be_visible()
    return ana, ben


def introduce(pair: list[Daemon]) -> None:
    """Nicknames come with what people say."""
    together(pair, "hello")
    for daemon in pair:
        daemon.send("hello", "hello")
    for daemon, name in zip(pair, ("ben", "ana"), strict=True):
        eventually(
            lambda daemon=daemon, name=name: [one["name"] for one in daemon.api("GET", "/v1/peers")] == [name]
        )
        daemon.api("POST", "/v1/leave", {"room": "hello"})


def together(pair: list[Daemon], name: str) -> None:
    for daemon in pair:
        daemon.join(name)
    for daemon in pair:
        eventually(lambda daemon=daemon: daemon.members(name) > 0, what="each other in the room")


def test_a_room_is_entered_and_talks_both_ways(pair: list[Daemon], pages: Pages, name: str) -> None:
    ana, ben = (pages.open(daemon) for daemon in pair)
    ana.page.get_by_role("button", name="Join a room").click()
    ana.page.get_by_role("navigation").get_by_role("textbox", name="Name of the room").fill(name)
    ana.page.keyboard.press("Enter")
    expect(ana.page.get_by_role("heading", name=name)).to_be_visible()
    ben.show(room(name))
    ben.page.get_by_role("button", name="Join this room").click()
    expect(ben.page.get_by_text("Nothing has been said here yet.")).to_be_visible()
    for daemon in pair:
        eventually(lambda daemon=daemon: daemon.members(name) > 0, what="each other in the room")

    ana.say("from ana")
    expect(ben.message("from ana")).to_be_visible()
    ben.say("from ben")
    expect(ana.message("from ben")).to_be_visible()
    for opened in (ana, ben):
        expect(opened.page.get_by_role("log").locator(".body")).to_have_text(["from ana", "from ben"])
    mark = ana.message("from ana").locator(".delivery")
    expect(mark).to_have_attribute("title", re.compile("members? (is|are) known to have it|Handed to"))


def test_a_conversation_is_begun_and_both_talk(pair: list[Daemon], pages: Pages) -> None:
    ana, ben = (pages.open(daemon) for daemon in pair)
    ana.page.get_by_role("button", name="Start a conversation").click()
    ana.page.get_by_role("combobox", name="Name, peer ID or address").fill("ben")
    ana.page.keyboard.press("Enter")
    expect(ana.page.get_by_role("heading", name="ben")).to_be_visible()
    ana.say("just you")
    expect(ana.message("just you").locator(".delivery")).to_have_attribute("title", re.compile("^Delivered"))

    expect(ben.page).to_have_title(re.compile(r"^\(1\)"))
    expect(ben.entry("ana").get_by_text("1 unread message")).to_be_attached()
    ben.entry("ana").click()
    expect(ben.message("just you")).to_be_visible()
    expect(ben.page).not_to_have_title(re.compile(r"^\("))
    expect(ben.entry("ana").get_by_text("unread")).to_have_count(0)
    ben.say("and you")
    expect(ana.message("and you")).to_be_visible()


def test_edits_answers_reactions_and_deletions_reach_the_other_side(both: tuple[Opened, Opened]) -> None:
    ana, ben = both
    ana.say("helo")
    expect(ben.message("helo")).to_be_visible()
    ana.box.press("ArrowUp")
    expect(ana.box).to_have_value("helo")
    ana.say("hello")
    expect(ben.message("hello")).to_be_visible()
    expect(ben.message("helo")).to_have_count(0)
    ben.message("hello").get_by_role("button", name="edited").click()
    expect(ben.page.get_by_role("list", name="What it said")).to_contain_text("helo")

    ben.act("hello", "Reply")
    expect(ben.page.get_by_text("Replying to ana")).to_be_visible()
    expect(ben.box).to_be_focused()
    ben.say("hello yourself")
    expect(ana.message("hello yourself").get_by_role("button", name=re.compile("hello"))).to_be_visible()

    ana.act("hello yourself", "React")
    ana.page.get_by_role("button", name="React with 🎉").click()
    reaction = ben.message("hello yourself").get_by_role("button", name="🎉, 1")
    expect(reaction).to_have_attribute("aria-pressed", "false")
    reaction.click()
    expect(ana.message("hello yourself").get_by_role("button", name="🎉, 2")).to_be_visible()
    ana.message("hello yourself").get_by_role("button", name="🎉, 2").click()
    expect(ben.message("hello yourself").get_by_role("button", name="🎉, 1")).to_be_visible()

    ben.act("hello yourself", "Delete")
    ben.page.get_by_role("group", name="Delete").get_by_role("button", name="Delete").click()
    expect(ana.page.get_by_text("Message deleted").first).to_be_visible()
    expect(ana.message("hello yourself")).to_have_count(0)


def test_only_ones_own_messages_can_be_changed(both: tuple[Opened, Opened]) -> None:
    ana, ben = both
    ana.say("mine")
    expect(ben.message("mine")).to_be_visible()
    ben.message("mine").hover()
    tools = ben.message("mine").get_by_role("group", name="What to do with this message")
    expect(tools.get_by_role("button")).to_have_count(3)
    expect(tools.get_by_role("button", name="Edit")).to_have_count(0)
    expect(tools.get_by_role("button", name="Delete")).to_have_count(0)
    ben.box.press("ArrowUp")
    expect(ben.page.get_by_text("Editing a message")).to_have_count(0)


def test_drafts_survive_leaving_and_a_reload(both: tuple[Opened, Opened], name: str) -> None:
    ana, _ = both
    ana.box.fill("not said yet")
    ana.show("#network")
    expect(ana.entry(name)).to_contain_text("Draft:")
    ana.page.reload()
    expect(ana.entry(name)).to_contain_text("not said yet")
    ana.entry(name).click()
    expect(ana.box).to_have_value("not said yet")
    ana.page.reload()
    expect(ana.box).to_have_value("not said yet")
    ana.box.press("Enter")
    expect(ana.message("not said yet")).to_be_visible()
    ana.page.reload()
    expect(ana.message("not said yet")).to_have_count(1)
    expect(ana.box).to_have_value("")


def test_what_is_unread_is_counted_and_marked(pair: list[Daemon], pages: Pages, name: str) -> None:
    together(pair, name)
    ana, ben = pair
    # A page of another test may have been closed before it said what is read, and the title counts all places.
    for place in ben.api("GET", "/v1/rooms") + ben.api("GET", "/v1/conversations"):
        ben.api("POST", "/v1/read", {"target": place.get("room") or place["peer_id"]})
    looking = pages.open(ben)
    expect(looking.page).to_have_title("p2pd")
    ana.send(name, "one")
    ana.send(name, "two")
    expect(looking.entry(name).get_by_text("2 unread messages")).to_be_attached()
    expect(looking.entry(name)).to_contain_text("two")
    expect(looking.page).to_have_title(re.compile(r"^\(2\)"))
    looking.entry(name).click()
    expect(looking.page.get_by_role("separator", name="New messages")).to_be_visible()
    expect(looking.page).to_have_title(re.compile(r"^[^(]"))
    eventually(lambda: next(one for one in ben.api("GET", "/v1/rooms") if one["room"] == name)["unread"] == 0)
    ana.send(name, "three")
    expect(looking.message("three")).to_be_visible()
    expect(looking.page).to_have_title(re.compile(r"^[^(]"))


@pytest.mark.parametrize("count", [300, 700])  # within what a page keeps, and beyond
def test_a_room_opens_where_the_unread_begins(
    pair: list[Daemon], pages: Pages, name: str, count: int
) -> None:
    together(pair, name)
    ana, ben = pair
    ana.send(name, "read")
    eventually(lambda: ben.texts(name) == ["read"])
    ben.api("POST", "/v1/read", {"target": name})
    ana.cli("send", name, "-", stdin="".join(f"number {n}\n" for n in range(count)))
    eventually(lambda: unread(ben, name) == count)
    opened = pages.open(ben, room(name))
    line = opened.page.get_by_role("separator", name="New messages")
    expect(line).to_be_in_viewport()
    expect(opened.message("number 0")).to_be_in_viewport()
    assert (
        line.evaluate("line => line.nextElementSibling.querySelector('.body').textContent").strip()
        == "number 0"
    )
    assert unread(ben, name) == count  # the end has not been in sight
    opened.page.get_by_role("button", name=f"{count} new messages").click()
    expect(opened.message(f"number {count - 1}")).to_be_in_viewport()
    eventually(lambda: unread(ben, name) == 0)


def unread(daemon: Daemon, name: str) -> int:
    return next(int(one["unread"]) for one in daemon.api("GET", "/v1/rooms") if one["room"] == name)


def test_searching_leads_to_the_message(both: tuple[Opened, Opened], name: str) -> None:
    ana, _ = both
    for number in range(260):
        ana.daemon.send(name, "the needle" if number == 20 else f"straw {number}")
    expect(ana.message("straw 259")).to_be_visible()
    ana.page.get_by_role("button", name="Search", exact=True).click()
    field = ana.page.get_by_role("searchbox", name="Search in these messages")
    expect(field).to_be_focused()
    field.fill("needle")
    field.press("Enter")
    expect(ana.page.get_by_text("1 message found")).to_be_visible()
    ana.page.get_by_role("region", name="Search").get_by_role("button", name=re.compile("the needle")).click()
    expect(ana.message("the needle")).to_be_in_viewport()
    expect(ana.message("the needle")).to_be_focused()
    ana.page.get_by_role("button", name="To the newest").click()
    expect(ana.message("straw 259")).to_be_in_viewport()


def test_names_are_completed_by_keyboard(both: tuple[Opened, Opened], name: str) -> None:
    ana, ben = both
    ben.say("I am here")
    expect(ana.message("I am here")).to_be_visible()
    ana.box.press_sequentially("@be")
    expect(ana.page.get_by_role("option", name="@ben")).to_have_attribute("aria-selected", "true")
    ana.box.press("Tab")
    expect(ana.box).to_have_value("@ben: ")
    ana.box.press_sequentially("see #room")
    ana.box.press("ArrowDown")
    ana.box.press("ArrowUp")
    expect(ana.page.get_by_role("listbox", name="Completions")).to_be_visible()
    ana.box.press("Escape")
    expect(ana.page.get_by_role("listbox")).to_have_count(0)
    ana.box.press("Enter")
    expect(ben.page.get_by_role("log").locator("mark")).to_have_text("@ben")
    ana.box.press_sequentially("be")
    ana.box.press("Tab")
    expect(ana.box).to_have_value("ben: ")


def test_long_texts_lines_code_and_links_are_shown_as_they_are(both: tuple[Opened, Opened]) -> None:
    ana, ben = both
    ana.box.fill("first line")
    ana.box.press("Shift+Enter")
    ana.box.press_sequentially("second line, https://example.org/a_(b)?c=d. And `code`")
    ana.box.press("Enter")
    body = ben.page.get_by_role("log").locator(".body").last
    expect(body).to_have_text("first line\nsecond line, https://example.org/a_(b)?c=d. And code")
    expect(body).to_have_css("white-space", re.compile("pre-wrap|break-spaces"))
    link = body.get_by_role("link")
    expect(link).to_have_attribute("href", "https://example.org/a_(b)?c=d")
    expect(link).to_have_attribute("rel", re.compile("noopener"))
    expect(body.locator("code")).to_have_text("code")


def test_a_conversation_opens_by_its_address(pair: list[Daemon], pages: Pages) -> None:
    ana, ben = pair
    opened = pages.open(ana, peer(ben.peer_id))
    expect(opened.page.get_by_role("heading", name="ben")).to_be_visible()
    opened.say("by its address")
    eventually(lambda: "by its address" in ben.texts(ana.peer_id))
