"""What holds for every view: axe finds nothing, light and dark; 360 pixels are wide enough; the console stays empty."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from e2e.harness import Daemon, open_net
from playwright.sync_api import Page, expect
from web.harness import DESKTOP, NODE_MODULES, PHONE, Pages, require
from web.views import ROOM, VIEWS, View, settle

AXE = NODE_MODULES / "axe-core" / "axe.min.js"
RUN_AXE = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  const told = (node) => `${node.target.join(" ")}: ${node.failureSummary}`;
  return violations.map((one) => `${one.id} (${one.impact}): ${one.help}: ${one.nodes.map(told).join("; ")}`);
}"""
# What sticks out to the right of the window, but for what lies in a part that scrolls by itself.
STICKS_OUT = """() => {
  const clips = (one) => /auto|scroll|hidden|clip/.test(getComputedStyle(one).overflowX);
  const scrolls = (one) => one && (clips(one) || scrolls(one.parentElement));
  return [document.documentElement.scrollWidth, ...[...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !scrolls(one.parentElement))
    .map((one) => one.outerHTML.slice(0, 120))];
}"""
# Parts that scroll sideways though nobody would expect it of them.
SCROLLS_SIDEWAYS = """() => [...document.querySelectorAll("main, nav, [role=log], .page, form, body")]
  .filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== "visible")
  .map((one) => `${one.tagName} ${one.className} ${one.scrollWidth} > ${one.clientWidth}`)"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Daemon]]:
    with open_net(tmp_path_factory.mktemp("views")) as net:
        yield settle(net)


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_axe_finds_nothing(nodes: tuple[Daemon, Daemon], pages: Pages, view: View) -> None:
    require(AXE, "axe-core is not installed: `make browser` installs it")
    opened = pages.open(nodes[0])
    view.open(opened, *nodes)
    faults = {}
    for size in (DESKTOP, PHONE):
        opened.page.set_viewport_size(size)  # type: ignore[arg-type]
        for scheme in ("light", "dark"):
            opened.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            faults[f"{size['width']} {scheme}"] = axe(opened.page)
    assert not any(faults.values()), faults


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_a_phone_is_wide_enough(nodes: tuple[Daemon, Daemon], pages: Pages, view: View) -> None:
    opened = pages.open(nodes[0], viewport=PHONE, has_touch=True, is_mobile=True)
    if view.name == "joining":
        pytest.skip(
            "the form is in the list, which is a screen of its own here; see test_a_phone_leads_everywhere"
        )
    view.open(opened, *nodes)
    width, *elements = opened.page.evaluate(STICKS_OUT)
    assert elements == []
    assert width <= PHONE["width"]
    assert opened.page.evaluate(SCROLLS_SIDEWAYS) == []


def test_a_phone_leads_everywhere(nodes: tuple[Daemon, Daemon], pages: Pages) -> None:
    opened = pages.open(nodes[0], viewport=PHONE, has_touch=True, is_mobile=True)
    opened.entry(ROOM).tap()
    expect(opened.message("On my way. Two and three.")).to_be_in_viewport()
    expect(opened.box).to_be_in_viewport()
    opened.page.get_by_role("link", name="Back to the list").tap()
    opened.page.get_by_role("button", name="Join a room").tap()
    assert opened.page.evaluate(STICKS_OUT)[1:] == []
    for name in ("Network", "Settings"):
        opened.page.get_by_role("link", name=name, exact=True).tap()
        expect(opened.page.get_by_role("heading", level=1, name=name)).to_be_visible()
        opened.page.get_by_role("link", name="Back to the list").tap()


def test_axe_finds_nothing_on_the_doors(nodes: tuple[Daemon, Daemon], pages: Pages) -> None:
    """What those see who are not let in, and those whose daemon is gone."""
    require(AXE, "axe-core is not installed: `make browser` installs it")
    opened = pages.blank(nodes[0])
    opened.expect_errors("401")
    for path, shown in (("/", "not allowed"), ("/?token=spent", "This link does not open the page")):
        opened.page.goto(opened.base + path)
        expect(opened.page.get_by_text(shown)).to_be_visible()
        for scheme in ("light", "dark"):
            opened.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert axe(opened.page) == []


def axe(page: Page) -> list[Any]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    return list(page.evaluate(RUN_AXE))
