"""The way in: a link that works once, a cookie that scripts cannot read, and a clear word to whoever has neither."""

from __future__ import annotations

import re

from e2e.harness import Net
from playwright.sync_api import expect
from web.harness import HTTP, Pages, web_link


def test_a_link_lets_in_once(net: Net, pages: Pages) -> None:
    ana = net.daemon("ana", *HTTP)
    link = web_link(ana)
    first = pages.blank(ana)
    answer = first.page.goto(link)
    assert answer is not None
    assert answer.status == 200
    expect(first.page.get_by_role("heading", level=1)).to_be_visible()
    assert "token" not in first.page.url
    [cookie] = first.page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert first.page.evaluate("document.cookie") == ""
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    first.page.reload()
    expect(first.page.get_by_text(ana.peer_id, exact=True).first).to_be_visible()

    second = pages.blank(ana)
    second.expect_errors("401")
    refused = second.page.goto(link)
    assert refused is not None
    assert refused.status == 401
    expect(second.page.get_by_role("heading", name="This link does not open the page")).to_be_visible()
    expect(second.page.get_by_text("p2pd web", exact=True)).to_be_visible()
    assert second.page.context.cookies() == []

    first.page.goto(link)  # the browser that has the page may open its link again
    expect(first.page.get_by_text(ana.peer_id, exact=True).first).to_be_visible()


def test_without_a_cookie_the_page_tells_how_to_get_in(net: Net, pages: Pages) -> None:
    ana = net.daemon("ana", *HTTP)
    opened = pages.blank(ana)
    opened.expect_errors("401")
    opened.page.goto(opened.base)
    expect(opened.page.get_by_text("p2pd web", exact=True)).to_be_visible()
    expect(opened.page.get_by_text(re.compile("not allowed"))).to_be_visible()
    assert ana.peer_id not in opened.page.content()


def test_a_new_token_shuts_every_page_out_but_the_one_that_asked(net: Net, pages: Pages) -> None:
    ana = net.daemon("ana", *HTTP)
    other, own = pages.open(ana), pages.open(ana, "#settings")
    expect(other.page.get_by_text(ana.peer_id, exact=True).first).to_be_visible()
    other.expect_errors("401", "ERR_", "status of")
    own.expect_errors("401", "ERR_", "status of")
    token = (ana.home / "token").read_text()
    own.page.get_by_role("button", name="Reset access").click()
    own.page.get_by_role("button", name="Yes, reset").click()
    expect(own.page.get_by_text(ana.peer_id, exact=True).first).to_be_visible()
    expect(other.page.get_by_text("p2pd web", exact=True)).to_be_visible()
    assert (ana.home / "token").read_text() != token
    other.page.goto(web_link(ana))
    expect(other.page.get_by_text(ana.peer_id, exact=True).first).to_be_visible()
