"""All of it without a mouse: the focus can be seen, goes everywhere, is caught nowhere, and each stop has a name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from e2e.harness import Daemon, eventually, open_net
from playwright.sync_api import Page, expect
from web.harness import Pages
from web.views import ROOM, VIEWS, View, settle

MOST_STOPS = 120
# The element that has the focus: what it is called, whether it can be seen that it has it.
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  one.dataset.stop ??= String(document.querySelectorAll("[data-stop]").length + 1);
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  const label = one.labels?.[0]?.textContent ?? "";
  const name = one.getAttribute("aria-label") || one.title || label || one.textContent || one.placeholder;
  const thick = [...one.children].some((part) => parseFloat(getComputedStyle(part).strokeWidth) >= 4);
  return {
    stop: one.dataset.stop, tag: one.outerHTML.slice(0, 100), name: name?.trim() ?? "",
    ringed: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0
      || style.boxShadow !== "none" || Boolean(one.ownerSVGElement) && thick,
    inView: box.width > 0 && box.height > 0
      && box.left < innerWidth && box.top < innerHeight && box.bottom > 0 && box.right > 0,
  };
}"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Daemon]]:
    with open_net(tmp_path_factory.mktemp("keyboard")) as net:
        yield settle(net)


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_the_focus_goes_round(nodes: tuple[Daemon, Daemon], pages: Pages, view: View) -> None:
    opened = pages.open(nodes[0])
    view.open(opened, *nodes)
    seen: dict[str, Any] = {}
    for _ in range(MOST_STOPS):
        opened.page.keyboard.press("Tab")
        stop = opened.page.evaluate(FOCUSED)
        if stop is None:
            continue  # the browser's own controls come between the last stop and the first
        if stop["stop"] in seen:
            break
        seen[stop["stop"]] = stop
        assert stop["name"], stop
        assert stop["ringed"], stop
        assert stop["inView"], stop
    else:
        raise AssertionError(f"the focus does not come round: {seen}")
    assert len(seen) > 3


def test_one_talks_without_a_mouse(nodes: tuple[Daemon, Daemon], pages: Pages) -> None:
    ana, ben = nodes
    opened = pages.open(ana)
    page = opened.page
    expect(opened.entry(ROOM)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()

    tab_to(page, opened.entry(ROOM).element_handle())
    page.keyboard.press("Enter")
    expect(opened.box).to_be_visible()
    tab_to(page, opened.box.element_handle())
    page.keyboard.type("typed without a mouse")
    page.keyboard.press("Enter")
    expect(opened.message("typed without a mouse")).to_be_visible()

    into_messages(page)
    expect(opened.message("typed without a mouse")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(opened.message("On my way. Two and three.")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("+")
    expect(page.get_by_role("group", name="React").get_by_role("button").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(opened.message("typed without a mouse").get_by_role("list", name="Reactions")).to_be_visible()
    expect(opened.message("typed without a mouse")).to_be_focused()
    page.keyboard.press("r")
    expect(page.get_by_text("Replying to")).to_be_visible()
    expect(opened.box).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Replying to")).to_have_count(0)
    page.keyboard.press("ArrowUp")
    expect(page.get_by_text("Editing a message")).to_be_visible()
    page.keyboard.press("End")
    page.keyboard.type(", and changed")
    page.keyboard.press("Enter")
    expect(opened.message("typed without a mouse, and changed")).to_be_visible()
    expect(opened.box).to_be_focused()
    into_messages(page)
    page.keyboard.press("Delete")
    expect(page.get_by_role("group", name="Delete").get_by_role("button", name="Delete")).to_be_focused()
    page.keyboard.press("Enter")
    expect(opened.message("typed without a mouse, and changed")).to_have_count(0)
    eventually(lambda: "typed without a mouse, and changed" not in ben.texts(ROOM))


def test_what_is_opened_takes_the_focus_and_gives_it_back(nodes: tuple[Daemon, Daemon], pages: Pages) -> None:
    opened = pages.open(nodes[0], f"#room/{ROOM}")
    page = opened.page
    members = page.get_by_role("button", name="Members", exact=True)
    members.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Close the list of members")).to_be_focused()
    page.keyboard.press("Escape")
    expect(members).to_be_focused()
    search = page.get_by_role("button", name="Search", exact=True).first
    search.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(search).to_be_focused()
    join = page.get_by_role("button", name="Join a room")
    join.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("navigation").get_by_role("textbox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(join).to_be_focused()


def into_messages(page: Page) -> None:
    """From where one writes back to the message that one was at, past its buttons."""
    for _ in range(10):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.localName") == "article":
            return
    raise AssertionError("the focus does not get into the messages")


def tab_to(page: Page, element: Any) -> None:
    for _ in range(MOST_STOPS):
        if element.evaluate("(one) => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("the focus does not get there")
