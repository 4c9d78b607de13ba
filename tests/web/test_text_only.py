"""What others wrote is text, wherever it is shown: in names of people and rooms, in messages, in errors."""

from __future__ import annotations

import pytest
from e2e.harness import Daemon, Net, eventually
from playwright.sync_api import expect
from web.harness import Opened, Pages, peer, room, two_daemons

PICTURE = "<img src=x onerror=alert(1)>"
ATTACKS = [
    PICTURE,
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "'-alert(1)-'",
    "${alert(1)}{{constructor.constructor('alert(1)')()}}",
    "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
    "javascript:alert(1)//https://x.example",
    'https://x.example/"onmouseover="alert(1)',
    "[click](javascript:alert(1))",
    "data:text/html,<script>alert(1)</script>",
    "<a href=javascript:alert(1)>click</a>",
    "<base href=//evil.example>",
    "<style>*{display:none}</style>",
    "&lt;b&gt;&#x3C;img src=x onerror=alert(1)>",
    "```html\n<img src=x onerror=alert(1)>\n```",
    "`<img src=x onerror=alert(1)>`",
    "__proto__",
    "<!--?lit$1$-->lit$1$",
]
FORBIDDEN = "body :is(script, img, iframe, object, embed, base, link, meta, style, form[action])"
UNSAFE_LINKS = """() => [...document.querySelectorAll("a[href]")].map((one) => one.href)
  .filter((href) => !/^https?:/.test(href))"""
HANDLERS = """() => [...document.querySelectorAll("*")].flatMap((one) => one.getAttributeNames())
  .filter((name) => name.startsWith("on") || name === "srcdoc" || name === "style")"""


def test_messages_are_text(net: Net, pages: Pages) -> None:
    ana, ben = met(net, "lobby")
    opened = pages.open(ana, room("lobby"))
    for attack in ATTACKS:
        ben.send("lobby", attack)
        ben.api("POST", "/v1/msg", {"to": ana.peer_id, "text": attack})
    for where in (room("lobby"), peer(ben.peer_id)):
        opened.show(where)
        bodies = opened.page.get_by_role("log").locator(".body")
        expect(bodies).to_have_count(len(ATTACKS))
        found = opened.page.get_by_role("log").locator(".body").all_text_contents()
        plain = [text.removeprefix("```html\n").removesuffix("\n```").strip("`") for text in ATTACKS]
        assert [text.strip() for text in found] == plain
        assert opened.page.get_by_role("log").locator(".body :not(a, code, pre, mark)").count() == 0
        assert_tame(opened)
        opened.page.get_by_role("button", name="Search", exact=True).click()
        opened.page.get_by_role("searchbox").fill("alert")
        opened.page.get_by_role("searchbox").press("Enter")
        expect(opened.page.get_by_role("status").filter(has_text="found")).to_be_visible()
        assert_tame(opened)
        opened.act("<base href=//evil.example>", "Reply")
        expect(opened.page.get_by_text("Replying to")).to_be_visible()
        assert_tame(opened)
        opened.say("an answer")
        expect(opened.message("an answer")).to_contain_text("<base href=//evil.example>")


@pytest.mark.parametrize("attack", [PICTURE, '"><svg onload=alert(1)>', "__proto__"])
def test_names_of_people_and_rooms_are_text(net: Net, pages: Pages, attack: str) -> None:
    ana, ben = met(net, attack)
    ben.api("POST", "/v1/nick", {"nick": attack})
    ana.api("POST", "/v1/nick", {"nick": f"ana {attack}"})
    ben.send(attack, f"hello {attack}")
    ben.api("POST", "/v1/msg", {"to": ana.peer_id, "text": attack})
    opened = pages.open(ana, room(attack))
    opened.expect_errors("status of 4")
    expect(opened.page.get_by_role("heading", name=attack)).to_be_visible()
    expect(opened.page.locator(".author")).to_have_text(attack)
    assert_tame(opened)
    opened.page.get_by_role("button", name="Members").click()
    expect(opened.page.get_by_role("complementary").get_by_role("link", name=attack)).to_be_visible()
    assert_tame(opened)
    opened.box.press_sequentially(f"@{attack[:2]}")
    expect(opened.page.get_by_role("option", name=attack)).to_be_visible()
    assert_tame(opened)
    opened.box.fill("")
    expect(opened.entry(attack)).to_have_count(2)  # the room and the person
    expect(opened.page.get_by_role("navigation").get_by_text(f"ana {attack}", exact=True)).to_be_visible()
    opened.show(peer(ben.peer_id))
    expect(opened.page.get_by_role("heading", name=attack)).to_be_visible()
    assert_tame(opened)
    opened.show("#network")
    opened.page.get_by_role("table").get_by_role("button", name=attack).click()
    expect(opened.page.get_by_role("heading", name=attack)).to_be_visible()
    assert_tame(opened)
    opened.show("#settings")
    expect(opened.page.get_by_role("button", name=f"Block {attack}")).to_be_visible()
    assert_tame(opened)
    opened.show(room(f"{attack} 2"))
    expect(opened.page.get_by_role("button", name="Join this room")).to_be_visible()
    assert_tame(opened)
    opened.show("#start")
    field = opened.page.get_by_role("textbox", name="Paste an ID or address")
    field.fill(f"{attack} nobody")
    opened.page.get_by_role("button", name="Connect").click()
    expect(field).to_have_attribute("aria-invalid", "true")
    assert_tame(opened)


def met(net: Net, name: str) -> list[Daemon]:
    pair = two_daemons(net)
    for daemon in pair:
        daemon.join(name)
    pair[0].connect(pair[1])
    for daemon in pair:
        eventually(lambda daemon=daemon: daemon.members(name) > 0, 30, what="each other in the room")
    return pair


def assert_tame(opened: Opened) -> None:
    """No element but ours, no link but to the web, no handler. That no dialog opened is checked at the end."""
    assert opened.page.locator(FORBIDDEN).count() == 0
    assert opened.page.evaluate(UNSAFE_LINKS) == []
    assert opened.page.evaluate(HANDLERS) == []
